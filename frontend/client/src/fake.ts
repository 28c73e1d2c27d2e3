import type { Answer, Platform, SocketEvents, StreamEvents } from "./platform.js";

/** A socket under the test's control. */
export class FakeSocket {
  sent: { type: string; [field: string]: unknown }[] = [];
  closed = false;

  constructor(
    readonly url: string,
    readonly protocol: string,
    private readonly on: SocketEvents,
  ) {}

  open(): void {
    this.on.open();
  }

  message(frame: object | string): void {
    this.on.message(typeof frame === "string" ? frame : JSON.stringify(frame));
  }

  drop(code = 1006): void {
    this.on.closed(code);
  }
}

/** An event stream under the test's control. */
export class FakeStream {
  cancelled = false;

  constructor(
    readonly url: string,
    readonly token: string,
    private readonly on: StreamEvents,
  ) {}

  text(piece: string): void {
    this.on.text(piece);
  }

  event(frame: { seq?: number }): void {
    this.on.text("id: " + frame.seq + "\ndata: " + JSON.stringify(frame) + "\n\n");
  }

  end(status = 0, retryAfter = 0): void {
    this.on.ended({ status, body: null, retryAfter });
  }
}

/** A long poll under the test's control. */
export interface FakeRequest {
  url: string;
  token: string;
  cancelled: boolean;
  answer(status: number, body?: unknown, retryAfter?: number): void;
}

/** A platform whose time stands still until advance(). */
export class FakePlatform implements Platform {
  time = 1_000_000;
  isAwake = true;
  posts: { url: string; body: { token: string; frames: unknown[] } }[] = [];
  sockets: FakeSocket[] = [];
  streams: FakeStream[] = [];
  requests: FakeRequest[] = [];
  private timers: { at: number; run: () => void }[] = [];
  private watchers: ((awake: boolean) => void)[] = [];

  now(): number {
    return this.time;
  }

  /** Half of every jittered pause. */
  random(): number {
    return 0.5;
  }

  setTimer(run: () => void, ms: number): object {
    const timer = { at: this.time + ms, run };
    this.timers.push(timer);
    return timer;
  }

  clearTimer(timer: unknown): void {
    this.timers = this.timers.filter((t) => t !== timer);
  }

  advance(ms: number): void {
    const end = this.time + ms;
    for (;;) {
      const due = this.timers.filter((t) => t.at <= end).sort((a, b) => a.at - b.at)[0];
      if (!due) {
        break;
      }
      this.clearTimer(due);
      this.time = Math.max(this.time, due.at);
      due.run();
    }
    this.time = end;
  }

  get pending(): number {
    return this.timers.length;
  }

  openSocket(url: string, protocol: string, on: SocketEvents) {
    const socket = new FakeSocket(url, protocol, on);
    this.sockets.push(socket);
    return {
      send: (text: string) => void socket.sent.push(JSON.parse(text)),
      close: () => {
        socket.closed = true;
      },
    };
  }

  openStream(url: string, token: string, on: StreamEvents) {
    const stream = new FakeStream(url, token, on);
    this.streams.push(stream);
    return {
      cancel: () => {
        stream.cancelled = true;
      },
    };
  }

  get(url: string, token: string, done: (answer: Answer) => void) {
    const request: FakeRequest = {
      url,
      token,
      cancelled: false,
      answer: (status, body = null, retryAfter = 0) => done({ status, body, retryAfter }),
    };
    this.requests.push(request);
    return {
      cancel: () => {
        request.cancelled = true;
      },
    };
  }

  post(url: string, body: string): boolean {
    this.posts.push({ url, body: JSON.parse(body) });
    return true;
  }

  awake(): boolean {
    return this.isAwake;
  }

  onWake(changed: (awake: boolean) => void): () => void {
    this.watchers.push(changed);
    return () => {
      this.watchers = this.watchers.filter((w) => w !== changed);
    };
  }

  wake(awake: boolean): void {
    this.isAwake = awake;
    this.watchers.slice().forEach((w) => w(awake));
  }

  get socket(): FakeSocket {
    return this.sockets[this.sockets.length - 1]!;
  }

  get stream(): FakeStream {
    return this.streams[this.streams.length - 1]!;
  }

  get request(): FakeRequest {
    return this.requests[this.requests.length - 1]!;
  }
}
