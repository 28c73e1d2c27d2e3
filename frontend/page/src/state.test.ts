import { expect, test } from "vitest";
import type { StateFrame } from "../../client/src/index";
import type { Progress } from "./order";
import { initialState, reduce } from "./state";
import type { Boot, State } from "./state";

const progress: Progress = {
  order_no: "A1001",
  seq: 7,
  status: "confirming",
  step: "payment_submitted",
  amount: { minor: 8800, currency: "CNY" },
  stage: "fresh",
  claimed_at: "2026-11-23T04:00:00.000Z",
  attempt: 2,
  attempting: false,
  next_attempt_at: "2026-11-23T04:00:18.000Z",
  expected: null,
  review: null,
  compensation: null,
  paid_twice: false,
  do_not_pay_again: true,
  result: null,
  links: { detail: null, repay: null, support: null },
  updated_at: "2026-11-23T04:00:09.000Z",
};

const boot: Boot = {
  topic: "order:A1001",
  token: "secret",
  brand: "Shop",
  lang: "en",
  version: "0123456789ab",
  scope: "",
  tell: 0,
  announced: [],
  now: "2026-11-23T04:00:12.000Z",
  progress,
  moments: [],
  check_again_at: null,
  money: { prefix: "¥", digits: 2 },
  rules: { delayedMs: 60_000, refundDays: 5 },
  texts: {},
};

function frame(type: StateFrame["type"], change: Partial<Progress>, event?: string): StateFrame {
  const data = { ...progress, ...change };
  const base = { type, topic: boot.topic, seq: data.seq, now: "2026-11-23T04:00:20.000Z", data };
  return event ? { ...base, event } : base;
}

function after(...frames: StateFrame[]): State {
  return frames.reduce((s, f) => reduce(s, { type: "frame", frame: f, now: 1_000 }), initialState(boot));
}

test("an update replaces the state and tells its event at the time when it happened", () => {
  const s = after(frame("update", { seq: 8, attempt: 3, attempting: true, updated_at: "2026-11-23T04:00:18.000Z" }, "retry.started"));
  expect(s.progress).toMatchObject({ seq: 8, attempt: 3 });
  expect(s.moments).toEqual([
    { seq: 8, at: "2026-11-23T04:00:18.000Z", event: "retry.started", status: "confirming", attempt: 3 },
  ]);
});

test("no order of frames takes the state back", () => {
  const s = after(frame("update", { seq: 9, status: "succeeded" }, "status.changed"), frame("update", { seq: 8 }, "retry.started"));
  expect(s.progress.status).toBe("succeeded");
  expect(s.moments).toHaveLength(1);
});

test("a current frame confirms what is known", () => {
  const s = after(frame("current", {}));
  expect(s.progress).toBe(progress);
  expect(s.confirmedAt).toBe(1_000);
});

test("a snapshot tells what was missed by what differs", () => {
  expect(after(frame("snapshot", { seq: 12, status: "succeeded" })).moments[0]!.event).toBe("status.changed");
  expect(after(frame("snapshot", { seq: 12, attempt: 4, attempting: true })).moments[0]!.event).toBe("retry.started");
  expect(after(frame("snapshot", { seq: 12, attempt: 4 })).moments[0]!.event).toBe("retry.scheduled");
  expect(after(frame("snapshot", { seq: 12 })).moments).toEqual([]);
});

test("a claim answered by a snapshot is told as a claim", () => {
  const unclaimed = initialState({ ...boot, progress: { ...progress, seq: 1, status: "awaiting_payment" } });
  const s = reduce(unclaimed, { type: "frame", frame: frame("snapshot", { seq: 2 }), now: 1_000 });
  expect(s.moments[0]!.event).toBe("order.claimed");
});

test("a case that only the merchant sees is not told", () => {
  expect(after(frame("update", { seq: 8 }, "case.opened")).moments).toEqual([]);
  const review = { answer_by: "2026-11-23T06:00:00.000Z" };
  expect(after(frame("update", { seq: 8, review }, "case.opened")).moments).toHaveLength(1);
});

test("a notice is gone once the state has moved, not before", () => {
  const noticed = reduce(initialState(boot), { type: "notice", notice: "too_soon", checkAgainAt: 5_000 });
  expect(noticed).toMatchObject({ notice: "too_soon", checkAgainAt: 5_000 });
  const same = reduce(noticed, { type: "frame", frame: frame("update", { seq: 8 }, "stage.changed"), now: 1 });
  expect(same.notice).toBe("too_soon");
  const moved = reduce(same, { type: "frame", frame: frame("update", { seq: 9, attempt: 3 }, "retry.started"), now: 1 });
  expect(moved.notice).toBe("");
});

test("a frame proves that the network is back", () => {
  const cut = reduce(initialState(boot), { type: "network", offline: true });
  expect(cut.offline).toBe(true);
  expect(reduce(cut, { type: "frame", frame: frame("current", {}), now: 2_000 }).offline).toBe(false);
});
