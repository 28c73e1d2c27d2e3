import { isRefusal, mustNotReconnect, parseFrame } from "./frames";
import type { Platform, Socket, Timer } from "./platform";
import type { Reports, Target, Transport } from "./target";

/** How long connecting and subscribing may take. */
export const CONNECT_TIMEOUT = 4_000;

/** Silence after which the server is asked for a sign of life. Its own pings are not
 * visible to a script, and phones kill sockets without saying so. */
export const QUIET = 25_000;

/** How long the sign of life may take. */
export const PONG_TIMEOUT = 5_000;

/** One WebSocket connection that watches one topic, from opening to its end. */
export class SocketTransport implements Transport {
  private socket: Socket | null;
  private timer: Timer = null;
  private open = false;

  constructor(
    private readonly platform: Platform,
    private readonly target: Target,
    private readonly reports: Reports,
  ) {
    this.arm(CONNECT_TIMEOUT, () => this.end(null, true));
    this.socket = platform.openSocket(target.socketUrl, "anxin.v1", {
      open: () => this.subscribe(),
      message: (text) => this.receive(text),
      closed: (code) => this.end(null, !mustNotReconnect(code)),
    });
  }

  send(frame: object): boolean {
    if (!this.socket || !this.open) {
      return false;
    }
    this.socket.send(JSON.stringify(frame));
    return true;
  }

  probe(): void {
    if (this.send({ type: "ping" })) {
      this.arm(PONG_TIMEOUT, () => this.end(null, true));
    }
  }

  stop(): void {
    this.platform.clearTimer(this.timer);
    if (this.socket) {
      this.socket.close();
      this.socket = null;
    }
  }

  private subscribe(): void {
    this.open = true;
    this.send({
      type: "subscribe",
      topic: this.target.topic,
      token: this.target.token,
      after: this.target.after(),
    });
  }

  private receive(text: string): void {
    const frame = parseFrame(text);
    if (!frame) {
      return;
    }
    switch (frame.type) {
      case "snapshot":
      case "current":
      case "update":
        this.listen();
        if (frame.topic === this.target.topic) {
          this.reports.state(frame);
        }
        break;
      case "pong":
        this.listen();
        break;
      case "reconnect":
        this.end(frame.after_ms, true);
        break;
      case "error":
        this.fail(frame.code);
        break;
    }
  }

  private fail(code: string): void {
    if (isRefusal(code)) {
      this.stop();
      this.reports.refused();
    } else if (code === "unavailable") {
      this.end(null, true);
    }
  }

  /** Waits for silence, then for the answer to a ping. */
  private listen(): void {
    this.arm(QUIET, () => this.probe());
  }

  private arm(ms: number, run: () => void): void {
    this.platform.clearTimer(this.timer);
    this.timer = this.platform.setTimer(run, ms);
  }

  private end(pause: number | null, reconnect: boolean): void {
    this.stop();
    this.reports.ended(pause, reconnect);
  }
}
