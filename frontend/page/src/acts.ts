import type { Live, Platform, Report } from "../../client/src/index";
import { element } from "./draw";

/** What is reported when a control is used, by its id. */
const CONTROLS: { [id: string]: string } = {
  "check-now": "check_now",
  support: "support_opened",
  repay: "repay_tapped",
};

/**
 * Reports how the page is used: nothing about the person, and nothing at all for who asks
 * not to be tracked, or where the server wants none. Returns what is to be told each time
 * a state was drawn.
 */
export function watchActs(platform: Platform, live: Live, topic: string): (seq: number, state: string) => void {
  const { doNotTrack, globalPrivacyControl } = navigator as Navigator & { globalPrivacyControl?: boolean };
  if (doNotTrack === "1" || globalPrivacyControl || "silent" in element("anxin").dataset) {
    return () => undefined;
  }
  let waiting: Report[] = [];
  let seq = 0;
  let state = "";
  let since = platform.now();
  let away = !platform.awake();

  const tell = (name: string, value?: number) => {
    waiting.push({ type: "act", topic, name, seq, value });
    // What is sent over a connection that is about to be closed may not arrive.
    while (!away && waiting.length && live.send(waiting[0]!)) {
      waiting.shift();
    }
  };
  const look = () => {
    const seconds = Math.round((platform.now() - since) / 1000);
    since = platform.now();
    if (seq && seconds > 0) {
      tell("visible", seconds);
    }
  };

  platform.onWake((awake) => {
    if (away !== awake) {
      return;
    }
    away = !awake;
    if (awake) {
      since = platform.now();
      tell("returned");
      return;
    }
    look();
    tell("left");
    if (live.report(waiting)) {
      waiting = [];
    }
  });
  document.addEventListener("click", (event) => {
    Object.keys(CONTROLS).forEach((id) => element(id).contains(event.target as Node) && tell(CONTROLS[id]!));
  });
  return (drawn, drawnState) => {
    if (state !== drawnState) {
      look();
      state = drawnState;
    }
    seq = drawn;
  };
}
