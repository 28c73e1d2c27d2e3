/** A state of a topic, as the server sends it. */
export interface StateFrame {
  type: "snapshot" | "update" | "current";
  topic: string;
  seq: number;
  /** Server time, RFC 3339. */
  now: string;
  /** What happened; absent in a snapshot. */
  event?: string;
  /** The whole state; absent in "current", which says that the known one still holds. */
  data?: unknown;
}

export interface ErrorFrame {
  type: "error";
  topic?: string;
  code: string;
}

export interface ReconnectFrame {
  type: "reconnect";
  after_ms: number;
}

/** What the server sends. */
export type Frame = StateFrame | ErrorFrame | ReconnectFrame | { type: "pong" };

/** What a client reports besides subscribing. */
export type Report =
  | { type: "seen"; topic: string; seq: number }
  | { type: "act"; topic: string; name: string; seq?: number; value?: number | undefined };

/** Reads a frame; null for anything that is none. */
export function parseFrame(text: string): Frame | null {
  try {
    return JSON.parse(text) as Frame | null;
  } catch (_) {
    return null;
  }
}
