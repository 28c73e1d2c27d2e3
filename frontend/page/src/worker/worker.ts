import { keep, kept, options } from "../subscription";

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
interface Data {
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

interface Change extends Waiting {
  newSubscription?: PushSubscription | null;
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
  addEventListener(name: "pushsubscriptionchange", run: (event: Change) => void): void;
  addEventListener(name: "install", run: (event: Waiting) => void): void;
}

/** What is told while the result is unknown. */
const UNKNOWN = ["delayed", "prolonged"];

/** Where the server learns that a browser is to be reached elsewhere. */
const RENEWAL = "/v1/push/renewals";

/** Shows what the server sends to a browser whose page is closed, as long as the payer wants
 * it. It does nothing else: the pages load past it. */
export function startWorker(scope: Scope): void {
  scope.addEventListener("install", (event) => event.waitUntil(scope.skipWaiting()));
  scope.addEventListener("push", (event) => {
    if (event.data) {
      event.waitUntil(show(scope, event.data.json()));
    }
  });
  scope.addEventListener("notificationclick", (event) => {
    event.notification.close();
    event.waitUntil(open(scope, (event.notification.data as Data).link));
  });
  scope.addEventListener("pushsubscriptionchange", (event) => event.waitUntil(renew(scope, event)));
}

/** Tells the server where the browser is reached from now on. Who has taken the permission
 * back is subscribed nowhere, and the server told nothing. */
function renew({ registration }: Scope, { newSubscription }: Change): Promise<void> {
  return kept().then((old) => {
    if (!old) {
      return undefined;
    }
    const { key } = old;
    return Promise.resolve(newSubscription || registration.pushManager.subscribe(options(key)))
      .then((made) => made.toJSON())
      .then((subscription) =>
        fetch(RENEWAL, {
          method: "POST",
          headers: { "Content-Type": "application/json" },
          body: JSON.stringify({ old: old.subscription, subscription }),
        }).then((answer) => (answer.ok ? keep({ key, subscription }) : undefined)),
      );
  });
}

/** The newest message of an order takes the place of the one before, but one that was held
 * up on its way does not take a result back. */
function show({ registration }: Scope, { notice, title, body, lang, link, tag = "" }: Message): Promise<unknown> {
  const final = UNKNOWN.indexOf(notice) < 0;
  return registration.getNotifications({ tag }).then((shown) => {
    if (!final && shown.some((n) => (n.data as Data).final)) {
      return;
    }
    const data: Data = { link, final };
    // A result is worth another sound, and stays until it is looked at: it was asked for. Not
    // all browsers know the words for that yet.
    const options = { body, lang, tag, renotify: final && !!tag, requireInteraction: final, data };
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
