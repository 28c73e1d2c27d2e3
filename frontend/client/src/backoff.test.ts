import { expect, test } from "vitest";
import { Backoff, MAX_PAUSE, MIN_PAUSE } from "./backoff";

test("the bound doubles from half a second to thirty", () => {
  const backoff = new Backoff(() => 1);
  const bounds = Array.from({ length: 9 }, () => backoff.next());
  expect(bounds).toEqual([500, 1000, 2000, 4000, 8000, 16000, MAX_PAUSE, MAX_PAUSE, MAX_PAUSE]);
});

test("the jitter is full: a pause may be anything below the bound", () => {
  expect(new Backoff(() => 0).next()).toBe(0);
  expect(new Backoff(() => 0.25).next()).toBe(MIN_PAUSE / 4);
});

test("after a reset it begins again", () => {
  const backoff = new Backoff(() => 1);
  backoff.next();
  backoff.next();
  backoff.reset();
  expect(backoff.next()).toBe(MIN_PAUSE);
});
