/** What the server sends: the text, and what it is about. */
interface Message {
  notice: string;
  title: string;
  body: string;
  lang: string;
  link?: string;
  tag?: string;
}

/** What stays with a notification until it is tapped. */
interface Kept {
  link: string | undefined;
  /** It tells a result. */
  final: boolean;
}

interface Waiting {
  waitUntil(done: Promise<unknown>): void;
}

interface Push extends Waiting {
  data: { json(): Message } | null;
}

interface Tap extends Waiting {
  notification: Notification;
}

interface Tab {
  url: string;
  focus(): Promise<unknown>;
}

/** The part of a service worker's global scope that is used here. */
export interface Scope {
  registration: ServiceWorkerRegistration;
  clients: {
    matchAll(options: { type: "window"; includeUncontrolled: boolean }): Promise<Tab[]>;
    openWindow(url: string): Promise<unknown>;
  };
  skipWaiting(): Promise<void>;
  addEventListener(name: "push", run: (event: Push) => void): void;
  addEventListener(name: "notificationclick", run: (event: Tap) => void): void;
  addEventListener(name: "install", run: (event: Waiting) => void): void;
}

/** What is told while the result is unknown. */
const UNKNOWN = ["delayed", "prolonged"];

/** Shows what the server sends to a browser whose page is closed. It does nothing else: the
 * pages load past it. */
export function startWorker(scope: Scope): void {
  scope.addEventListener("install", (event) => event.waitUntil(scope.skipWaiting()));
  scope.addEventListener("push", (event) => {
    if (event.data) {
      event.waitUntil(show(scope, event.data.json()));
    }
  });
  scope.addEventListener("notificationclick", (event) => {
    event.notification.close();
    event.waitUntil(open(scope, (event.notification.data as Kept).link));
  });
}

/** The newest message of an order takes the place of the one before, but one that was held
 * up on its way does not take a result back. */
function show({ registration }: Scope, { notice, title, body, lang, link, tag = "" }: Message): Promise<unknown> {
  const final = UNKNOWN.indexOf(notice) < 0;
  return registration.getNotifications({ tag }).then((shown) => {
    if (!final && shown.some((n) => (n.data as Kept).final)) {
      return;
    }
    const kept: Kept = { link, final };
    // A result is worth another sound; not all browsers know the word for that yet.
    const options = { body, lang, tag, renotify: final && !!tag, data: kept };
    return registration.showNotification(title, options);
  });
}

/** Leads to the order: to its page where that is still open. */
function open({ clients }: Scope, link: string | undefined): Promise<unknown> {
  return clients.matchAll({ type: "window", includeUncontrolled: true }).then((tabs) => {
    if (link) {
      const { origin, pathname } = new URL(link);
      const tab = tabs.filter(({ url }) => url.split("?")[0] === origin + pathname)[0];
      return tab ? tab.focus() : clients.openWindow(link);
    }
    return undefined;
  });
}
