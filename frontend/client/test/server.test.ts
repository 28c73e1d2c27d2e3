// @vitest-environment node
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { StateFrame } from "../src/frames.js";
import { createLive } from "../src/live.js";
import type { Connection, Live } from "../src/live.js";
import type { Platform } from "../src/platform.js";
import { wechatPlatform } from "../src/wechat.js";
import { nodePlatform } from "./node.js";
import { build, freePort, Server } from "./server.js";
import { FakeWx } from "./wx.js";

/** Bounds waiting for what must happen; it measures nothing. */
const PATIENCE = 60_000;

let built: ReturnType<typeof build>;
let server: Server;
let orders = 0;

beforeAll(async () => {
  built = build();
  server = new Server(built.binary);
  await server.start();
}, 300_000);

afterAll(async () => {
  await server.remove();
  built.remove();
});

/** One client of an order of its own. */
class Watcher {
  readonly frames: StateFrame[] = [];
  readonly connections: Connection[] = [];
  readonly live: Live;
  private waiting: (() => void)[] = [];

  constructor(platform: Platform, readonly orderNo: string, token: string, after = 0) {
    const changed = () => this.waiting.splice(0).forEach((run) => run());
    this.live = createLive(platform, {
      socketUrl: server.base.replace("http", "ws") + "/v1/live",
      stateUrl: server.base + "/v1/orders/" + orderNo,
      topic: "order:" + orderNo,
      token,
      after,
      onState: (frame) => {
        this.frames.push(frame);
        changed();
      },
      onConnection: (connection) => {
        this.connections.push(connection);
        changed();
      },
    });
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      await new Promise<void>((run) => this.waiting.push(run));
    }
  }

  get last(): StateFrame | undefined {
    return this.frames[this.frames.length - 1];
  }
}

async function watch(platform: Platform, after?: number): Promise<Watcher> {
  const orderNo = "C" + ++orders;
  return new Watcher(platform, orderNo, await server.register(orderNo), after);
}

const transports: [string, Connection, () => Platform][] = [
  ["WebSocket", "socket", () => nodePlatform()],
  ["an event stream", "stream", () => nodePlatform(["socket"])],
  ["long polls", "poll", () => nodePlatform(["socket", "stream"])],
  ["a Mini Program's socket", "socket", () => wechatPlatform(new FakeWx())],
  ["a Mini Program's requests", "poll", () => {
    const wx = new FakeWx();
    wx.open = 5; // all that it allows
    return wechatPlatform(wx);
  }],
];

describe.each(transports)("over %s", (_, connection, platform) => {
  test("the state comes first, then each change once and in order", async () => {
    const w = await watch(platform());
    w.live.start();
    await w.until(() => w.frames.length > 0);
    expect(w.frames[0]).toMatchObject({ type: "snapshot", topic: "order:" + w.orderNo, seq: 1 });
    expect(Date.parse(w.frames[0]!.now)).toBeGreaterThan(0);
    const seq = await server.push(w.orderNo, "confirming");
    await w.until(() => w.last!.seq >= seq);
    const final = await server.push(w.orderNo, "succeeded");
    await w.until(() => w.last!.seq >= final);
    w.live.stop();
    expect(w.last).toMatchObject({ data: { status: "succeeded", seq: final } });
    expect(w.last!.event).toBeTruthy();
    const seqs = w.frames.map((f) => f.seq);
    expect(seqs).toEqual([...new Set(seqs)].sort((a, b) => a - b));
    expect(w.connections).toEqual([connection, "down"]);
  }, PATIENCE);

  test("what is known already is not sent again", async () => {
    const w = await watch(platform(), 1);
    w.live.start();
    if (connection !== "poll") { // which waits for news instead
      await w.until(() => w.frames.length > 0);
      expect(w.frames[0]).toMatchObject({ type: "current", seq: 1 });
      expect(w.frames[0]).not.toHaveProperty("data");
    }
    const seq = await server.push(w.orderNo, "confirming");
    await w.until(() => w.frames.some((f) => f.seq === seq));
    w.live.stop();
  }, PATIENCE);

  test("a forged token is refused for good", async () => {
    const w = await watch(platform());
    const forged = new Watcher(platform(), w.orderNo, "forged");
    forged.live.start();
    await forged.until(() => forged.connections.length > 0);
    expect(forged.connections).toEqual(["refused"]);
    expect(forged.frames).toHaveLength(0);
  }, PATIENCE);

  test("what the payer has seen is reported", async () => {
    const w = await watch(platform());
    w.live.start();
    await w.until(() => w.frames.length > 0);
    expect(w.live.send({ type: "seen", topic: "order:" + w.orderNo, seq: 1 })).toBe(true);
    const seq = await server.push(w.orderNo, "confirming"); // the connection lives on
    await w.until(() => w.last!.seq >= seq);
    w.live.stop();
  }, PATIENCE);

  test("a server that was killed is found again, with the truth", async () => {
    const w = await watch(platform());
    w.live.start();
    await w.until(() => w.frames.length > 0);
    const seq = await server.push(w.orderNo, "confirming");
    await w.until(() => w.last!.seq >= seq);
    await server.kill();
    await w.until(() => w.connections[w.connections.length - 1] === "down");
    await server.start();
    const final = await server.push(w.orderNo, "succeeded");
    await w.until(() => w.last!.seq >= final);
    w.live.stop();
    expect(w.last!.seq).toBe(final);
  }, PATIENCE);
});

test("a Mini Program that is hidden hangs up, and resumes when it is shown", async () => {
  const wx = new FakeWx();
  const w = await watch(wechatPlatform(wx));
  w.live.start();
  await w.until(() => w.connections.length === 1);
  wx.hide();
  expect(w.connections).toEqual(["socket", "down"]);
  const seq = await server.push(w.orderNo, "confirming");
  wx.network(true); // of a program that nobody sees
  wx.show();
  await w.until(() => w.last!.seq >= seq);
  wx.network(false);
  wx.network(true); // probes, and the answer keeps it
  const final = await server.push(w.orderNo, "succeeded");
  await w.until(() => w.last!.seq >= final);
  expect(w.connections).toEqual(["socket", "down", "socket"]);
  w.live.stop();
  expect(wx.listeners).toBe(0);
}, PATIENCE);

test("a Mini Program that cannot reach the server is told so", async () => {
  const platform = wechatPlatform(new FakeWx());
  const nowhere = "127.0.0.1:" + (await freePort());
  const closed = await new Promise<number>((done) => {
    platform.openSocket("ws://" + nowhere, "anxin.v1", { open() {}, message() {}, closed: done });
  });
  expect(closed).toBe(1006);
  const answer = await new Promise((done) => platform.get("http://" + nowhere, "t", done));
  expect(answer).toEqual({ status: 0, body: null, retryAfter: 0 });
}, PATIENCE);
