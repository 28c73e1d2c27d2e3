import type { Answer, Platform, Request } from "./platform";
import type { Reports, Target, Transport } from "./target";

/** How long the server may hold a request, in seconds. */
export const WAIT = 25;

/** What a long poll answers with: the state, which names its own seq. */
interface State {
  seq: number;
}

/** One long poll after the other, for networks that let no WebSocket through. */
export class PollTransport implements Transport {
  private request: Request | null = null;

  constructor(
    private readonly platform: Platform,
    private readonly target: Target,
    private readonly reports: Reports,
  ) {
    this.ask();
  }

  /** Nothing can be sent over a long poll. */
  send(): boolean {
    return false;
  }

  /** A request that has lost its network ends by itself. */
  probe(): void {}

  stop(): void {
    if (this.request) {
      this.request.cancel();
      this.request = null;
    }
  }

  private ask(): void {
    const url = this.target.stateUrl + "?after=" + this.target.after() + "&wait=" + WAIT + "s";
    this.request = this.platform.get(url, this.target.token, (answer) => this.receive(answer));
  }

  private receive(answer: Answer): void {
    this.request = null;
    const state = answer.body as State | null;
    if (answer.status === 200 && state && typeof state.seq === "number") {
      this.report("snapshot", state.seq, answer, state);
      this.ask();
    } else if (answer.status === 204) {
      this.report("current", this.target.after(), answer);
      this.ask();
    } else if (answer.status === 401 || answer.status === 403 || answer.status === 404 || answer.status === 410) {
      this.reports.refused();
    } else {
      this.reports.ended(answer.retryAfter > 0 ? answer.retryAfter * 1000 : null, true);
    }
  }

  private report(type: "snapshot" | "current", seq: number, answer: Answer, data?: unknown): void {
    const now = answer.date > 0 ? new Date(answer.date).toISOString() : "";
    this.reports.state({ type, topic: this.target.topic, seq, now, data });
  }
}
