import { browserPlatform, createClock, createLive } from "../../client/src/index";
import type { Platform } from "../../client/src/index";
import { bindForms } from "./actions";
import { watchActs } from "./acts";
import { bindCopy } from "./copy";
import { drawCount } from "./countdown";
import { draw, element, show } from "./draw";
import { bindFeedback } from "./feedback";
import { createNotices } from "./notices";
import { ms } from "./order";
import { Returning } from "./returning";
import { Speaker } from "./say";
import { screen } from "./screen";
import type { Announcement, Screen } from "./screen";
import { watchSeen } from "./seen";
import { bindTell } from "./tell";
import { initialState, reduce } from "./state";
import type { Action, Boot } from "./state";
import { Texts } from "./texts";

/** How often a waiting page is looked at again, in milliseconds. */
const TICK = 250;

/** The topic of what operators tell everybody who waits. */
const BOARD = "announcements";

const WINDOW_EVENTS = ["offline", "online", "pageshow"];

/** Makes the rendered HTML live. Returns the way to stop that. */
export function startPage(boot: Boot, platform: Platform = browserPlatform()): () => void {
  let state = initialState(boot);
  let drawn: Screen | null = null;
  const { token, topic, lang, scope, rules } = boot;
  const clock = createClock(ms(boot.now), () => platform.now());
  const texts = new Texts(boot.texts, boot.money, (at) => -new Date(at).getTimezoneOffset());
  const speaker = new Speaker(boot.progress);
  const returning = new Returning(texts);
  const notices = createNotices(texts);
  const tell = boot.tell > ("PushManager" in window ? 0 : 1);
  const path = "/v1/orders/" + encodeURIComponent(boot.progress.order_no);

  const dispatch = (action: Action) => {
    state = reduce(state, action);
    render();
  };

  const live = createLive(platform, {
    socketUrl: location.origin.replace(/^http/, "ws") + "/v1/live",
    stateUrl: path,
    topic,
    token,
    also: BOARD,
    after: boot.progress.seq,
    onState(frame) {
      clock.sync(ms(frame.now));
      if (frame.topic === BOARD) {
        const board = frame.data as { items: Announcement[] } | undefined;
        dispatch({ type: "announced", items: board ? board.items : [] });
        return;
      }
      dispatch({ type: "frame", frame, now: clock.now() });
    },
    onConnection: (connection) => dispatch({ type: "connection", connection }),
  });
  const seen = watchSeen((seq) => live.send({ type: "seen", topic, seq }));

  const render = () => {
    const { progress, moments, announced, checkAgainAt } = state;
    const now = clock.now();
    const next = screen({ p: progress, now, moments, announced, checkAgainAt, rules, lang, scope, texts, tell });
    if (JSON.stringify(next) !== JSON.stringify(drawn)) {
      draw(next, drawn);
      drawn = next;
      document.title = next.title + " · " + boot.brand;
    }
    Object.assign(element("anxin").dataset, {
      status: progress.status,
      step: progress.step || "",
      stage: progress.stage,
      seq: progress.seq,
      live: state.connection,
    });
    speaker.update(progress, next);
    returning.update(next.returns ? next.detail : "", now);
    notices.update(state, now);
    drawCount(next, now);
    seen(progress.seq);
    acts(progress.seq, progress.status + progress.stage);
  };

  const onWindow = (event: Event) => {
    if (event.type === "pageshow") {
      notices.forgive();
    } else {
      dispatch({ type: "network", offline: event.type === "offline" });
    }
  };

  show("zone", ""); // times are the device's own from here on
  bindForms({
    path,
    token,
    now: clock.now,
    dispatch,
    /** The state that answered a form, as if it had come over the connection. */
    accept: (data) => live.accept({ type: "snapshot", topic, seq: data.seq, now: "", data }),
  });
  bindFeedback({
    path,
    token,
    thanks: texts.text("feedback.thanks", null),
    failed: texts.text("notice.failed", null),
    shown: () => ({ seq: state.progress.seq, wording: lang + "/" + (drawn ? drawn.wording : "") + "@" + boot.version }),
  });
  bindTell();
  bindCopy(texts.text("action.copied", null));
  WINDOW_EVENTS.forEach((name) => window.addEventListener(name, onWindow));
  const ticker = setInterval(() => document.hidden || render(), TICK);
  const acts = watchActs(platform, live, topic);
  live.start();
  // A task of its own: a slow phone answers touches between the two.
  setTimeout(() => dispatch({ type: "network", offline: navigator.onLine === false }));

  return () => {
    live.stop();
    clearInterval(ticker);
    WINDOW_EVENTS.forEach((name) => window.removeEventListener(name, onWindow));
  };
}
