/** What a browser was subscribed with, for the day on which the browser itself changes it:
 * not all tell the old one then. */
export interface Kept {
  /** The server's. */
  key: string;
  subscription: PushSubscriptionJSON;
}

const CACHE = "anxin";

/** No address of the server's: the name under which it is kept. */
const PLACE = "/pay/subscription.json";

export function keep(kept: Kept): Promise<void> {
  return caches.open(CACHE).then((cache) => cache.put(PLACE, new Response(JSON.stringify(kept))));
}

/** What was kept, if it was. */
export function kept(): Promise<Kept | undefined> {
  return caches
    .open(CACHE)
    .then((cache) => cache.match(PLACE))
    .then((found) => found && (found.json() as Promise<Kept>));
}

/** How browsers are to subscribe: to messages that are shown, with the server's key. */
export function options(key: string): PushSubscriptionOptionsInit {
  return { userVisibleOnly: true, applicationServerKey: bytes(key) };
}

/** The bytes of a text in Base64url: not every browser takes the text itself. */
function bytes(text: string): Uint8Array<ArrayBuffer> {
  const raw = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
  return Uint8Array.from(raw, (c) => c.charCodeAt(0));
}
