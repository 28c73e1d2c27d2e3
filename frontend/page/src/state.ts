import type { Connection, StateFrame } from "../../client/src/index";
import { ms } from "./order";
import type { Moment, Progress } from "./order";
import type { MoneyFormat } from "./texts";
import type { Announcement, Rules } from "./screen";

/** What the page starts from; the server puts it into the page as JSON. */
export interface Boot {
  topic: string;
  token: string;
  brand: string;
  lang: string;
  version: string;
  scope: string;
  /** 0: nobody can be told, 1: only by the browser, 2: anybody. */
  tell: number;
  announced: Announcement[];
  now: string;
  progress: Progress;
  moments: Moment[];
  check_again_at: string | null;
  money: MoneyFormat;
  rules: Rules;
  texts: { [key: string]: string };
}

export type Notice = "" | "checking" | "claimed" | "too_soon" | "failed";

/** Everything that the page knows. */
export interface State {
  progress: Progress;
  moments: Moment[];
  announced: Announcement[];
  checkAgainAt: number;
  /** How the payer's last action ended; null keeps what the server rendered. */
  notice: Notice | null;
  connection: Connection;
  offline: boolean;
  /** When the state was last known to be true, server time. */
  confirmedAt: number;
}

/** What can happen to the page. */
export type Action =
  | { type: "frame"; frame: StateFrame; now: number }
  | { type: "connection"; connection: Connection }
  | { type: "network"; offline: boolean }
  | { type: "announced"; items: Announcement[] }
  /** Without a time what was known of it holds. */
  | { type: "notice"; notice: Notice; checkAgainAt: number | false };

export function initialState(boot: Boot): State {
  return {
    progress: boot.progress,
    moments: boot.moments,
    announced: boot.announced,
    checkAgainAt: ms(boot.check_again_at),
    notice: null,
    connection: "down",
    offline: false,
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
    case "announced":
      return changed(state, { announced: action.items });
    case "notice":
      return changed(state, {
        notice: action.notice,
        checkAgainAt: action.checkAgainAt || state.checkAgainAt,
      });
  }
}

/** A copy with some fields changed; es2017 has no spread of objects. */
function changed(state: State, fields: Partial<State>): State {
  return Object.assign({}, state, fields);
}

/** A frame with a lower seq than the known one changes nothing: states never go back. */
function takeFrame(state: State, frame: StateFrame, now: number): State {
  const progress = frame.data as Progress | undefined;
  const confirmed = changed(state, { confirmedAt: now, offline: false });
  if (frame.type === "current" || !progress || progress.seq <= state.progress.seq) {
    return confirmed;
  }
  const moved = progress.status !== state.progress.status || progress.attempt !== state.progress.attempt;
  return changed(confirmed, {
    progress,
    moments: remember(state.moments, frame, state.progress),
    notice: moved ? "" : state.notice,
  });
}

/** Adds what a frame tells to the history. Cases that only the merchant sees have no
 * review. */
function remember(moments: Moment[], frame: StateFrame, before: Progress): Moment[] {
  const p = frame.data as Progress;
  const event = frame.event || missedEvent(before, p);
  if (!event || (event === "case.opened" && !p.review)) {
    return moments;
  }
  const moment: Moment = {
    seq: p.seq,
    at: p.updated_at || frame.now,
    event,
    status: p.status,
    attempt: p.attempt,
  };
  return moments.concat(moment);
}

/** What a snapshot tells: it has no event, but the difference to the known state has. */
function missedEvent(before: Progress, p: Progress): string {
  if (p.status !== before.status) {
    return p.status === "confirming" && p.step !== "payment_received" ? "order.claimed" : "status.changed";
  }
  if (p.attempt > before.attempt) {
    return p.attempting ? "retry.started" : "retry.scheduled";
  }
  return "";
}
