import { Backoff } from "./backoff";
import type { StateFrame } from "./frames";
import type { Platform, Timer } from "./platform";
import { PollTransport } from "./poll";
import { SocketTransport } from "./socket";
import type { Reports, Target, Transport } from "./target";

/** WebSocket failures in a row after which long polling takes over. */
export const SOCKET_FAILURES = 2;

/** How long long polling goes on before a WebSocket is tried again. */
export const SOCKET_RETRY = 60_000;

/** How the topic is watched: by a socket, by polling, not at the moment, or no more. */
export type Connection = "socket" | "poll" | "down" | "refused";

export interface LiveOptions {
  socketUrl: string;
  stateUrl: string;
  topic: string;
  token: string;
  /** The seq of the state that is known already. */
  after: number;
  /** A new state, each seq once and in rising order; also "current" frames, which bring
   * the server's time. */
  onState(frame: StateFrame): void;
  onConnection(connection: Connection): void;
}

/**
 * Watches one topic for as long as somebody can see it: connects, resumes where it was,
 * and falls back when sockets do not get through. start() and stop() may be called in
 * any order and any number of times.
 */
export class Live {
  private transport: Transport | null = null;
  private connection: Connection = "down";
  private timer: Timer = null;
  private socketTimer: Timer = null;
  private stopWatching: (() => void) | null = null;
  private readonly backoff: Backoff;
  private failures = 0;
  private socketsRefused = false;
  private seq: number;

  constructor(
    private readonly platform: Platform,
    private readonly options: LiveOptions,
  ) {
    this.backoff = new Backoff(() => platform.random());
    this.seq = options.after;
  }

  start(): void {
    if (this.stopWatching || this.connection === "refused") {
      return;
    }
    this.stopWatching = this.platform.onWake((awake) => this.wake(awake));
    this.wake(this.platform.awake());
  }

  stop(): void {
    if (this.stopWatching) {
      this.stopWatching();
      this.stopWatching = null;
    }
    this.hangUp();
  }

  /** Sends a frame over the socket; false when there is none. */
  send(frame: object): boolean {
    return this.connection === "socket" && this.transport !== null && this.transport.send(frame);
  }

  /** Takes a state that came another way, as the answer to a request. */
  accept(frame: StateFrame): void {
    this.take(frame);
  }

  /** Connects at once when awake, without what is left of a pause; hangs up when not. */
  private wake(awake: boolean): void {
    if (!awake) {
      this.hangUp();
      return;
    }
    this.backoff.reset();
    if (this.transport) {
      this.transport.probe();
    } else {
      this.connect();
    }
  }

  private connect(): void {
    this.clear();
    const reports = this.reports();
    const target: Target = {
      socketUrl: this.options.socketUrl,
      stateUrl: this.options.stateUrl,
      topic: this.options.topic,
      token: this.options.token,
      after: () => this.seq,
    };
    if (this.failures < SOCKET_FAILURES && !this.socketsRefused) {
      this.transport = new SocketTransport(this.platform, target, reports);
      return;
    }
    this.transport = new PollTransport(this.platform, target, reports);
    if (!this.socketsRefused) {
      this.socketTimer = this.platform.setTimer(() => this.retrySocket(), SOCKET_RETRY);
    }
  }

  /** Gives the socket one more try; if that fails, polling goes on. */
  private retrySocket(): void {
    this.failures = SOCKET_FAILURES - 1;
    this.hangUpQuietly();
    this.connect();
  }

  private reports(): Reports {
    return {
      state: (frame) => {
        this.backoff.reset();
        if (this.transport instanceof SocketTransport) {
          this.failures = 0;
        }
        this.tell(this.transport instanceof PollTransport ? "poll" : "socket");
        this.take(frame);
      },
      ended: (pause, reconnect) => this.ended(pause, reconnect),
      refused: () => {
        this.stop();
        this.tell("refused");
      },
    };
  }

  private ended(pause: number | null, reconnect: boolean): void {
    const bySocket = this.transport instanceof SocketTransport;
    this.transport = null;
    if (!bySocket) {
      this.failures = SOCKET_FAILURES - 1; // whatever broke polling may have freed the way for sockets
    } else if (pause === null) {
      this.failures++;
    }
    this.socketsRefused = this.socketsRefused || !reconnect;
    this.tell("down");
    this.clear();
    this.timer = this.platform.setTimer(() => this.connect(), pause === null ? this.backoff.next() : pause);
  }

  private take(frame: StateFrame): void {
    if (frame.type === "current") {
      this.options.onState(frame);
    } else if (frame.seq > this.seq) {
      this.seq = frame.seq;
      this.options.onState(frame);
    }
  }

  private hangUp(): void {
    this.hangUpQuietly();
    if (this.connection !== "refused") {
      this.tell("down");
    }
  }

  private hangUpQuietly(): void {
    this.clear();
    if (this.transport) {
      this.transport.stop();
      this.transport = null;
    }
  }

  private clear(): void {
    this.platform.clearTimer(this.timer);
    this.platform.clearTimer(this.socketTimer);
  }

  private tell(connection: Connection): void {
    if (this.connection !== connection) {
      this.connection = connection;
      this.options.onConnection(connection);
    }
  }
}
