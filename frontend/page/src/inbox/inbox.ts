import { ask, browserPlatform } from "../../../client/src/browser";
import { createClock } from "../../../client/src/clock";
import { createLive } from "../../../client/src/live";
import type { Platform } from "../../../client/src/index";
import { element, show } from "../draw";
import { ms } from "../order";
import { Texts } from "../texts";
import { drawInbox } from "./draw";
import { initialState, reduce } from "./state";
import type { Action, Boot, View } from "./state";

const API = "/v1/inbox";

/** How often times and the state of the connection are looked at, in milliseconds. */
const TICK = 1_000;

/** How long without a connection before the page says so: reconnecting is not news. */
const DOWN_PATIENCE = 5_000;

const WINDOW_EVENTS = ["offline", "online", "pageshow"];

/** Makes the rendered message centre live. Returns the way to stop that. */
export function startInbox(boot: Boot, platform: Platform = browserPlatform()): () => void {
  let state = initialState(boot);
  let told = state.items.length ? state.items[0]!.n : 0;
  let downSince = 0;
  const { topic, token } = boot;
  const clock = createClock(ms(boot.now), () => platform.now());
  const texts = new Texts(boot.texts, { prefix: "", digits: 0 }, (at) => -new Date(at).getTimezoneOffset());

  const dispatch = (action: Action) => {
    state = reduce(state, action);
    render();
  };

  const live = createLive(platform, {
    socketUrl: location.origin.replace(/^http/, "ws") + "/v1/live",
    stateUrl: API,
    topic,
    token,
    after: boot.seq,
    onState(frame) {
      clock.sync(ms(frame.now));
      dispatch({ type: "frame", frame, now: clock.now() });
    },
    onConnection: (connection) => dispatch({ type: "connection", connection }),
  });

  const render = () => {
    const now = clock.now();
    drawInbox(state, texts, now);
    const count = state.unread ? "(" + state.unread + ") " : "";
    document.title = count + texts.text("inbox.headline", null) + " · " + boot.brand;
    element("anxin").dataset["live"] = state.connection;
    downSince = state.connection === "down" && !document.hidden ? downSince || now : 0;
    show("offline", connectionText(now));
    show("notice", state.failed ? texts.text("inbox.failed", null) : "");
    speak();
  };

  const connectionText = (now: number) => {
    if (state.connection === "refused") {
      return texts.text("inbox.denied", null);
    }
    const cut = state.offline || (downSince && now - downSince > DOWN_PATIENCE);
    return cut ? texts.text("inbox.offline", { time: texts.time(state.confirmedAt, now) }) : "";
  };

  /** Tells screen readers of what came, once. */
  const speak = () => {
    const newest = state.items[0];
    if (newest && newest.n > told) {
      told = newest.n;
      element("say").textContent = texts.text("inbox.told", { title: newest.title });
    }
  };

  const read = (body: object) => {
    ask(
      "POST",
      API + "/read",
      token,
      (answer) => {
        const taken = answer.status === 200;
        dispatch({ type: "asked", failed: !taken });
        if (taken) {
          const data = answer.body as View;
          live.accept({ type: "snapshot", topic, seq: data.seq, now: "", data });
        }
      },
      body,
    );
  };

  /** A message that is tapped is read; what leads to its order goes there by itself. */
  const onClick = (event: Event) => {
    const target = event.target as Element;
    const message = target.closest(".message.fresh");
    if (message && !target.closest("[name=open]")) {
      event.preventDefault();
      read({ ids: [message.id.slice(2)] });
    }
  };
  const onAll = (event: Event) => {
    event.preventDefault();
    read({ up_to: Number(element<HTMLInputElement>("up-to").value) });
  };
  const onWindow = (event: Event) => {
    if (event.type === "pageshow") {
      downSince = 0; // it was away on purpose, not cut off
    } else {
      dispatch({ type: "network", offline: event.type === "offline" });
    }
  };

  show("zone", ""); // times are the device's own from here on
  element("messages").addEventListener("click", onClick);
  element("all-form").addEventListener("submit", onAll);
  WINDOW_EVENTS.forEach((name) => window.addEventListener(name, onWindow));
  const ticker = setInterval(() => document.hidden || render(), TICK);
  dispatch({ type: "network", offline: navigator.onLine === false });
  live.start();

  return () => {
    live.stop();
    clearInterval(ticker);
    element("messages").removeEventListener("click", onClick);
    element("all-form").removeEventListener("submit", onAll);
    WINDOW_EVENTS.forEach((name) => window.removeEventListener(name, onWindow));
  };
}
