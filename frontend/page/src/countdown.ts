import { element, show } from "./draw";
import type { Screen } from "./screen";

/** Circumference of the ring's circle, 2π · 54. */
const ARC = 339.292;

/** Beyond this the time of the next check says more than a running number. */
const LONGEST = 3_600_000;

/** What the ring shows at an instant. */
export interface Count {
  text: string;
  /** How much of the arc is hidden. */
  offset: string;
}

export function count(s: Screen, now: number): Count {
  if (s.ring !== "count") {
    return { text: "", offset: "0" };
  }
  const left = s.ringTo - now;
  const whole = s.ringTo - s.ringFrom;
  const gone = whole > 0 ? Math.min(Math.max(1 - left / whole, 0), 1) : 0;
  const offset = (gone * ARC).toFixed(1);
  if (left > LONGEST) {
    return { text: "", offset };
  }
  const seconds = Math.ceil(left / 1000);
  const rest = seconds % 60;
  return { text: Math.floor(seconds / 60) + ":" + (rest < 10 ? "0" : "") + rest, offset };
}

export function drawCount(s: Screen, now: number): void {
  const { text, offset } = count(s, now);
  show("countdown", text);
  element("arc").setAttribute("stroke-dashoffset", offset);
}
