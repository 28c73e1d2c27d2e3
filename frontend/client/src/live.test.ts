import { beforeEach, describe, expect, test } from "vitest";
import { FakePlatform } from "./fake";
import type { StateFrame } from "./frames";
import { Live, SOCKET_RETRY } from "./live";
import type { Connection } from "./live";
import { CONNECT_TIMEOUT, PONG_TIMEOUT, QUIET } from "./socket";

const TOPIC = "order:A1001";

let platform: FakePlatform;
let live: Live;
let states: StateFrame[];
let connections: Connection[];

beforeEach(() => {
  platform = new FakePlatform();
  states = [];
  connections = [];
  live = new Live(platform, {
    socketUrl: "wss://pay.example/v1/live",
    stateUrl: "/v1/orders/A1001",
    topic: TOPIC,
    token: "secret",
    after: 7,
    onState: (frame) => states.push(frame),
    onConnection: (connection) => connections.push(connection),
  });
});

function frame(type: string, seq: number, topic = TOPIC) {
  return { type, topic, seq, now: "2026-11-23T04:00:00.000Z", data: { seq } };
}

function connected(): void {
  live.start();
  platform.socket.open();
  platform.socket.message(frame("current", 7));
}

describe("over a socket", () => {
  test("it subscribes with token and the seq it knows, in the first frame and not in the address", () => {
    live.start();
    expect(platform.socket.url).toBe("wss://pay.example/v1/live");
    expect(platform.socket.protocol).toBe("anxin.v1");
    platform.socket.open();
    expect(platform.socket.sent).toEqual([{ type: "subscribe", topic: TOPIC, token: "secret", after: 7 }]);
  });

  test("each seq is reported once and never a lower one", () => {
    connected();
    [8, 8, 10, 9, 11].forEach((seq) => platform.socket.message(frame("update", seq)));
    expect(states.map((s) => s.seq)).toEqual([7, 8, 10, 11]);
  });

  test("frames of another topic and unknown frames are ignored", () => {
    connected();
    platform.socket.message(frame("update", 8, "order:B"));
    platform.socket.message("garbage");
    expect(states).toHaveLength(1);
  });

  test("it resumes after the newest seq", () => {
    connected();
    platform.socket.message(frame("update", 9));
    platform.socket.drop();
    platform.advance(500);
    platform.socket.open();
    expect(platform.sockets).toHaveLength(2);
    expect(platform.socket.sent[0]).toMatchObject({ type: "subscribe", after: 9 });
    expect(connections).toEqual(["socket", "down"]);
  });

  test("a connection that takes too long is given up", () => {
    live.start();
    platform.advance(CONNECT_TIMEOUT);
    expect(platform.sockets[0]!.closed).toBe(true);
    platform.advance(500);
    expect(platform.sockets).toHaveLength(2);
  });

  test("silence is met with a ping, and silence after it with a new connection", () => {
    connected();
    platform.advance(QUIET);
    expect(platform.socket.sent[1]).toEqual({ type: "ping" });
    platform.socket.message({ type: "pong" });
    platform.advance(QUIET - 1);
    expect(platform.socket.sent).toHaveLength(2);
    platform.advance(1 + PONG_TIMEOUT);
    expect(platform.sockets[0]!.closed).toBe(true);
    expect(connections).toEqual(["socket", "down"]);
  });

  test("a reconnect frame is obeyed with its delay and is no failure", () => {
    connected();
    for (let i = 0; i < 3; i++) {
      platform.socket.message({ type: "reconnect", after_ms: 1200 });
      const before = platform.sockets.length;
      platform.advance(1199);
      expect(platform.sockets).toHaveLength(before);
      platform.advance(1);
      expect(platform.sockets).toHaveLength(before + 1);
      platform.socket.open();
    }
    expect(platform.requests).toHaveLength(0);
  });

  test.each(["forbidden", "token_expired", "no_topic"])("%s ends it for good", (code) => {
    live.start();
    platform.socket.open();
    platform.socket.message({ type: "error", topic: TOPIC, code });
    platform.wake(true);
    live.start();
    platform.advance(600_000);
    expect(platform.sockets).toHaveLength(1);
    expect(connections).toEqual(["refused"]);
    expect(platform.pending).toBe(0);
  });

  test("unavailable is tried again", () => {
    live.start();
    platform.socket.open();
    platform.socket.message({ type: "error", topic: TOPIC, code: "unavailable" });
    platform.advance(500);
    expect(platform.sockets).toHaveLength(2);
  });

  test("it sends only while connected", () => {
    expect(live.send({ type: "seen" })).toBe(false);
    connected();
    expect(live.send({ type: "seen" })).toBe(true);
    platform.socket.drop();
    expect(live.send({ type: "seen" })).toBe(false);
  });
});

describe("when sockets do not get through", () => {
  function polling(): void {
    live.start();
    platform.socket.drop();
    platform.advance(500);
    platform.socket.drop();
    platform.advance(1000);
  }

  test("two failures in a row lead to long polling with the token as bearer", () => {
    polling();
    expect(platform.sockets).toHaveLength(2);
    expect(platform.request.url).toBe("/v1/orders/A1001?after=7&wait=25s");
    expect(platform.request.token).toBe("secret");
  });

  test("states and their absence keep it asking from where it is", () => {
    polling();
    platform.request.answer(200, { seq: 9 });
    platform.request.answer(204);
    expect(states.map((s) => [s.type, s.seq])).toEqual([
      ["snapshot", 9],
      ["current", 9],
    ]);
    expect(platform.request.url).toBe("/v1/orders/A1001?after=9&wait=25s");
    expect(connections).toEqual(["poll"]);
  });

  test("a socket is tried again later, and polling goes on if it fails", () => {
    polling();
    platform.advance(SOCKET_RETRY);
    expect(platform.requests[0]!.cancelled).toBe(true);
    expect(platform.sockets).toHaveLength(3);
    platform.socket.drop();
    platform.advance(5000);
    expect(platform.requests).toHaveLength(2);
  });

  test("a refusal's Retry-After is kept", () => {
    polling();
    platform.request.answer(429, null, 7);
    platform.advance(6999);
    const before = platform.sockets.length + platform.requests.length;
    platform.advance(1);
    expect(platform.sockets.length + platform.requests.length).toBe(before + 1);
  });

  test("polling that fails gives the socket a chance: the server was restarted", () => {
    polling();
    platform.request.answer(0);
    platform.advance(5000);
    expect(platform.sockets).toHaveLength(3);
    platform.socket.open();
    platform.socket.message(frame("snapshot", 8));
    expect(connections).toEqual(["socket"]);
  });

  test.each([401, 403, 404, 410])("%i ends it for good", (status) => {
    polling();
    platform.request.answer(status);
    platform.advance(600_000);
    expect(connections).toEqual(["refused"]);
    expect(platform.requests).toHaveLength(1);
  });

  test("a server that calls the client faulty is polled and never dialled again", () => {
    connected();
    platform.socket.drop(4002);
    platform.advance(5000);
    platform.request.answer(204);
    platform.advance(10 * SOCKET_RETRY);
    expect(platform.sockets).toHaveLength(1);
    expect(connections).toEqual(["socket", "down", "poll"]);
  });
});

describe("while nobody looks", () => {
  test("it hangs up when hidden and resumes at once when shown", () => {
    connected();
    platform.wake(false);
    expect(platform.socket.closed).toBe(true);
    platform.advance(3_600_000);
    expect(platform.sockets).toHaveLength(1);
    platform.wake(true);
    expect(platform.sockets).toHaveLength(2);
  });

  test("a page opened in the background connects when it is shown", () => {
    platform.isAwake = false;
    live.start();
    expect(platform.sockets).toHaveLength(0);
    platform.wake(true);
    expect(platform.sockets).toHaveLength(1);
  });

  test("waking cuts a pause short", () => {
    connected();
    platform.socket.drop();
    platform.wake(true);
    expect(platform.sockets).toHaveLength(2);
  });

  test("a network that came back is probed, because phones kill sockets silently", () => {
    connected();
    platform.wake(true);
    expect(platform.sockets).toHaveLength(1);
    expect(platform.socket.sent[1]).toEqual({ type: "ping" });
    platform.advance(PONG_TIMEOUT + 500);
    expect(platform.sockets).toHaveLength(2);
  });

  test("stopped, it leaves nothing behind; started again, it goes on", () => {
    connected();
    live.stop();
    live.stop();
    expect(platform.pending).toBe(0);
    platform.wake(true);
    expect(platform.sockets).toHaveLength(1);
    live.start();
    live.start();
    expect(platform.sockets).toHaveLength(2);
  });
});
