import { pause } from "./backoff.js";
import type { Report, StateFrame } from "./frames.js";
import type { Platform, Timer } from "./platform.js";
import { openPoll } from "./poll.js";
import { openSocket } from "./socket.js";
import { openStream } from "./stream.js";
import { post } from "./transport.js";
import type { Open, Target, Transport } from "./transport.js";

/** How long another transport goes on before a WebSocket is tried beside it. */
export const SOCKET_RETRY = 60_000;

/** How the topic is watched: by which transport, not at the moment, or no more. */
export type Connection = "socket" | "stream" | "poll" | "down" | "refused";

export interface LiveOptions {
  socketUrl: string;
  stateUrl: string;
  topic: string;
  token: string;
  /** A topic open to everybody that is watched besides; its states go to onState too. */
  also?: string;
  /** The seq of the state that is known already. */
  after: number;
  /** A new state, each seq once and in rising order; also "current" frames, which bring
   * the server's time. */
  onState(frame: StateFrame): void;
  onConnection(connection: Connection): void;
}

/**
 * Watches one topic for as long as somebody can see it. start() and stop() may be called
 * in any order and any number of times.
 */
export interface Live {
  start(): void;
  stop(): void;
  /** Reports over the connection; false when there is none. */
  send(frame: Report): boolean;
  /** Reports without a connection, also while the page goes away; false when it cannot. */
  report(frames: Report[]): boolean;
  /** Takes a state that came another way, as the answer to a request. */
  accept(frame: StateFrame): void;
}

/**
 * Connects by the best transport that gets through, resumes where it was, and comes back
 * after every loss. A WebSocket that failed twice in a row gives way to an event stream,
 * that to long polls, and those to a WebSocket again; what has worked is tried once more
 * before it gives way.
 */
export function createLive(platform: Platform, options: LiveOptions): Live {
  let ladder: [Connection, Open][] = [
    ["socket", openSocket],
    ["stream", openStream],
    ["poll", openPoll],
  ];
  if (!platform.openStream) {
    ladder.splice(1, 1);
  }
  let seq = options.after;
  let connection: Connection = "down";
  let transport: Transport | null = null;
  /** A socket that is tried beside the transport in use. */
  let candidate: Transport | null = null;
  let unwatch: (() => void) | null = null;
  let timer: Timer = null;
  let retryTimer: Timer = null;
  let losses = 0;
  /** One more than the rung of the ladder, but for the first try of the first rung. */
  let step = 0;

  const target: Target = {
    socketUrl: options.socketUrl,
    stateUrl: options.stateUrl,
    topic: options.topic,
    token: options.token,
    also: options.also || "",
    after: () => seq,
  };

  const tell = (now: Connection) => {
    if (connection !== now && connection !== "refused") {
      options.onConnection((connection = now));
    }
  };

  const take = (frame: StateFrame) => {
    if (frame.type === "current" || frame.seq > seq) {
      seq = Math.max(seq, frame.seq);
      options.onState(frame);
    }
  };

  const hangUp = () => {
    platform.clearTimer(timer);
    platform.clearTimer(retryTimer);
    [transport, candidate].forEach((t) => t && t.stop());
    transport = candidate = null;
  };

  const retrySocket = () => {
    platform.clearTimer(retryTimer);
    if (ladder[0]![0] === "socket") {
      retryTimer = platform.setTimer(() => (candidate = open(0)), SOCKET_RETRY);
    }
  };

  const open = (rung: number): Transport => {
    const [name, begin] = ladder[rung]!;
    const stale = () => mine !== transport && mine !== candidate;
    const mine = begin(platform, target, {
      state(frame) {
        if (stale()) {
          return;
        }
        if (mine === candidate) {
          candidate = null;
          hangUp();
          transport = mine;
        }
        losses = 0;
        step = rung;
        if (connection !== name && rung) {
          retrySocket();
        }
        tell(name);
        if (frame.topic === options.topic) {
          take(frame);
        } else {
          options.onState(frame);
        }
      },
      ended(wait, forGood) {
        if (stale()) {
          return;
        }
        mine.stop();
        if (forGood) {
          ladder = ladder.slice(1);
          step = -1;
        }
        if (mine === candidate) {
          candidate = null;
          retrySocket();
          return;
        }
        hangUp();
        if (wait === undefined) {
          step = step < ladder.length ? step + 1 : 1;
        }
        tell("down");
        timer = platform.setTimer(connect, wait === undefined ? pause(losses++, platform.random()) : wait);
      },
      refused() {
        if (!stale()) {
          stop();
          tell("refused");
        }
      },
    });
    return mine;
  };

  const connect = () => {
    platform.clearTimer(timer);
    transport = open(Math.max(step - 1, 0));
  };

  const wake = (awake: boolean) => {
    if (!awake) {
      hangUp();
      tell("down");
      return;
    }
    losses = 0;
    if (transport) {
      transport.probe();
    } else {
      connect();
    }
  };

  const stop = () => {
    if (unwatch) {
      unwatch();
      unwatch = null;
    }
    wake(false);
  };

  return {
    start() {
      if (!unwatch && connection !== "refused") {
        unwatch = platform.onWake(wake);
        wake(platform.awake());
      }
    },
    stop,
    send: (frame) => connection !== "down" && !!transport && transport.send(frame),
    report: (frames) => post(platform, target, frames),
    accept: take,
  };
}
