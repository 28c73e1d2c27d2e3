import { readdirSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { FakePlatform } from "../../client/src/fake";
import { draw } from "./draw";
import { drawCount } from "./countdown";
import { ms } from "./order";
import type { Progress } from "./order";
import { startPage } from "./page";
import type { Screen } from "./screen";
import type { Boot } from "./state";

const DATA = resolve(process.cwd(), "page", "testdata");
const TEXTS = JSON.parse(readFileSync(resolve(DATA, "..", "catalog", "en.json"), "utf8"));

interface Golden {
  boot: Boot;
  screen: Screen;
}

function golden(state: string): Golden {
  const read: Golden = JSON.parse(readFileSync(resolve(DATA, "screens", state + ".en.json"), "utf8"));
  read.boot.texts = TEXTS;
  return read;
}

function put(state: string): void {
  document.body.innerHTML = readFileSync(resolve(DATA, "pages", state + ".html"), "utf8");
}

function text(id: string): string {
  const found = document.getElementById(id)!;
  return found.hidden ? "" : found.textContent!;
}

/** What of the page a payer and a screen reader meet, without what actions leave. */
function shown(): string[] {
  const skipped = ["notice", "offline", "zone", "say"];
  const lines: string[] = [];
  const walk = (node: Element) => {
    if ((node as HTMLElement).hidden || skipped.includes(node.id)) {
      return;
    }
    const attributes = ["id", "class", "href", "disabled", "data-state", "aria-current", "datetime", "stroke-dashoffset"]
      .filter((name) => node.hasAttribute(name))
      .map((name) => name + "=" + node.getAttribute(name));
    const own = node.children.length ? "" : node.textContent;
    lines.push([node.tagName.toLowerCase(), ...attributes, own].join(" ").trim());
    // What can be asked for, and what was, is not drawn: the server writes it.
    if (node.id !== "tell") {
      Array.from(node.children).forEach(walk);
    }
  };
  const main = document.getElementById("anxin")!;
  lines.push(main.dataset["tone"] + " " + main.dataset["ring"]);
  Array.from(main.children).forEach(walk);
  return lines;
}

const states = readdirSync(resolve(DATA, "pages")).map((file) => file.replace(".html", ""));

describe("drawn over any other state, a page is what the server renders", () => {
  // Amount and subject belong to the order and never change while its page is open.
  test.each(states.filter((s) => s !== "hostile"))("%s", (state) => {
    put(state);
    const rendered = shown();
    const { screen, boot } = golden(state);
    ["awaiting_unpaid", "confirming_most", "refunding", "failed_free"].forEach((before) => {
      put(before);
      draw(screen, null);
      drawCount(screen, ms(boot.now));
      expect(shown()).toEqual(rendered);
    });
  });
});

describe("the live page", () => {
  let platform: FakePlatform;
  let boot: Boot;
  let stop: () => void;

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
    vi.stubGlobal("requestAnimationFrame", (run: () => void) => run());
    put("confirming_next");
    boot = golden("confirming_next").boot;
    platform = new FakePlatform();
    platform.time = ms(boot.now) - 3_600_000; // the phone is an hour behind
    stop = startPage(boot, platform);
    platform.socket.open();
  });

  afterEach(() => {
    stop();
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  function pass(seconds: number): void {
    for (let i = 0; i < seconds * 4; i++) {
      platform.advance(250);
      vi.advanceTimersByTime(250);
    }
  }

  function update(event: string, change: Partial<Progress>): void {
    const seq = boot.progress.seq + 1;
    boot.progress = { ...boot.progress, ...change, seq };
    const now = new Date(platform.time + 3_600_000).toISOString();
    platform.socket.message({ type: "update", topic: boot.topic, seq, now, event, data: boot.progress });
  }

  function seen(): unknown[] {
    return platform.socket.sent.filter((f) => f.type === "seen").map((f) => f["seq"]);
  }

  test("counts down by the server's time and announces the check when it is due", () => {
    expect(text("countdown")).toBe("0:06");
    pass(4);
    expect(text("countdown")).toBe("0:02");
    pass(2);
    expect(text("attempt")).toBe("Check #3 is about to start");
    expect(text("countdown")).toBe("");
  });

  test("speaks when the state changes and is silent while it counts", () => {
    platform.socket.message({ type: "current", topic: boot.topic, seq: boot.progress.seq, now: boot.now });
    pass(3);
    expect(text("say")).toBe("");
    update("retry.started", { attempt: 3, attempting: true, next_attempt_at: null });
    expect(text("say")).toBe("Confirming your payment. Check #3 is running");
  });

  test("ends with the result, in title, text, marks and timeline", () => {
    const at = "2026-11-23T04:01:20.000Z";
    update("status.changed", {
      status: "succeeded", step: "order_confirmed", stage: "resolved", next_attempt_at: null, expected: null,
      updated_at: at, result: { at, refund: null },
    });
    expect(text("headline")).toBe("Payment confirmed");
    expect(text("thanks")).toContain("Sorry for the wait");
    expect(document.title).toBe("Paid · Your payment");
    expect(document.getElementById("anxin")!.dataset).toMatchObject({ status: "succeeded", seq: "8", live: "socket" });
    expect(document.querySelector("#timeline p")!.textContent).toBe("Payment confirmed");
    expect(document.getElementById("check-form")!.hidden).toBe(true);
  });

  test("offers to tell while the result is open, and loads what asks when that is tapped", () => {
    const tell = document.getElementById("tell")!;
    document.body.dataset["optin"] = "/assets/optin.abc.js";
    expect(tell.hidden).toBe(false);
    const tapped = new Event("submit", { cancelable: true });
    document.getElementById("tell-form")!.dispatchEvent(tapped);
    expect(tapped.defaultPrevented).toBe(true);
    expect(document.body.querySelector("script")!.getAttribute("src")).toBe("/assets/optin.abc.js");
    document.body.querySelector("script")!.remove();
    update("status.changed", { status: "failed", stage: "resolved", result: { at: boot.now, refund: null } });
    expect(tell.hidden).toBe(true);
  });

  test("tells each state that was visible once", () => {
    platform.socket.message({ type: "current", topic: boot.topic, seq: boot.progress.seq, now: boot.now });
    pass(1);
    update("retry.started", { attempt: 3, attempting: true });
    pass(1);
    expect(seen()).toEqual([7, 8]);
  });

  test("says that it is offline only after a while, and takes it back", () => {
    platform.socket.message({ type: "current", topic: boot.topic, seq: boot.progress.seq, now: boot.now });
    platform.socket.drop();
    pass(1);
    expect(text("offline")).toBe("");
    pass(6);
    expect(text("offline")).toContain("Your payment isn't affected");
    const frame = { type: "current", topic: boot.topic, seq: boot.progress.seq, now: boot.now };
    platform.stream.event(frame);
    expect(text("offline")).toBe("");
  });

  test("says what is announced for it, until it ends or is taken down", () => {
    const texts = { en: "Slower than usual today", "zh-CN": "今天比平时慢" };
    const announce = (...items: unknown[]) =>
      platform.socket.message({ type: "update", topic: "announcements", seq: 3, now: boot.now, event: "announcement.changed", data: { items } });
    platform.socket.message({ type: "current", topic: boot.topic, seq: boot.progress.seq, now: boot.now });
    expect(platform.socket.sent).toContainEqual({ type: "subscribe", topic: "announcements" });
    announce({ scope: "another", texts, until: "2026-11-24T00:00:00Z" }, { scope: "", texts, until: "2026-11-23T04:00:15Z" });
    expect(text("announcement")).toBe(texts.en);
    expect(document.getElementById("anxin")!.dataset).toMatchObject({ status: "confirming", seq: "7" });
    pass(4);
    expect(text("announcement")).toBe("");
    announce({ scope: "", texts, until: "2026-11-24T00:00:00Z" });
    expect(text("announcement")).toBe(texts.en);
    announce();
    expect(text("announcement")).toBe("");
  });

  test("a board that cannot be watched leaves the order's page alive", () => {
    platform.socket.message({ type: "current", topic: boot.topic, seq: boot.progress.seq, now: boot.now });
    platform.socket.message({ type: "error", topic: "announcements", code: "no_topic" });
    expect(text("offline")).toBe("");
    update("retry.started", { attempt: 3, attempting: true });
    expect(text("attempt")).toBe("Check #3 is running");
  });

  test("says so when its link was refused", () => {
    platform.socket.message({ type: "error", topic: boot.topic, code: "token_expired" });
    expect(text("offline")).toContain("no longer updates");
  });

  describe("check now", () => {
    let requests: FakeXhr[];

    class FakeXhr {
      status = 0;
      responseText = "";
      headers: { [name: string]: string } = {};
      sent: string[] = [];
      onload = () => undefined;
      onerror = () => undefined;

      open(method: string, url: string): void {
        this.sent.push(method + " " + url);
      }

      setRequestHeader(name: string, value: string): void {
        this.sent.push(name + ": " + value);
      }

      getResponseHeader(name: string): string | null {
        return this.headers[name] || null;
      }

      send(): void {
        requests.push(this);
      }
    }

    beforeEach(() => {
      requests = [];
      vi.stubGlobal("XMLHttpRequest", FakeXhr);
    });

    function press(): FakeXhr {
      document.getElementById("check-form")!.dispatchEvent(new Event("submit", { cancelable: true }));
      return requests[requests.length - 1]!;
    }

    test("asks with the token as bearer and not in the address", () => {
      expect(press().sent).toContain("POST /v1/orders/A1001/query");
      expect(press().sent).toContain("Authorization: Bearer " + boot.token);
    });

    test("a second press while one is under way asks nothing", () => {
      press();
      press();
      expect(requests).toHaveLength(1);
    });

    test("shows the state that it was answered with", () => {
      const request = press();
      request.status = 202;
      request.responseText = JSON.stringify({ progress: { ...boot.progress, seq: 8, attempt: 3, attempting: true } });
      request.onload();
      expect(text("attempt")).toBe("Check #3 is running");
      expect(text("notice")).toBe("Checking now, one moment.");
    });

    test("taken, it says when the next one will be, and waits until then", () => {
      const request = press();
      request.status = 202;
      request.headers["Retry-After"] = "6";
      request.onload();
      expect(text("notice") + " " + text("check-note")).toBe("Checking now, one moment. You can check again at 04:00:18");
      expect((document.getElementById("check-now") as HTMLButtonElement).disabled).toBe(true);
      pass(6);
      expect(text("check-note")).toBe("");
      expect((document.getElementById("check-now") as HTMLButtonElement).disabled).toBe(false);
    });

    test("asked too soon, it says when again and waits until then", () => {
      const request = press();
      request.status = 429;
      request.headers["Retry-After"] = "5";
      request.onload();
      const button = document.getElementById("check-now") as HTMLButtonElement;
      expect(text("check-note")).toBe("You can check again at 04:00:17");
      expect(text("notice")).toContain("We checked just now");
      expect(button.disabled).toBe(true);
      pass(5);
      expect(text("check-note") + text("notice")).toBe("");
      expect(button.disabled).toBe(false);
    });

    test("unheard, it says that the payment is not affected", () => {
      press().onerror();
      expect(text("notice")).toContain("Your payment isn't affected");
    });
  });
});
