import { expect, test } from "vitest";
import { MAX_PAUSE, MIN_PAUSE, pause } from "./backoff";

test("the bound doubles from half a second to thirty", () => {
  const bounds = Array.from({ length: 9 }, (_, losses) => pause(losses, 1));
  expect(bounds).toEqual([MIN_PAUSE, 1000, 2000, 4000, 8000, 16000, MAX_PAUSE, MAX_PAUSE, MAX_PAUSE]);
});

test("pauses are spread from zero to the bound", () => {
  expect([0, 0.25, 0.5].map((random) => pause(1, random))).toEqual([0, 250, 500]);
});
