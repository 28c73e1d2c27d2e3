import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { feelResult } from "./feel";
import { startOptIn } from "./optin";

const KEY = "BCVx-_8";

const SECTION = `<div id="optin" tabindex="-1" data-api="/v1/orders/A1" data-token="secret">
<p id="optin-problem" hidden data-phone="Check the number" data-subscription="Not allowed" data-failed="Try again"></p>
<form data-send="optin" data-worker="/pay/worker.js" data-key="${KEY}" hidden><input type="hidden" name="wording" value="en/w@0"><input type="hidden" name="kind" value="webpush"><button>push</button></form>
<form data-send="optin"><input type="hidden" name="k" value="secret"><input type="hidden" name="wording" value="en/w@0"><input type="hidden" name="kind" value="sms"><input id="phone" name="phone"><button>sms</button></form></div>`;

const TOLD = `<div id="optin" tabindex="-1" data-api="/v1/orders/A1" data-token="secret">We'll text you<p id="optin-problem" hidden data-failed="Try again"></p>
<form data-send="optout"><input type="hidden" name="k" value="secret"><input type="hidden" name="kind" value="sms"><button>stop</button></form></div>`;

class FakeXhr {
  static all: FakeXhr[] = [];
  status = 0;
  responseText = "";
  response: Document | null = null;
  headers: string[] = [];
  address = "";
  body: unknown;
  onload = () => undefined;
  onerror = () => undefined;

  open(method: string, url: string): void {
    this.address = method + " " + url;
    FakeXhr.all.push(this);
  }

  setRequestHeader(name: string, value: string): void {
    this.headers.push(name + ": " + value);
  }

  getResponseHeader(): null {
    return null;
  }

  send(body?: string): void {
    this.body = body && JSON.parse(body);
  }

  answer(status: number, text = ""): void {
    this.status = status;
    this.responseText = text;
    this.response = new DOMParser().parseFromString(text, "text/html");
    this.onload();
  }
}

function last(): FakeXhr {
  return FakeXhr.all[FakeXhr.all.length - 1]!;
}

function form(kind: string): HTMLFormElement {
  return document.querySelector(`input[value="${kind}"]`)!.closest("form")!;
}

function submit(kind: string): void {
  form(kind).dispatchEvent(new Event("submit", { bubbles: true, cancelable: true }));
}

function said(): string {
  const problem = document.getElementById("optin-problem")!;
  return problem.hidden ? "" : problem.textContent!;
}

const left: string[] = [];

beforeEach(() => {
  FakeXhr.all = [];
  left.length = 0;
  vi.stubGlobal("XMLHttpRequest", FakeXhr);
  vi.stubGlobal("location", { href: "https://pay.example/pay/A1/optin?k=secret", assign: (url: string) => left.push(url) });
  document.documentElement.lang = "en";
  document.body.innerHTML =
    '<div id="tell"><form id="tell-form" action="https://pay.example/pay/A1/optin"><input type="hidden" name="k" value="se cret"><button></button></form></div>';
});

afterEach(() => {
  vi.unstubAllGlobals();
  ["PushManager", "Notification"].forEach((name) => delete (window as unknown as { [name: string]: unknown })[name]);
});

function open(section = SECTION): void {
  startOptIn();
  expect(last().address).toBe("GET https://pay.example/pay/A1/optin?k=se%20cret");
  last().answer(200, "<html><body><main>" + section + "</main></body></html>");
}

describe("the section in the payer's page", () => {
  test("takes the form's place, and the payer is there", () => {
    open();
    expect(document.getElementById("tell-form")).toBeNull();
    expect(document.activeElement!.id).toBe("optin");
    expect(form("webpush").hidden).toBe(true); // this engine has none
  });

  test("sends what was entered with the token as bearer, and shows what the server then says", () => {
    open();
    (document.getElementById("phone") as HTMLInputElement).value = " +447700900123 ";
    submit("sms");
    const sent = last();
    expect(sent.address).toBe("POST /v1/orders/A1/optin");
    expect(sent.headers).toContain("Authorization: Bearer secret");
    expect(sent.body).toEqual({ kind: "sms", phone: "+447700900123", wording: "en/w@0", locale: "en" });
    sent.answer(200, "{}");
    last().answer(200, TOLD);
    expect(document.getElementById("tell")!.textContent).toContain("We'll text you");
    submit("sms");
    expect(last().address).toBe("POST /v1/orders/A1/optout");
    expect(last().body).toEqual({ kind: "sms" });
    last().answer(204);
    last().answer(200, SECTION);
    expect(document.getElementById("phone")).not.toBeNull();
  });

  test("says what was refused beside its field, and lets it be sent again", () => {
    open();
    submit("sms");
    last().answer(422, '{"field":"phone"}');
    expect(said()).toBe("Check the number");
    expect(document.activeElement!.id).toBe("phone");
    expect(form("sms").querySelector("button")!.disabled).toBe(false);
    submit("sms");
    last().onerror(); // nobody heard it
    expect(said()).toBe("Try again");
  });

  test("leads to where the server leads when there is nothing to choose any more", () => {
    open();
    submit("sms");
    last().answer(200, "{}");
    last().answer(200, "<main>Payment confirmed</main>");
    expect(left).toEqual(["https://pay.example/pay/A1/optin?k=se%20cret"]);
  });

  test("cut off, it leaves the page as it is", () => {
    startOptIn();
    last().onerror();
    expect(left).toEqual([]);
    expect(document.getElementById("tell-form")).not.toBeNull();
  });
});

test("as a page of its own it is bound once", () => {
  document.body.innerHTML = SECTION;
  startOptIn();
  startOptIn();
  submit("sms");
  expect(FakeXhr.all).toHaveLength(1);
});

describe("a browser that takes messages", () => {
  let permission: string;
  let subscribe: ReturnType<typeof vi.fn>;
  let registered: string[];
  let kept: unknown[];

  beforeEach(() => {
    permission = "granted";
    registered = [];
    kept = [];
    const put = async (_: string, answer: Response) => kept.push(await answer.json());
    vi.stubGlobal("caches", { open: async () => ({ put }) });
    subscribe = vi.fn(async () => ({ toJSON: () => ({ endpoint: "https://push.example/1" }) }));
    const pushManager = { subscribe, getSubscription: async () => null };
    const requestPermission = vi.fn(async () => permission);
    Object.assign(window, { PushManager: class {}, Notification: { permission: "default", requestPermission } });
    Object.defineProperty(navigator, "serviceWorker", {
      configurable: true,
      value: {
        getRegistration: async () => undefined,
        register: async (path: string) => registered.push(path),
        ready: Promise.resolve({ pushManager }),
      },
    });
    open();
  });

  test("is asked only when that is tapped, with the server's key", async () => {
    await vi.waitFor(() => expect(form("webpush").hidden).toBe(false));
    expect(registered).toEqual([]);
    submit("webpush");
    await vi.waitFor(() => expect(last().address).toBe("POST /v1/orders/A1/optin"));
    expect(registered).toEqual(["/pay/worker.js"]);
    expect(last().body).toMatchObject({ kind: "webpush", wording: "en/w@0", subscription: { endpoint: "https://push.example/1" } });
    expect(kept).toEqual([]); // nobody has taken it yet
    last().answer(200, "{}");
    await vi.waitFor(() => expect(kept).toEqual([{ key: KEY, subscription: { endpoint: "https://push.example/1" } }]));
    const options = subscribe.mock.calls[0]![0];
    expect(options.userVisibleOnly).toBe(true);
    expect(Array.from(options.applicationServerKey as Uint8Array)).toEqual([4, 37, 113, 251, 255]);
  });

  test("that refuses is not blamed", async () => {
    subscribe.mockRejectedValue(new Error("denied"));
    submit("webpush");
    await vi.waitFor(() => expect(said()).toBe("Not allowed"));
    expect(FakeXhr.all).toHaveLength(1);
  });
});

test("who asked feels the result, once", async () => {
  const felt: number[] = [];
  Object.defineProperty(navigator, "vibrate", { configurable: true, value: (length: number) => felt.push(length) });
  document.body.innerHTML = '<main id="anxin" data-tone="waiting"></main>';
  const main = document.getElementById("anxin")!;
  feelResult();
  main.setAttribute("data-tone", "good");
  await vi.waitFor(() => expect(felt).toEqual([200]));
  main.setAttribute("data-tone", "calm");
  await new Promise((done) => setTimeout(done));
  expect(felt).toEqual([200]);
});
