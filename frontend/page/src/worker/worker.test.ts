import { beforeEach, expect, test } from "vitest";
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
let tabs: { url: string; focus(): Promise<void> }[];

beforeEach(() => {
  listeners = {};
  shown = [];
  opened = [];
  tabs = [];
  startWorker({
    registration: {
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
  expect(shown[0]).toMatchObject({ title: "Confirming", body: "b", lang: "en", tag: "order_A1", renotify: false });
  await push("succeeded", "Paid");
  expect(shown.map((n) => n.title)).toEqual(["Paid"]);
  expect(shown[0]!.renotify).toBe(true);
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

test("a push without words shows nothing", () => {
  listeners["push"]!({ data: null, waitUntil: () => expect.unreachable() } as never);
  expect(shown).toEqual([]);
});
