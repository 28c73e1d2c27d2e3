import { parseFrame } from "./frames.js";
import type { Report, StateFrame } from "./frames.js";
import type { Answer, Platform } from "./platform.js";

/** How long connecting and the first frame may take, in milliseconds. */
export const CONNECT_TIMEOUT = 4_000;

/** The period in which the server, or this client, shows that a connection lives. */
export const HEARTBEAT = 25_000;

/** What a transport connects to, and where it takes up. */
export interface Target {
  /** Address of the WebSocket, ws:// or wss://. */
  socketUrl: string;
  /** Address of the state, without a query; "/stream" follows it for the event stream. */
  stateUrl: string;
  topic: string;
  token: string;
  /** A topic open to everybody that is watched besides; "" = none. */
  also: string;
  /** The newest seq that is known. */
  after(): number;
}

/** What a transport reports. After ended() or refused() it reports nothing more. */
export interface Reports {
  state(frame: StateFrame): void;
  /** The transport is of no more use: connect again after a pause in milliseconds, or
   * after one of the caller's choice when there is none; forGood says never by it. */
  ended(pause?: number, forGood?: boolean): void;
  /** Token or topic were refused for good. */
  refused(): void;
}

/** A connection under way. */
export interface Transport {
  /** Sends a frame; false when it cannot. */
  send(frame: Report): boolean;
  /** Finds out soon whether the connection still lives, after the network changed. */
  probe(): void;
  /** Ends it without a report. */
  stop(): void;
}

/** Begins a connection. It reports nothing before it has returned. */
export type Open = (platform: Platform, target: Target, reports: Reports) => Transport;

/** Does what a frame of the server says. */
export function receive(text: string, target: Target, reports: Reports): void {
  const frame = parseFrame(text);
  if (!frame) {
    return;
  }
  if (frame.type === "reconnect") {
    reports.ended(frame.after_ms);
  } else if (frame.type === "error") {
    if (frame.topic && frame.topic !== target.topic) {
      return;
    }
    if (/^(forbidden|token_expired|no_topic)$/.test(frame.code)) {
      reports.refused();
    } else if (frame.code === "unavailable") {
      reports.ended();
    }
  } else if (frame.type !== "pong" && frame.seq >= 0 && (frame.topic === target.topic || frame.topic === target.also)) {
    reports.state(frame);
  }
}

/** Does what an HTTP answer says that brought no state. */
export function settle(answer: Answer, reports: Reports): void {
  if (/^(40[134]|410)$/.test(String(answer.status))) {
    reports.refused();
  } else {
    reports.ended(answer.retryAfter > 0 ? answer.retryAfter * 1000 : undefined);
  }
}

/** Where to ask for what is newer than what is known; `also` is the seq that is known of
 * the other topic. */
export function address(target: Target, path: string, also: number): string {
  return target.stateUrl + path + "?after=" + target.after() + (target.also && "&" + target.also + "=" + also);
}

/** Reports what a client has to say by a request of its own. */
export function post(platform: Platform, target: Target, frames: Report[]): boolean {
  return platform.post(target.stateUrl + "/acts", JSON.stringify({ token: target.token, frames }));
}
