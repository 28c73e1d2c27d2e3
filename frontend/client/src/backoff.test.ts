import { expect, test } from "vitest";
import { LONG_PAUSE, MAX_PAUSE, MIN_PAUSE, PATIENT_LOSSES, pause } from "./backoff";

test("the bound doubles from half a second to four, and is long when nothing has helped for a minute", () => {
  const bounds = Array.from({ length: 6 }, (_, losses) => pause(losses, 1));
  expect(bounds).toEqual([MIN_PAUSE, 1000, 2000, MAX_PAUSE, MAX_PAUSE, MAX_PAUSE]);
  expect([-1, 0, 100].map((more) => pause(PATIENT_LOSSES + more, 1))).toEqual([MAX_PAUSE, LONG_PAUSE, LONG_PAUSE]);
});

test("pauses are spread from zero to the bound", () => {
  expect([0, 0.25, 0.5].map((random) => pause(1, random))).toEqual([0, 250, 500]);
});
