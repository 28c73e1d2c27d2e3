import { beforeEach, describe, expect, test, vi } from "vitest";
import { startWorker } from "./worker";
import type { Scope } from "./worker";

interface Shown {
  title: string;
  tag: string;
  body: string;
  renotify: boolean;
  data: { link: string; final: boolean };
}

const LINK = "https://pay.example/pay/A1?k=secret";

let listeners: { [name: string]: (event: never) => void };
let shown: Shown[];
let opened: string[];
let options: PushSubscriptionOptionsInit | null;
let tabs: { url: string; focus(): Promise<void> }[];

beforeEach(() => {
  listeners = {};
  shown = [];
  opened = [];
  tabs = [];
  options = null;
  startWorker({
    registration: {
      pushManager: {
        subscribe: async (given: PushSubscriptionOptionsInit) => {
          options = given;
          return { toJSON: () => ({ endpoint: "https://push.example/2" }) };
        },
      },
      // A browser replaces what has the same tag.
      getNotifications: async ({ tag }: { tag: string }) => shown.filter((n) => n.tag === tag),
      showNotification: async (title: string, options: Omit<Shown, "title">) => {
        shown = shown.filter((n) => n.tag !== options.tag).concat({ title, ...options });
      },
    },
    clients: { matchAll: async () => tabs, openWindow: async (url: string) => opened.push(url) },
    addEventListener: (name: string, run: (event: never) => void) => (listeners[name] = run),
  } as unknown as Scope);
});

async function push(notice: string, title: string): Promise<void> {
  const waits: Promise<unknown>[] = [];
  const message = { id: "m", notice, title, body: "b", lang: "en", link: LINK, tag: "order_A1" };
  const event = { data: { json: () => message }, waitUntil: (done: Promise<unknown>) => waits.push(done) };
  listeners["push"]!(event as never);
  expect(waits).toHaveLength(1); // else the browser ends the worker too early
  await waits[0];
}

async function tap(): Promise<void> {
  const waits: Promise<unknown>[] = [];
  const notification = { close: () => (shown = []), data: shown[0]!.data };
  listeners["notificationclick"]!({ notification, waitUntil: (done: Promise<unknown>) => waits.push(done) } as never);
  await waits[0];
}

test("a newer message takes the place of the one before, and a result is heard", async () => {
  await push("delayed", "Confirming");
  expect(shown[0]).toMatchObject({ title: "Confirming", body: "b", lang: "en", tag: "order_A1", renotify: false, requireInteraction: false });
  await push("succeeded", "Paid");
  expect(shown.map((n) => n.title)).toEqual(["Paid"]);
  expect(shown[0]).toMatchObject({ renotify: true, requireInteraction: true });
});

test("what was held up on its way takes no result back", async () => {
  await push("succeeded", "Paid");
  await push("prolonged", "Still confirming");
  await push("refunding", "Money on its way");
  expect(shown.map((n) => n.title)).toEqual(["Money on its way"]);
  await push("delayed", "Still confirming");
  expect(shown.map((n) => n.title)).toEqual(["Money on its way"]);
});

test("a tap leads to the order's page", async () => {
  await push("succeeded", "Paid");
  await tap();
  expect(opened).toEqual([LINK]);
});

test("a tap leads to the page that is still open", async () => {
  let focused = 0;
  const tab = (path: string) => ({ url: "https://pay.example" + path, focus: async () => void focused++ });
  tabs = [tab("/pay/A11?k=x"), tab("/pay/A1?k=other&lang=en")];
  await push("succeeded", "Paid");
  await tap();
  expect(opened).toEqual([]);
  expect(focused).toBe(1);
});

describe("a browser that is to be reached elsewhere", () => {
  const OLD = { endpoint: "https://push.example/1", keys: { p256dh: "p", auth: "a" } };
  const made = (n: number) => ({ toJSON: () => ({ endpoint: "https://push.example/" + n }) });
  let kept: string | undefined;
  let told: { address: string; body: unknown }[];
  let status: number;

  beforeEach(() => {
    kept = JSON.stringify({ key: "BA", subscription: OLD });
    told = [];
    status = 204;
    const cache = {
      match: async () => (kept === undefined ? undefined : new Response(kept)),
      put: async (_: string, answer: Response) => (kept = await answer.text()),
    };
    vi.stubGlobal("caches", { open: async () => cache });
    vi.stubGlobal("fetch", async (address: string, { body }: { body: string }) => {
      told.push({ address, body: JSON.parse(body) });
      return new Response(null, { status });
    });
  });

  async function change(newSubscription?: object): Promise<void> {
    const waits: Promise<unknown>[] = [];
    listeners["pushsubscriptionchange"]!({ newSubscription, waitUntil: (done: Promise<unknown>) => waits.push(done) } as never);
    await waits[0];
  }

  test("subscribes with the same key and tells the server, by what only it knows", async () => {
    await change();
    expect(told).toEqual([{ address: "/v1/push/renewals", body: { old: OLD, subscription: made(2).toJSON() } }]);
    expect(Array.from(options!.applicationServerKey as Uint8Array)).toEqual([4]);
    expect(JSON.parse(kept!)).toEqual({ key: "BA", subscription: made(2).toJSON() });
  });

  test("takes the subscription that the browser has made itself", async () => {
    await change(made(3));
    expect(told[0]!.body).toMatchObject({ subscription: made(3).toJSON() });
    expect(options).toBeNull();
  });

  test("keeps what the server still knows when that could not take the change", async () => {
    status = 503;
    await change();
    expect(JSON.parse(kept!).subscription).toEqual(OLD);
  });

  test("asked nothing, it subscribes to nothing", async () => {
    kept = undefined;
    await change();
    expect(told.length).toBe(0);
    expect(options).toBeNull();
  });
});

test("a push without words shows nothing", () => {
  listeners["push"]!({ data: null, waitUntil: () => expect.unreachable() } as never);
  expect(shown).toEqual([]);
});
