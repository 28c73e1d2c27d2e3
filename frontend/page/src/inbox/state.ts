import type { Connection, StateFrame } from "../../../client/src/index";
import { ms } from "../order";
import type { WireTime } from "../order";

/** One message, as the server sends it. */
export interface Message {
  id: string;
  n: number;
  order_no: string;
  notice: string;
  language: string;
  title: string;
  body: string;
  at: WireTime;
  read_at: WireTime;
}

/** The newest messages, as a frame and the answers of the API have them. */
export interface View {
  seq: number;
  unread: number;
  items: Message[];
  next_cursor: string | null;
}

/** What the page starts from; the server puts it into the page as JSON. */
export interface Boot {
  topic: string;
  token: string;
  brand: string;
  now: string;
  seq: number;
  unread: number;
  items: Message[];
  /** New messages belong on this page: it is not one of older ones. */
  newest: boolean;
  /** There are older ones. */
  more: boolean;
  texts: { [key: string]: string };
}

/** Everything that the page knows. */
export interface State {
  newest: boolean;
  seq: number;
  unread: number;
  items: Message[];
  more: boolean;
  connection: Connection;
  offline: boolean;
  /** A request of the payer's was not taken. */
  failed: boolean;
  /** When the state was last known to be true, server time. */
  confirmedAt: number;
}

/** What can happen to the page. */
export type Action =
  | { type: "frame"; frame: StateFrame; now: number }
  | { type: "connection"; connection: Connection }
  | { type: "network"; offline: boolean }
  | { type: "asked"; failed: boolean };

export function initialState(boot: Boot): State {
  return {
    newest: boot.newest,
    seq: boot.seq,
    unread: boot.unread,
    items: boot.items,
    more: boot.more,
    connection: "down",
    offline: false,
    failed: false,
    confirmedAt: ms(boot.now),
  };
}

/** The one way from a state to the next. */
export function reduce(state: State, action: Action): State {
  switch (action.type) {
    case "frame":
      return takeFrame(state, action.frame, action.now);
    case "connection":
      return changed(state, { connection: action.connection });
    case "network":
      return changed(state, { offline: action.offline });
    case "asked":
      return changed(state, { failed: action.failed });
  }
}

/** A copy with some fields changed; es2017 has no spread of objects. */
function changed(state: State, fields: Partial<State>): State {
  return Object.assign({}, state, fields);
}

/** A frame with a lower seq than the known one changes nothing: states never go back. */
function takeFrame(state: State, frame: StateFrame, now: number): State {
  const view = frame.data as View | undefined;
  const confirmed = changed(state, { confirmedAt: now, offline: false });
  if (!view || view.seq <= state.seq) {
    return confirmed;
  }
  return changed(confirmed, merge(confirmed, view, frame.now));
}

/** Puts the newest messages over the known ones. What lies between them, after a long
 * absence, is unknown: then the known ones give way, and are found by "older" again. */
function merge(state: State, view: View, now: string): Partial<State> {
  const fresh = new Map(view.items.map((item): [string, Message] => [item.id, item]));
  const known = state.items.map((item) => fresh.get(item.id) || item);
  const { seq, unread } = view;
  const last = view.items[view.items.length - 1];
  const joined = !view.next_cursor || state.items.some((item) => fresh.has(item.id));
  const whole = !state.newest
    ? { items: known, more: state.more }
    : joined
      ? { items: view.items.concat(known.filter((item) => !last || item.n < last.n)), more: state.more }
      : { items: view.items, more: true };
  // Those that are not among the newest can only be told by what is left of the count.
  const items = unread ? whole.items : whole.items.map((item) => Object.assign({}, item, { read_at: item.read_at || now }));
  return { seq, unread, items, more: whole.more };
}
