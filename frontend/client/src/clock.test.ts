import { expect, test } from "vitest";
import { createClock } from "./clock";

function setup(rendered: number, device: number) {
  const time = { device };
  return { time, clock: createClock(rendered, () => time.device) };
}

test("a device clock one hour wrong does not matter", () => {
  const { time, clock } = setup(10_000_000, 10_000_000 - 3_600_000);
  time.device += 1500;
  expect(clock.now()).toBe(10_001_500);
});

test("of close samples the one that travelled fastest wins", () => {
  const { clock } = setup(10_000_000, 0);
  clock.sync(10_000_800); // the page itself took 800 ms longer
  expect(clock.now()).toBe(10_000_800);
  clock.sync(10_000_100); // a slow frame
  expect(clock.now()).toBe(10_000_800);
});

test("a clock that was set, or a page that was restored, follows the server at once", () => {
  const { time, clock } = setup(10_000_000, 0);
  time.device += 3_600_000; // the payer sets the clock
  clock.sync(10_001_000);
  expect(clock.now()).toBe(10_001_000);
});

test("a frame without a time changes nothing", () => {
  const { clock } = setup(10_000_000, 0);
  clock.sync(0);
  expect(clock.now()).toBe(10_000_000);
});
