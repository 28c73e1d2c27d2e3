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

export type Frame = StateFrame | ErrorFrame | ReconnectFrame | { type: "pong" };

/** Reads a frame; null for anything that this client does not know. */
export function parseFrame(text: string): Frame | null {
  let frame: Frame | null;
  try {
    frame = JSON.parse(text) as Frame | null;
  } catch (_) {
    return null;
  }
  switch (frame && frame.type) {
    case "snapshot":
    case "update":
    case "current": {
      const state = frame as StateFrame;
      return typeof state.seq === "number" && typeof state.topic === "string" ? state : null;
    }
    case "error":
    case "reconnect":
    case "pong":
      return frame;
    default:
      return null;
  }
}

/** Errors after which asking again cannot help: the token or the topic is refused. */
export function isRefusal(code: string): boolean {
  return code === "forbidden" || code === "token_expired" || code === "no_topic";
}

/**
 * Close codes after which the same client would only be closed again. Everything else,
 * and above all a missing close frame (1006), means: connect again.
 */
export function mustNotReconnect(code: number): boolean {
  return code === 1002 || code === 1009 || code === 4002;
}
