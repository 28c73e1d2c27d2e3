import { ms } from "./order";
import type { Moment, Status } from "./order";
import type { Situation } from "./screen";

/** One entry of the timeline. */
export interface Line {
  at: string;
  time: string;
  text: string;
}

/** Three days of hourly checks would bury the page. */
const MAX_LINES = 12;

type Phase = "timeline.started" | "timeline.open" | "timeline.answered";

/** A line that is still being told. */
interface Entry {
  at: string;
  text: string;
  /** The number of a check, else 0. */
  check: number;
  phase: Phase;
}

/** Turns moments into lines, the newest first. A check is one line, told at the time
 * when it began; frames may have been conflated, so its end may be told first. */
export function timeline(s: Situation): Line[] {
  const entries: Entry[] = [];
  s.moments.forEach((m) => tell(s, entries, m));
  return entries
    .slice(-MAX_LINES)
    .reverse()
    .map((e) => ({ at: e.at, time: s.texts.time(ms(e.at), s.now), text: entryText(s, e) }));
}

function tell(s: Situation, entries: Entry[], m: Moment): void {
  const at = m.at || "";
  if (m.event === "retry.started") {
    entries.push({ at, text: "", check: m.attempt, phase: "timeline.started" });
    return;
  }
  if (m.event === "retry.scheduled") {
    const known = entries.filter((e) => e.check === m.attempt)[0];
    if (m.attempt > 0 && !known) {
      entries.push({ at, text: "", check: m.attempt, phase: "timeline.open" });
    } else if (known && known.phase === "timeline.started") {
      known.phase = "timeline.open";
    }
    return;
  }
  if (m.event === "status.changed") {
    entries.forEach((e) => {
      e.phase = e.phase === "timeline.started" ? "timeline.answered" : e.phase;
    });
  }
  const text = momentText(s, m);
  if (text) {
    entries.push({ at, text, check: 0, phase: "timeline.open" });
  }
}

/** Never calls a check running that the order's state does not. */
function entryText({ p, texts }: Situation, e: Entry): string {
  const over = e.phase === "timeline.started" && !(p.attempting && p.attempt === e.check);
  return e.check ? texts.text(over ? "timeline.open" : e.phase, { n: e.check }) : e.text;
}

type Plain = "registered" | "claimed" | "callback" | "review" | "reviewed";

const EVENTS: { [event: string]: Plain } = {
  "order.registered": "registered",
  "order.claimed": "claimed",
  "callback.received": "callback",
  "case.opened": "review",
  "case.closed": "reviewed",
};

/** A status that changed to confirming means: paid, not yet taken in by the merchant. */
const STATUSES: { [status in Status]?: "received" | "succeeded" | "failed" | "closed" | "refunding" | "refunded" } = {
  confirming: "received",
  succeeded: "succeeded",
  failed: "failed",
  closed: "closed",
  refunding: "refunding",
  refunded: "refunded",
};

function momentText({ texts }: Situation, m: Moment): string {
  if (m.event === "stage.changed") {
    return m.status === "confirming" ? texts.text("timeline.slow", null) : "";
  }
  const name = m.event === "status.changed" ? STATUSES[m.status] : EVENTS[m.event];
  return name ? texts.text(("timeline." + name) as "timeline.review", null) : "";
}
