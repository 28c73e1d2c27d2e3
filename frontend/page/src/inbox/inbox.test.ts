import { readdirSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { FakePlatform } from "../../../client/src/fake";
import { ms } from "../order";
import { startInbox } from "./inbox";
import { initialState, reduce } from "./state";
import type { Boot, Message, State, View } from "./state";

const DATA = resolve(process.cwd(), "page", "testdata", "inbox");

function put(name: string): Boot {
  document.body.innerHTML = readFileSync(resolve(DATA, name + ".html"), "utf8");
  return JSON.parse(document.getElementById("anxin-state")!.textContent!) as Boot;
}

function element(id: string): HTMLElement {
  return document.getElementById(id)!;
}

/** What a payer and a screen reader meet. */
function shown(): string {
  element("zone").remove();
  element("say").textContent = "";
  const main = element("anxin");
  main.removeAttribute("data-live");
  return main.outerHTML.replace(/\s+/g, " ").replace(/ (?=<)|(?<=>) /g, "");
}

function message(n: number, more: Partial<Message> = {}): Message {
  return {
    id: "msg-" + n,
    n,
    order_no: "A1001",
    notice: "delayed",
    language: "en",
    title: "Title " + n,
    body: "Body " + n,
    at: "2026-11-23T04:0" + (n % 10) + ":00.000Z",
    read_at: null,
    ...more,
  };
}

function boot(items: Message[], more: Partial<Boot> = {}): Boot {
  return {
    topic: "inbox:1",
    token: "t",
    brand: "b",
    now: "2026-11-23T04:00:00.000Z",
    seq: 5,
    unread: items.length,
    items,
    newest: true,
    more: false,
    texts: {},
    ...more,
  };
}

const names = readdirSync(DATA)
  .filter((file) => file.endsWith(".html"))
  .map((file) => file.replace(".html", ""));

describe("drawn from nothing, a message centre is what the server renders", () => {
  test.each(names)("%s", (name) => {
    const state = put(name);
    const platform = new FakePlatform();
    platform.time = ms(state.now);
    const rendered = shown();
    put(name);
    element("messages").textContent = "";
    element("messages").hidden = element("empty").hidden = false;
    element("unread").textContent = "?";
    const stop = startInbox(state, platform);
    stop();
    expect(shown()).toBe(rendered);
  });
});

describe("states of a message centre", () => {
  const frame = (view: Partial<View>) => ({
    type: "update" as const,
    topic: "inbox:1",
    seq: view.seq!,
    now: "2026-11-23T04:09:00.000Z",
    data: { unread: 0, items: [], next_cursor: null, ...view },
  });
  const after = (state: State, view: Partial<View>) => reduce(state, { type: "frame", frame: frame(view), now: 7 });
  const numbers = (state: State) => state.items.map((item) => item.n);

  test("new messages come first, and none is lost or doubled", () => {
    const state = initialState(boot([message(3), message(1)]));
    const next = after(state, { seq: 6, unread: 3, items: [message(4), message(3)], next_cursor: "3" });
    expect(numbers(next)).toEqual([4, 3, 1]);
    expect([next.unread, next.seq, next.more, next.confirmedAt]).toEqual([3, 6, false, 7]);
  });

  test("an older frame and a current one change nothing but the time", () => {
    const state = initialState(boot([message(3)]));
    expect(after(state, { seq: 5, items: [message(9)] }).items).toBe(state.items);
    const current = { type: "current" as const, topic: "inbox:1", seq: 5, now: "" };
    expect(reduce(state, { type: "frame", frame: current, now: 9 })).toMatchObject({ items: state.items, confirmedAt: 9 });
  });

  test("what was read elsewhere is read here", () => {
    const read = message(3, { read_at: "2026-11-23T04:08:00.000Z" });
    const next = after(initialState(boot([message(3), message(1)])), { seq: 6, unread: 1, items: [read], next_cursor: "3" });
    expect(next.items.map((item) => item.read_at)).toEqual([read.read_at, null]);
  });

  test("once nothing is unread, older messages are read too", () => {
    const next = after(initialState(boot([message(3), message(1)])), { seq: 6, items: [message(3, { read_at: "x" })], next_cursor: "3" });
    expect(next.items.map((item) => item.read_at)).toEqual(["x", "2026-11-23T04:09:00.000Z"]);
  });

  test("after more messages than a frame has, the known ones are found by paging", () => {
    const next = after(initialState(boot([message(1)])), { seq: 60, unread: 3, items: [message(9), message(8)], next_cursor: "8" });
    expect(numbers(next)).toEqual([9, 8]);
    expect(next.more).toBe(true);
  });

  test("a frame with all messages needs none of the known ones", () => {
    const next = after(initialState(boot([])), { seq: 6, unread: 2, items: [message(2), message(1)] });
    expect(numbers(next)).toEqual([2, 1]);
    expect(next.more).toBe(false);
  });

  test("a page of older messages takes no new one, but counts it", () => {
    const next = after(initialState(boot([message(3)], { newest: false, more: true })), {
      seq: 6,
      unread: 2,
      items: [message(9), message(3, { read_at: "x" })],
      next_cursor: "3",
    });
    expect(numbers(next)).toEqual([3]);
    expect([next.unread, next.more, next.items[0]!.read_at]).toEqual([2, true, "x"]);
  });
});

describe("the live message centre", () => {
  let platform: FakePlatform;
  let state: Boot;
  let stop: () => void;
  let sent: { method: string; url: string; token: string; body: unknown }[];
  let answer: (status: number, body?: object) => void;

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
    sent = [];
    class Request {
      status = 0;
      responseText = "";
      onload: () => void = () => undefined;
      private method = "";
      private url = "";
      private token = "";
      open(method: string, url: string) {
        Object.assign(this, { method, url });
      }
      setRequestHeader(name: string, value: string) {
        if (name === "Authorization") {
          this.token = value;
        }
      }
      getResponseHeader = () => null;
      send(body: string) {
        const { method, url, token } = this;
        sent.push({ method, url, token, body: JSON.parse(body) });
        answer = (status, body) => {
          Object.assign(this, { status, responseText: JSON.stringify(body || null) });
          this.onload();
        };
      }
    }
    vi.stubGlobal("XMLHttpRequest", Request);
    state = put("waiting");
    platform = new FakePlatform();
    platform.time = ms(state.now) - 3_600_000; // the phone is an hour behind
    stop = startInbox(state, platform);
    platform.socket.open();
  });

  afterEach(() => {
    stop();
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  const view = (seq: number, unread: number, items: Message[]): View => ({ seq, unread, items, next_cursor: null });
  const push = (v: View) =>
    platform.socket.message({ type: "update", topic: state.topic, seq: v.seq, now: "2026-11-23T04:08:00.000Z", event: "inbox.changed", data: v });
  const fresh = () => document.querySelectorAll("#messages .fresh").length;

  test("watches by the token, from the state that was rendered", () => {
    expect(platform.socket.sent).toEqual([{ type: "subscribe", topic: state.topic, token: state.token, after: 4 }]);
    expect(element("zone").hidden).toBe(true);
  });

  test("a message arrives: count, title, list and the words for screen readers", () => {
    push(view(5, 2, [message(9, { notice: "succeeded", title: "Payment confirmed" }), ...state.items]));
    expect(document.title).toBe("(2) Messages · Your payment");
    expect(element("unread").textContent).toBe("2 unread");
    expect(document.querySelectorAll("#messages > li")).toHaveLength(3);
    expect(element("messages").firstElementChild!.getAttribute("data-tone")).toBe("good");
    expect(element("say").textContent).toBe("New message: Payment confirmed");
  });

  test("read elsewhere: the count falls, and nothing is announced", () => {
    const read = state.items.map((item) => ({ ...item, read_at: item.at }));
    push(view(5, 0, read));
    expect([document.title, element("unread").hidden, fresh()]).toEqual(["Messages · Your payment", true, 0]);
    expect(element("all-form").hidden).toBe(true);
    expect(element("say").textContent).toBe("");
  });

  test("tapping a message reads it, once it was taken", () => {
    document.querySelector<HTMLElement>(".fresh .body")!.click();
    expect(sent).toEqual([{ method: "POST", url: "/v1/inbox/read", token: "Bearer tok-en_1", body: { ids: ["msg-3"] } }]);
    expect(fresh()).toBe(1);
    answer(200, view(5, 0, state.items.map((item) => ({ ...item, read_at: item.at }))));
    expect(fresh()).toBe(0);
    document.querySelector<HTMLElement>("#m-msg-3 .body")!.click();
    expect(sent).toHaveLength(1);
  });

  test("the button does it without leaving, and hands on the focus that it had", () => {
    const button = document.querySelector<HTMLButtonElement>(".fresh .read")!;
    button.focus();
    button.click();
    answer(200, view(5, 0, state.items.map((item) => ({ ...item, read_at: item.at }))));
    expect(document.activeElement!.getAttribute("name")).toBe("open");
  });

  test("what leads to the order is left to the form", () => {
    const submitted = vi.fn((event: Event) => event.preventDefault());
    element("messages").addEventListener("submit", submitted);
    document.querySelector<HTMLButtonElement>(".fresh [name=open]")!.click();
    expect(submitted).toHaveBeenCalledOnce();
    expect(sent).toEqual([]);
  });

  test("all are read up to the newest that is shown", () => {
    push(view(5, 2, [message(9), ...state.items]));
    document.querySelector<HTMLButtonElement>("#all-form button")!.click();
    expect(sent[0]!.body).toEqual({ up_to: 9 });
  });

  test("what was not taken is said, until it is", () => {
    const button = () => document.querySelector<HTMLButtonElement>(".fresh .read")!;
    button().click();
    answer(0);
    expect(element("notice").textContent).toContain("didn't go through");
    expect(fresh()).toBe(1);
    button().click();
    answer(200, view(5, 0, []));
    expect(element("notice").hidden).toBe(true);
  });

  test("offline is said, and gone with the next frame", () => {
    window.dispatchEvent(new Event("offline"));
    expect(element("offline").textContent).toContain("You're offline");
    push(view(5, 1, state.items));
    expect(element("offline").hidden).toBe(true);
  });

  test("a connection that stays away is said after a while", () => {
    platform.socket.message({ type: "current", topic: state.topic, seq: 4, now: state.now });
    platform.socket.drop();
    vi.advanceTimersByTime(1000);
    expect(element("offline").hidden).toBe(true);
    platform.time += 6000;
    vi.advanceTimersByTime(1000);
    expect(element("offline").textContent).toContain("Last update");
  });

  test("a token that has expired is said", () => {
    platform.socket.message({ type: "error", topic: state.topic, code: "token_expired" });
    expect(element("offline").textContent).toContain("no longer updates");
    expect(element("anxin").dataset["live"]).toBe("refused");
  });

  test("hostile words stay text", () => {
    push(view(5, 2, [message(9, { title: "<img src=x onerror=alert(1)>", body: "</p><script>alert(2)</script>\u202e🎁" }), ...state.items]));
    expect(element("messages").querySelectorAll("img, script")).toHaveLength(0);
    expect(element("messages").querySelector("h2")!.textContent).toBe("<img src=x onerror=alert(1)>");
  });
});
