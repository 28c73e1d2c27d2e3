import type { StateFrame } from "./frames";

/** What a transport connects to, and where it takes up. */
export interface Target {
  /** Address of the WebSocket, ws:// or wss://. */
  socketUrl: string;
  /** Address of the state for long polling, without a query. */
  stateUrl: string;
  topic: string;
  token: string;
  /** The newest seq that is known. */
  after(): number;
}

/** What a transport reports. After ended() or refused() it reports nothing more. */
export interface Reports {
  state(frame: StateFrame): void;
  /** The transport is of no more use; connect again after a pause in milliseconds, or
   * after one of the caller's choice when it is null. */
  ended(pause: number | null, reconnect: boolean): void;
  /** Token or topic were refused for good. */
  refused(): void;
}

/** A connection under way. */
export interface Transport {
  /** Sends a frame; false when it cannot. */
  send(frame: object): boolean;
  /** Finds out soon whether the connection still lives, after the network changed. */
  probe(): void;
  /** Ends it without a report. */
  stop(): void;
}
