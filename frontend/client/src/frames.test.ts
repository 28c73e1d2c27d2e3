import { expect, test } from "vitest";
import { isRefusal, mustNotReconnect, parseFrame } from "./frames";

test.each([
  ["not JSON", "{"],
  ["null", "null"],
  ["a number", "7"],
  ["an unknown type", '{"type":"confetti"}'],
  ["a state without seq", '{"type":"update","topic":"order:A"}'],
  ["a state without topic", '{"type":"update","seq":7}'],
])("%s is ignored", (_, text) => {
  expect(parseFrame(text)).toBeNull();
});

test.each(["snapshot", "update", "current"])("a %s is read", (type) => {
  expect(parseFrame(JSON.stringify({ type, topic: "order:A", seq: 7 }))).toMatchObject({ type, seq: 7 });
});

test("only refusals of the token or topic are final", () => {
  expect(["forbidden", "token_expired", "no_topic"].every(isRefusal)).toBe(true);
  expect(["unavailable", "rate_limited", "bad_json"].some(isRefusal)).toBe(false);
});

test("only faults of the client forbid to connect again", () => {
  expect([1002, 1009, 4002].every(mustNotReconnect)).toBe(true);
  expect([1000, 1001, 1006, 1012, 4001, 4003, 4004].some(mustNotReconnect)).toBe(false);
});
