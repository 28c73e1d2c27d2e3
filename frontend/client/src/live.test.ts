import { beforeEach, describe, expect, test } from "vitest";
import { FakePlatform } from "./fake";
import type { StateFrame } from "./frames";
import { createLive, SOCKET_RETRY } from "./live";
import type { Connection, Live } from "./live";
import { PONG_TIMEOUT } from "./socket";
import { CONNECT_TIMEOUT, HEARTBEAT } from "./transport";

const TOPIC = "order:A1001";

let platform: FakePlatform;
let live: Live;
let states: StateFrame[];
let connections: Connection[];

beforeEach(() => {
  platform = new FakePlatform();
  states = [];
  connections = [];
  live = createLive(platform, {
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

/** Two sockets that fail before their first frame. */
function withoutSockets(): void {
  live.start();
  platform.socket.drop();
  platform.advance(250);
  platform.socket.drop();
  platform.advance(500);
}

function withoutStreams(): void {
  withoutSockets();
  platform.stream.end();
  platform.advance(1000);
}

/** Lets time pass under the heartbeat of the stream in use. */
function beat(ms: number): void {
  for (; ms > 0; ms -= HEARTBEAT) {
    platform.streams.filter((s) => !s.cancelled).forEach((s) => s.text(":\n\n"));
    platform.advance(Math.min(ms, HEARTBEAT));
  }
}

function seqs(): number[] {
  return states.map((s) => s.seq);
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
    expect(seqs()).toEqual([7, 8, 10, 11]);
  });

  test("a state that came another way counts", () => {
    connected();
    live.accept(frame("snapshot", 9) as StateFrame);
    platform.socket.message(frame("update", 9));
    expect(seqs()).toEqual([7, 9]);
  });

  test.each([
    ["another topic", frame("update", 8, "order:B")],
    ["garbage", "garbage"],
    ["null", "null"],
    ["no seq", { type: "update", topic: TOPIC }],
    ["a future type", { type: "party" }],
    ["an error that is no refusal", { type: "error", topic: TOPIC, code: "not_subscribed" }],
  ])("%s is ignored", (_, text) => {
    connected();
    platform.socket.message(text);
    expect(states).toHaveLength(1);
    expect(connections).toEqual(["socket"]);
  });

  test("it resumes after the newest seq", () => {
    connected();
    platform.socket.message(frame("update", 9));
    platform.socket.drop();
    platform.advance(250);
    platform.socket.open();
    expect(platform.sockets).toHaveLength(2);
    expect(platform.socket.sent[0]).toMatchObject({ type: "subscribe", after: 9 });
    expect(connections).toEqual(["socket", "down"]);
  });

  test("a connection that takes too long is given up", () => {
    live.start();
    platform.advance(CONNECT_TIMEOUT);
    expect(platform.sockets[0]!.closed).toBe(true);
    platform.advance(250);
    expect(platform.sockets).toHaveLength(2);
  });

  test("one that opens and says nothing is given up as well", () => {
    live.start();
    platform.socket.open();
    platform.advance(CONNECT_TIMEOUT + 250);
    expect(platform.sockets).toHaveLength(2);
  });

  test("silence is met with a ping, and silence after it with a new connection", () => {
    connected();
    platform.advance(HEARTBEAT);
    expect(platform.socket.sent[1]).toEqual({ type: "ping" });
    platform.socket.message({ type: "pong" });
    platform.advance(HEARTBEAT - 1);
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
    expect(platform.streams).toHaveLength(0);
  });

  test.each(["forbidden", "token_expired", "no_topic"])("%s ends it for good", (code) => {
    live.start();
    platform.socket.open();
    platform.socket.message({ type: "error", topic: TOPIC, code });
    platform.wake(true);
    live.start();
    live.stop();
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
    const seen = { type: "seen", topic: TOPIC, seq: 7 } as const;
    expect(live.send(seen)).toBe(false);
    connected();
    expect(live.send(seen)).toBe(true);
    expect(platform.socket.sent[1]).toEqual(seen);
    platform.socket.drop();
    expect(live.send(seen)).toBe(false);
    expect(platform.posts).toHaveLength(0);
  });
});

describe("when sockets do not get through", () => {
  test("two failures in a row lead to the event stream, the token as bearer", () => {
    withoutSockets();
    expect(platform.sockets).toHaveLength(2);
    expect(platform.stream.url).toBe("/v1/orders/A1001/stream?after=7");
    expect(platform.stream.token).toBe("secret");
  });

  test("events are read whole, however they are cut", () => {
    withoutSockets();
    const text = "id: 8\ndata: " + JSON.stringify(frame("snapshot", 8)) + "\n\n:\n\n";
    text.split("").forEach((c) => platform.stream.text(c));
    platform.stream.text("id: 9\ndata: " + JSON.stringify(frame("update", 9)) + "\n\nid: 10\ndata: {\"ty");
    expect(seqs()).toEqual([8, 9]);
    expect(connections).toEqual(["stream"]);
  });

  test("the heartbeat keeps it, and twice its period without one ends it", () => {
    withoutSockets();
    platform.stream.event(frame("current", 7));
    for (let i = 0; i < 4; i++) {
      platform.advance(HEARTBEAT);
      platform.stream.text(":\n\n");
    }
    expect(connections).toEqual(["stream"]);
    platform.advance(2 * HEARTBEAT);
    expect(platform.streams[0]!.cancelled).toBe(true);
    platform.advance(250);
    expect(platform.streams).toHaveLength(2);
  });

  test("a stream that brings nothing in time gives way to long polls", () => {
    withoutSockets();
    platform.advance(CONNECT_TIMEOUT + 1000);
    expect(platform.streams[0]!.cancelled).toBe(true);
    expect(platform.request.url).toBe("/v1/orders/A1001?after=7&wait=0s");
    expect(platform.request.token).toBe("secret");
  });

  test("frames keep it asking from where it is", () => {
    withoutStreams();
    platform.request.answer(200, frame("update", 9));
    platform.request.answer(200, frame("current", 9));
    expect(states.map((s) => [s.type, s.seq])).toEqual([
      ["update", 9],
      ["current", 9],
    ]);
    expect(platform.request.url).toBe("/v1/orders/A1001?after=9&wait=25s");
    expect(connections).toEqual(["poll"]);
  });

  test("what a proxy says in the server's name is no state", () => {
    withoutStreams();
    platform.request.answer(200, null);
    expect(states).toHaveLength(0);
    expect(connections).toEqual([]);
  });

  test.each([
    ["stream", withoutSockets],
    ["poll", withoutStreams],
  ])("over %s reports go by requests of their own", (_, begin) => {
    begin();
    const seen = { type: "seen", topic: TOPIC, seq: 7 } as const;
    expect(live.send(seen)).toBe(false);
    platform.requests.forEach((r) => r.answer(200, frame("current", 7)));
    platform.streams.filter((s) => !s.cancelled).forEach((s) => s.event(frame("current", 7)));
    expect(live.send(seen)).toBe(true);
    expect(platform.posts).toEqual([{ url: "/v1/orders/A1001/acts", body: { token: "secret", frames: [seen] } }]);
  });

  test("what has worked is tried once more before it gives way", () => {
    withoutSockets();
    platform.stream.event(frame("current", 7));
    platform.stream.end(200);
    platform.advance(250);
    expect(platform.streams).toHaveLength(2);
    platform.stream.end();
    platform.advance(500);
    expect(platform.requests).toHaveLength(1);
  });

  test("a socket is tried beside it later and takes over once it brings something", () => {
    withoutSockets();
    platform.stream.event(frame("current", 7));
    beat(SOCKET_RETRY);
    expect(platform.sockets).toHaveLength(3);
    platform.stream.event(frame("update", 8));
    platform.socket.open();
    expect(platform.streams[0]!.cancelled).toBe(false);
    platform.socket.message(frame("current", 8));
    expect(platform.streams[0]!.cancelled).toBe(true);
    platform.stream.event(frame("update", 9)); // of the one that was left
    platform.socket.message(frame("update", 9));
    expect(seqs()).toEqual([7, 8, 8, 9]);
    expect(connections).toEqual(["stream", "socket"]);
  });

  test("and leaves it alone when it fails again, to be tried once more", () => {
    withoutSockets();
    platform.stream.event(frame("current", 7));
    for (let i = 0; i < 3; i++) {
      beat(SOCKET_RETRY);
      expect(platform.sockets).toHaveLength(3 + i);
      platform.socket.drop();
    }
    expect(connections).toEqual(["stream"]);
    expect(platform.streams).toHaveLength(1);
  });

  test.each([
    ["stream", withoutSockets, () => platform.stream.end(429, 7)],
    ["poll", withoutStreams, () => platform.request.answer(429, null, 7)],
  ])("over %s Retry-After is kept", (_, begin, refuse) => {
    begin();
    const tries = () => platform.sockets.length + platform.streams.length + platform.requests.length;
    refuse();
    const before = tries();
    platform.advance(6999);
    expect(tries()).toBe(before);
    platform.advance(1);
    expect(tries()).toBe(before + 1);
  });

  test("when nothing gets through it begins again at the top: the server was restarted", () => {
    withoutStreams();
    platform.request.answer(0);
    platform.advance(5000);
    expect(platform.sockets).toHaveLength(3);
    platform.socket.open();
    platform.socket.message(frame("snapshot", 8));
    expect(connections).toEqual(["socket"]);
  });

  test.each([
    ["stream", withoutSockets, (status: number) => platform.stream.end(status)],
    ["poll", withoutStreams, (status: number) => platform.request.answer(status)],
  ])("over %s a refusal ends it for good", (_, begin, refuse) => {
    [401, 403, 404, 410].forEach((status) => {
      begin();
      refuse(status);
      platform.advance(600_000);
      expect(connections).toEqual(["refused"]);
      expect(platform.pending).toBe(0);
    });
  });

  test("a server that calls the client faulty is never dialled by socket again", () => {
    connected();
    platform.socket.drop(4002);
    platform.advance(5000);
    platform.stream.event(frame("current", 7));
    beat(10 * SOCKET_RETRY);
    platform.stream.end();
    platform.advance(5000);
    platform.stream.end();
    platform.advance(5000);
    platform.request.answer(0);
    platform.advance(5000);
    expect(platform.sockets).toHaveLength(1);
    expect(platform.streams.length).toBeGreaterThan(2);
    expect(connections).toEqual(["socket", "down", "stream", "down"]);
  });

  test("a platform without streams goes from sockets to polls", () => {
    Object.assign(platform, { openStream: undefined });
    live = createLive(platform, {
      socketUrl: "wss://pay.example/v1/live", stateUrl: "https://pay.example/v1/orders/A1001", topic: TOPIC,
      token: "secret", after: 7, onState: (f) => states.push(f), onConnection: (c) => connections.push(c),
    });
    withoutSockets();
    expect(platform.request.url).toBe("https://pay.example/v1/orders/A1001?after=7&wait=0s");
  });
});

describe("a topic besides", () => {
  const BOARD = "announcements";
  const board = (seq: number) => frame("update", seq, BOARD);

  function watchBoth(drops: number): void {
    platform = new FakePlatform();
    live = createLive(platform, {
      socketUrl: "wss://pay.example/v1/live",
      stateUrl: "/v1/orders/A1001",
      topic: TOPIC,
      token: "secret",
      also: BOARD,
      after: 7,
      onState: (state) => states.push(state),
      onConnection: (connection) => connections.push(connection),
    });
    live.start();
    for (let i = 0; i < drops; i++) {
      platform.socket.drop();
      platform.advance(1000);
    }
  }

  test("comes over a stream that asks for it", () => {
    watchBoth(2);
    expect(platform.stream.url).toBe("/v1/orders/A1001/stream?after=7&announcements=0");
    platform.stream.event(board(3));
    platform.stream.event(frame("current", 7));
    platform.stream.event(frame("snapshot", 5, "order:B2"));
    expect(states.map((s) => [s.topic, s.seq])).toEqual([
      [BOARD, 3],
      [TOPIC, 7],
    ]);
    expect(connections).toEqual(["stream"]);
  });

  test("comes by long polls, which ask for what they do not have of either", () => {
    watchBoth(2);
    platform.stream.end();
    platform.advance(1000);
    const asked = () => platform.request.url.replace("/v1/orders/A1001", "");
    expect(asked()).toBe("?after=7&announcements=0&wait=0s");
    platform.request.answer(200, frame("current", 7));
    expect(asked()).toBe("?after=7&announcements=0&wait=25s");
    platform.request.answer(200, board(3));
    expect(asked()).toBe("?after=7&announcements=3&wait=25s");
    platform.request.answer(200, frame("update", 8));
    expect(asked()).toBe("?after=8&announcements=3&wait=25s");
    expect(states.map((s) => s.seq)).toEqual([7, 3, 8]);
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

  test.each([
    ["stream", withoutSockets],
    ["poll", withoutStreams],
  ])("over %s as well, and a socket that is tried beside it", (_, begin) => {
    begin();
    platform.requests.forEach((r) => r.answer(200, frame("current", 7)));
    platform.streams.filter((s) => !s.cancelled).forEach((s) => s.event(frame("current", 7)));
    beat(SOCKET_RETRY);
    expect(platform.sockets).toHaveLength(3);
    platform.wake(false);
    expect(platform.pending).toBe(0);
    expect(platform.socket.closed).toBe(true);
    expect(platform.stream.cancelled || platform.request.cancelled).toBe(true);
  });

  test("reports still go out", () => {
    connected();
    platform.wake(false);
    const left = { type: "act", topic: TOPIC, name: "left" } as const;
    expect(live.send(left)).toBe(false);
    expect(live.report([left])).toBe(true);
    expect(platform.posts[0]!.body.frames).toEqual([left]);
  });

  test("a page opened in the background connects when it is shown", () => {
    platform.isAwake = false;
    live.start();
    expect(platform.sockets).toHaveLength(0);
    platform.wake(true);
    expect(platform.sockets).toHaveLength(1);
  });

  test("waking cuts a pause short, and pauses begin small again", () => {
    withoutStreams();
    for (let i = 0; i < 3; i++) {
      platform.request.answer(0);
      platform.advance(CONNECT_TIMEOUT + 30_000); // a socket, and a stream
      platform.advance(CONNECT_TIMEOUT + 30_000);
    }
    platform.request.answer(0); // the pause is long now
    const before = platform.sockets.length;
    platform.advance(1000);
    expect(platform.sockets).toHaveLength(before);
    platform.wake(true);
    expect(platform.sockets).toHaveLength(before + 1);
    platform.socket.drop();
    platform.advance(250);
    expect(platform.streams.length + platform.sockets.length).toBeGreaterThan(before + 1);
  });

  test("a network that came back is probed, because phones kill sockets silently", () => {
    connected();
    platform.wake(true);
    expect(platform.sockets).toHaveLength(1);
    expect(platform.socket.sent[1]).toEqual({ type: "ping" });
    platform.advance(PONG_TIMEOUT + 250);
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
