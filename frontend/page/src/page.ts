import { browserPlatform, Live } from "../../client/src/index";
import type { Platform, StateFrame } from "../../client/src/index";
import { bindForms } from "./actions";
import { bindCopy } from "./copy";
import { Clock } from "./clock";
import { drawCount } from "./countdown";
import { draw, element, show } from "./draw";
import { bindFeedback } from "./feedback";
import { ms } from "./order";
import type { Progress } from "./order";
import { Returning } from "./returning";
import { Speaker } from "./say";
import { screen } from "./screen";
import type { Screen } from "./screen";
import { Seen } from "./seen";
import { initialState, reduce } from "./state";
import type { Action, Boot, State } from "./state";
import { Texts } from "./texts";

/** How often a waiting page is looked at again, in milliseconds. */
const TICK = 250;

/** How long without a connection before the page says so: reconnecting is not news. */
const DOWN_PATIENCE = 5_000;

const WINDOW_EVENTS = ["offline", "online", "pageshow"];

/** The page that lives in the rendered HTML. */
export class Page {
  private state: State;
  private drawn: Screen | null = null;
  private ticker = 0;
  private downSince = 0;
  private readonly clock: Clock;
  private readonly texts: Texts;
  private readonly live: Live;
  private readonly seen: Seen;
  private readonly speaker: Speaker;
  private readonly returning: Returning;
  private readonly path: string;

  constructor(
    private readonly boot: Boot,
    platform: Platform = browserPlatform(),
  ) {
    this.state = initialState(boot);
    this.clock = new Clock(ms(boot.now), () => platform.now());
    this.texts = new Texts(boot.texts, boot.money, (at) => -new Date(at).getTimezoneOffset());
    this.speaker = new Speaker(boot.progress);
    this.returning = new Returning(this.texts);
    this.path = "/v1/orders/" + encodeURIComponent(boot.progress.order_no);
    this.live = new Live(platform, {
      socketUrl: location.origin.replace(/^http/, "ws") + "/v1/live",
      stateUrl: this.path,
      topic: boot.topic,
      token: boot.token,
      after: boot.progress.seq,
      onState: (frame) => this.receive(frame),
      onConnection: (connection) => this.dispatch({ type: "connection", connection }),
    });
    this.seen = new Seen(boot.topic, (frame) => this.live.send(frame));
  }

  start(): void {
    show("zone", ""); // times are the device's own from here on
    bindForms({
      orderNo: this.boot.progress.order_no,
      token: this.boot.token,
      now: () => this.clock.now(),
      dispatch: (action) => this.dispatch(action),
      accept: (progress) => this.accept(progress),
    });
    bindFeedback({
      path: this.path,
      token: this.boot.token,
      thanks: this.texts.text("feedback.thanks", null),
      shown: () => this.shown(),
    });
    bindCopy(this.texts.text("action.copied", null));
    WINDOW_EVENTS.forEach((name) => window.addEventListener(name, this.onWindow));
    this.ticker = window.setInterval(() => this.tick(), TICK);
    this.dispatch({ type: "network", offline: navigator.onLine === false });
    this.live.start();
  }

  stop(): void {
    this.live.stop();
    window.clearInterval(this.ticker);
    WINDOW_EVENTS.forEach((name) => window.removeEventListener(name, this.onWindow));
  }

  private readonly onWindow = (event: Event): void => {
    if (event.type === "pageshow") {
      this.downSince = 0; // away on purpose, not cut off
    } else {
      this.dispatch({ type: "network", offline: event.type === "offline" });
    }
  };

  private receive(frame: StateFrame): void {
    this.clock.sync(ms(frame.now));
    this.dispatch({ type: "frame", frame, now: this.clock.now() });
  }

  /** Takes the state that answered a form, as if it had come over the connection. */
  private accept(progress: Progress): void {
    this.live.accept({ type: "snapshot", topic: this.boot.topic, seq: progress.seq, now: "", data: progress });
  }

  private dispatch(action: Action): void {
    this.state = reduce(this.state, action);
    this.render();
  }

  /** The wording on the screen, for who reads feedback. */
  private shown(): { seq: number; wording: string } {
    const { lang, version } = this.boot;
    const wording = lang + "/" + (this.drawn ? this.drawn.wording : "") + "@" + version;
    return { seq: this.state.progress.seq, wording };
  }

  private tick(): void {
    if (!document.hidden) {
      this.render();
    }
  }

  private render(): void {
    const { progress, moments, announced, checkAgainAt } = this.state;
    const { rules, lang, scope } = this.boot;
    const now = this.clock.now();
    const next = screen({ p: progress, now, moments, announced, checkAgainAt, rules, lang, scope, texts: this.texts });
    if (JSON.stringify(next) !== JSON.stringify(this.drawn)) {
      draw(next, this.drawn);
      this.drawn = next;
      document.title = next.title + " · " + this.boot.brand;
    }
    this.mark(progress);
    this.speaker.update(progress, next);
    this.returning.update(next.returns ? next.detail : "", now);
    this.notices(now);
    drawCount(next, now);
    this.seen.drawn(progress.seq);
  }

  private mark(p: Progress): void {
    const data = element("anxin").dataset;
    data["status"] = p.status;
    data["step"] = p.step || "";
    data["stage"] = p.stage;
    data["seq"] = String(p.seq);
    data["live"] = this.state.connection;
  }

  private notices(now: number): void {
    const { connection, offline, confirmedAt, checkAgainAt } = this.state;
    const notice = this.state.notice === "too_soon" && now >= checkAgainAt ? "" : this.state.notice;
    if (notice !== null) {
      show("notice", notice && this.texts.text(("notice." + notice) as "notice.failed", null));
    }
    // A page that nobody sees is not connected on purpose.
    this.downSince = connection === "down" && !document.hidden ? this.downSince || now : 0;
    if (connection === "refused") {
      show("offline", this.texts.text("notice.denied", null));
    } else if (offline || (this.downSince > 0 && now - this.downSince > DOWN_PATIENCE)) {
      show("offline", this.texts.text("notice.offline", { time: this.texts.time(confirmedAt, now) }));
    } else {
      show("offline", "");
    }
  }
}
