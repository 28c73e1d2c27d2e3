/**
 * Everything that the live client needs from where it runs. A browser, a WeChat Mini
 * Program or a test each give their own.
 */
export interface Platform {
  /** The device's clock in milliseconds, right or wrong. */
  now(): number;
  /** A number in [0, 1). */
  random(): number;
  setTimer(run: () => void, ms: number): Timer;
  clearTimer(timer: Timer): void;
  /** Opens a socket. It must not call back before it has returned. */
  openSocket(url: string, protocol: string, on: SocketEvents): Socket;
  /** Asks for an endless answer with the token as bearer. It must not call back before it
   * has returned, nor after cancel(). Left out where answers come as a whole only. */
  openStream?(url: string, token: string, on: StreamEvents): Request;
  /** Asks for a frame with the token as bearer. It calls back once, and not after
   * cancel(). */
  get(url: string, token: string, done: (answer: Answer) => void): Request;
  /** Sends a body without waiting for an answer; false when it cannot. It must work while
   * the page goes away. */
  post(url: string, body: string): boolean;
  /** False while nobody can see the page: then nothing is kept open. */
  awake(): boolean;
  /** Calls back with true when the page was shown or the network came back, with false
   * when it was hidden or left. Returns the way to stop that. */
  onWake(changed: (awake: boolean) => void): () => void;
}

export type Timer = unknown;

export interface Socket {
  send(text: string): void;
  /** After this no event of the socket is delivered any more. */
  close(): void;
}

export interface SocketEvents {
  open(): void;
  message(text: string): void;
  /** The socket is gone; code 1006 when no close frame came. */
  closed(code: number): void;
}

export interface StreamEvents {
  /** The next piece of the answer, cut anywhere. */
  text(piece: string): void;
  /** The answer is over. */
  ended(answer: Answer): void;
}

export interface Request {
  cancel(): void;
}

/** An HTTP answer; status 0 means that there was none. */
export interface Answer {
  status: number;
  /** The parsed JSON, null when there is none. */
  body: unknown;
  /** Seconds of the Retry-After header, 0 when absent. */
  retryAfter: number;
}
