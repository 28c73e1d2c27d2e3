import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { FakePlatform } from "../../client/src/fake";
import { createLive } from "../../client/src/index";
import type { Live } from "../../client/src/index";
import { watchActs } from "./acts";

const TOPIC = "order:A1001";

let platform: FakePlatform;
let live: Live;

beforeEach(() => {
  document.body.innerHTML =
    '<main id="anxin"><a id="support"><b id="inner">?</b></a><a id="repay"></a><button id="check-now"></button></main>';
  platform = new FakePlatform();
  live = createLive(platform, {
    socketUrl: "wss://pay.example/v1/live", stateUrl: "/v1/orders/A1001", topic: TOPIC, token: "secret", after: 7,
    onState: () => undefined, onConnection: () => undefined,
  });
});

afterEach(() => {
  live.stop();
  vi.unstubAllGlobals();
});

function connect(): void {
  live.start();
  platform.socket.open();
  platform.socket.message({ type: "current", topic: TOPIC, seq: 7, now: "" });
}

function click(id: string): void {
  document.getElementById(id)!.dispatchEvent(new Event("click", { bubbles: true }));
}

/** What was told over the sockets, then by beacons. */
function told(): unknown[] {
  const frames = platform.sockets.reduce((all, s) => all.concat(s.sent), [] as object[]);
  platform.posts.forEach((p) => frames.push(...(p.body.frames as object[])));
  return frames
    .filter((f) => (f as { type: string }).type === "act")
    .map((f) => {
      const { name, seq, value } = f as { name: string; seq: number; value?: number };
      return value === undefined ? [name, seq] : [name, seq, value];
    });
}

describe("a page that may report", () => {
  test("tells at once over the connection what is used", () => {
    connect();
    watchActs(platform, live, TOPIC)(7, "confirming");
    ["inner", "repay", "check-now", "anxin"].forEach(click);
    expect(told()).toEqual([["support_opened", 7], ["repay_tapped", 7], ["check_now", 7]]);
    expect(platform.posts).toHaveLength(0);
  });

  test("tells for how long each state was looked at", () => {
    connect();
    const drawn = watchActs(platform, live, TOPIC);
    drawn(7, "confirming");
    platform.advance(3000);
    drawn(8, "confirming"); // another attempt is no other state
    platform.advance(2200);
    drawn(9, "succeeded");
    expect(told()).toEqual([["visible", 8, 5]]);
  });

  test("counts no time in which nobody could see it, and tells by a beacon when it is left", () => {
    connect();
    const drawn = watchActs(platform, live, TOPIC);
    drawn(7, "confirming");
    platform.advance(4000);
    platform.wake(false);
    platform.wake(false);
    expect(platform.posts.map((p) => p.url)).toEqual(["/v1/orders/A1001/acts"]);
    expect(told()).toEqual([["visible", 7, 4], ["left", 7]]);
    platform.advance(60_000);
    platform.wake(true);
    platform.wake(true); // the network came back
    platform.advance(2000);
    platform.wake(false);
    expect(told().slice(2)).toEqual([["returned", 7], ["visible", 7, 2], ["left", 7]]);
  });

  test("keeps what it could not tell until it can", () => {
    watchActs(platform, live, TOPIC)(7, "confirming");
    click("support");
    connect();
    expect(told()).toEqual([]);
    click("repay");
    expect(told()).toEqual([["support_opened", 7], ["repay_tapped", 7]]);
  });
});

describe("nothing is reported", () => {
  test.each([
    ["where the server wants none", () => document.getElementById("anxin")!.setAttribute("data-silent", "")],
    ["with Do Not Track", () => vi.stubGlobal("navigator", { doNotTrack: "1" })],
    ["with Global Privacy Control", () => vi.stubGlobal("navigator", { globalPrivacyControl: true })],
  ])("%s", (_, ask) => {
    ask();
    connect();
    const drawn = watchActs(platform, live, TOPIC);
    drawn(7, "confirming");
    click("support");
    platform.advance(5000);
    drawn(8, "succeeded");
    platform.wake(false);
    expect(told()).toEqual([]);
  });
});
