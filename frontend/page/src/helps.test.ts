import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { bindCopy } from "./copy";
import { bindFeedback } from "./feedback";
import { Returning } from "./returning";
import { Texts } from "./texts";

const PAGE = resolve(process.cwd(), "page");
const texts = new Texts(JSON.parse(readFileSync(resolve(PAGE, "catalog", "en.json"), "utf8")), { prefix: "", digits: 2 }, () => 0);

function element(id: string): HTMLElement {
  return document.getElementById(id)!;
}

beforeEach(() => {
  document.body.innerHTML = readFileSync(resolve(PAGE, "testdata", "pages", "succeeded.html"), "utf8");
});

afterEach(() => vi.unstubAllGlobals());

describe("the way back to the order", () => {
  const URL = "https://shop.example/orders/A1001";

  function setup() {
    const left: string[] = [];
    return { left, returning: new Returning(texts, (url) => left.push(url)) };
  }

  /** Looks at the page for some seconds. */
  function watch(returning: Returning, seconds: number, url = URL, from = 0): void {
    for (let at = 0; at <= seconds * 1000; at += 250) {
      returning.update(url, from + at);
    }
  }

  test("is taken after five seconds, once", () => {
    const { left, returning } = setup();
    watch(returning, 4);
    expect(element("return").hidden).toBe(false);
    expect(element("return-text").textContent).toBe("Back to your order in 1 s");
    expect(element("say").textContent).toContain("Back to your order in 5 s");
    expect(left).toEqual([]);
    watch(returning, 10);
    expect(left).toEqual([URL]);
  });

  test.each(["pointerdown", "touchstart", "keydown"])("is not taken after %s", (event) => {
    const { left, returning } = setup();
    watch(returning, 2);
    document.dispatchEvent(new Event(event));
    watch(returning, 20);
    expect(left).toEqual([]);
    expect(element("return").hidden).toBe(true);
  });

  test("begins anew for who did not see it count", () => {
    const { left, returning } = setup();
    watch(returning, 2);
    watch(returning, 4, URL, 60_000);
    expect(left).toEqual([]);
  });

  test("is not taken while there is something to read", () => {
    const { left, returning } = setup();
    watch(returning, 20, "");
    expect(left).toEqual([]);
  });

  test("is not taken in a frame", () => {
    vi.stubGlobal("top", {});
    const { left, returning } = setup();
    watch(returning, 20);
    expect(left).toEqual([]);
  });

  test.each([
    ["loaded again", 1],
    ["reached by going back", 2],
  ])("is not taken on a page that was %s", (_, type) => {
    Object.defineProperty(performance, "navigation", { value: { type }, configurable: true });
    const { left, returning } = setup();
    watch(returning, 20);
    expect(left).toEqual([]);
    Object.defineProperty(performance, "navigation", { value: undefined, configurable: true });
  });

  test("is not taken on a page that was restored", () => {
    const { left, returning } = setup();
    window.dispatchEvent(Object.assign(new Event("pageshow"), { persisted: true }));
    watch(returning, 20);
    expect(left).toEqual([]);
  });
});

describe("feedback", () => {
  class FakeXhr {
    static last: FakeXhr;
    status = 201;
    responseText = "";
    url = "";
    headers: string[] = [];
    body: unknown;
    onload = () => undefined;

    open(method: string, url: string): void {
      FakeXhr.last = this;
      this.url = method + " " + url;
    }

    setRequestHeader(name: string, value: string): void {
      this.headers.push(name + ": " + value);
    }

    getResponseHeader(): string | null {
      return null;
    }

    send(body: string): void {
      this.body = JSON.parse(body);
    }
  }

  beforeEach(() => {
    vi.stubGlobal("XMLHttpRequest", FakeXhr);
    const shown = () => ({ seq: 5, wording: "en/succeeded.lead@0123456789ab" });
    bindFeedback({ path: "/v1/orders/A1001", token: "secret", thanks: "Thank you", failed: "Not sent", shown });
  });

  function press(value: string): FakeXhr {
    const button = document.querySelector<HTMLButtonElement>(`#feedback-form button[value="${value}"]`)!;
    button.dispatchEvent(new Event("click", { bubbles: true }));
    element("feedback-form").dispatchEvent(new Event("submit", { cancelable: true }));
    return FakeXhr.last;
  }

  test("tells with one tap what was shown", () => {
    const sent = press("no");
    expect(sent.url).toBe("POST /v1/orders/A1001/feedback");
    expect(sent.headers).toContain("Authorization: Bearer secret");
    expect(sent.body).toEqual({ helped: false, text: "", seq: 5, wording: "en/succeeded.lead@0123456789ab" });
    sent.onload();
    expect(element("feedback").textContent).toBe("Thank you");
    expect(document.querySelector<HTMLElement>(".pair")!.hidden).toBe(true);
    expect(document.querySelector("details")!.hidden).toBe(false);
  });

  test("says so and keeps the form when it was not taken", () => {
    const sent = press("yes");
    sent.status = 503;
    sent.onload();
    expect(element("feedback").textContent).toBe("Not sent");
    expect(document.querySelector<HTMLElement>(".pair")!.hidden).toBe(false);
  });

  test("sends words with the answer that was tapped before", () => {
    press("yes").onload();
    const text = document.querySelector("textarea")!;
    text.value = "yes";
    text.dispatchEvent(new Event("click", { bubbles: true }));
    const sent = press("");
    expect(sent.body).toMatchObject({ helped: true, text: "yes" });
    sent.onload();
    expect(document.querySelector("details")!.hidden).toBe(true);
  });
});

test("the order's number is copied for support", () => {
  const copied: string[] = [];
  vi.stubGlobal("getSelection", () => ({ selectAllChildren: (node: Node) => copied.push(node.textContent!) }));
  Object.assign(document, { execCommand: (what: string) => what === "copy" });
  bindCopy("Copied");
  expect((element("copy") as HTMLButtonElement).disabled).toBe(false);
  element("copy").dispatchEvent(new Event("click"));
  expect(copied).toEqual(["A1001"]);
  expect(element("copy").textContent).toBe("Copied");
});
