import { timeline } from "./timeline";
import type { Line } from "./timeline";
import { isWaiting, ms } from "./order";
import type { Moment, Progress, Status } from "./order";
import type { Texts } from "./texts";
import { reviewText, steps, wording } from "./wording";
import type { Step } from "./wording";

/** Settings that decide wording. */
export interface Rules {
  delayedMs: number;
  refundDays: number;
}

/** What a screen is computed from. */
export interface Situation {
  p: Progress;
  now: number;
  moments: Moment[];
  checkAgainAt: number;
  rules: Rules;
  texts: Texts;
}

export interface Row {
  name: string;
  value: string;
}

/**
 * Everything the page shows at one instant. The server computes the same from the same
 * facts for its HTML; testdata/screens holds the two together.
 */
export interface Screen {
  tone: "waiting" | "good" | "bad" | "calm";
  ring: "count" | "run" | "wait" | "icon";
  ringFrom: number;
  ringTo: number;
  title: string;
  headline: string;
  lead: string;
  thanks: string;
  attempt: string;
  again: string;
  safe: string;
  review: string;
  steps: Step[];
  rows: Row[];
  timeline: Line[];
  canClaim: boolean;
  canCheck: boolean;
  checking: boolean;
  checkNote: string;
  detail: string;
  repay: string;
  repayText: string;
  support: string;
}

const TONES: { [status in Status]: Screen["tone"] } = {
  awaiting_payment: "waiting",
  confirming: "waiting",
  succeeded: "good",
  failed: "bad",
  closed: "calm",
  refunding: "calm",
  refunded: "good",
};

/** Computes the whole page. */
export function screen(s: Situation): Screen {
  const { p, texts } = s;
  const words = wording(s);
  const waiting = isWaiting(p);
  return Object.assign(
    {
      tone: TONES[p.status],
      title: words.title,
      headline: words.headline,
      lead: words.lead,
      thanks: p.status === "succeeded" && wasDelayed(s) ? texts.text("succeeded.thanks", null) : "",
      again: p.do_not_pay_again ? again(s) : "",
      safe: p.do_not_pay_again && p.status === "confirming" ? texts.text("safe", null) : "",
      review: p.review && !waiting ? reviewText(s, "review.also") : "",
      steps: steps(s),
      rows: rows(s),
      timeline: timeline(s),
    },
    ring(s),
    actions(s),
  );
}

function again(s: Situation): string {
  switch (s.p.status) {
    case "awaiting_payment":
      return s.texts.text("again.unsure", null);
    case "confirming":
    case "failed":
    case "closed":
      return s.texts.text("again", null);
    default:
      return "";
  }
}

function wasDelayed({ p, rules }: Situation): boolean {
  return !!p.result && !!p.claimed_at && ms(p.result.at) - ms(p.claimed_at) >= rules.delayedMs;
}

/** A time that has passed without news is "about to start", never a negative countdown. */
function ring({ p, now, texts }: Situation): Pick<Screen, "ring" | "ringFrom" | "ringTo" | "attempt"> {
  const next = ms(p.next_attempt_at);
  const shown = { ring: "icon" as Screen["ring"], ringFrom: 0, ringTo: 0, attempt: "" };
  if (!isWaiting(p)) {
    return shown;
  }
  if (p.attempting) {
    shown.ring = "run";
    shown.attempt = texts.text("attempt.running", { n: p.attempt });
  } else if (!next) {
    shown.ring = p.status === "confirming" ? "wait" : "icon";
  } else if (now >= next) {
    shown.ring = "run";
    shown.attempt = texts.text("attempt.soon", { n: p.attempt + 1 });
  } else {
    shown.ring = "count";
    shown.ringFrom = ms(p.updated_at);
    shown.ringTo = next;
    shown.attempt = texts.text("attempt.at", { n: p.attempt + 1, time: texts.time(next, now) });
  }
  return shown;
}

type Actions = Pick<
  Screen,
  "canClaim" | "canCheck" | "checking" | "checkNote" | "detail" | "repay" | "repayText" | "support"
>;

function actions({ p, now, texts, checkAgainAt }: Situation): Actions {
  const waiting = isWaiting(p);
  const wait = waiting && checkAgainAt > now;
  const unpaid = p.status === "awaiting_payment";
  const payable = !p.do_not_pay_again && (unpaid || p.status === "failed" || p.status === "closed");
  return {
    canClaim: unpaid,
    canCheck: waiting,
    checking: p.attempting,
    checkNote: wait ? texts.text("action.wait", { time: texts.time(checkAgainAt, now) }) : "",
    detail: waiting ? "" : safeLink(p.links.detail),
    repay: payable ? safeLink(p.links.repay) : "",
    repayText: payable ? texts.text(unpaid ? "action.pay" : "action.repay", null) : "",
    support: safeLink(p.links.support),
  };
}

/** A link that may stand in an href, or "". */
function safeLink(link: string | null): string {
  return link && /^(https?:\/\/|mailto:|tel:)/i.test(link) ? link : "";
}

function rows({ p, now, texts }: Situation): Row[] {
  const found: Row[] = [];
  const add = (name: string, value: string) => found.push({ name, value });
  const at = (time: string | null) => texts.time(ms(time), now);
  if (!p.result) {
    return found;
  }
  if (p.result.at) {
    add(texts.text("row.at", null), at(p.result.at));
  }
  const refund = p.result.refund;
  if (!refund) {
    return found;
  }
  add(texts.text("row.refund", null), texts.money(refund.amount));
  if (refund.accepted_at) {
    add(texts.text("row.accepted", null), at(refund.accepted_at));
  }
  if (refund.credited_at) {
    add(texts.text("row.credited", null), at(refund.credited_at));
  }
  return found;
}
