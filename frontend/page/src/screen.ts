import { timeline } from "./timeline";
import type { Line } from "./timeline";
import { isWaiting, ms } from "./order";
import type { Moment, Progress, Status } from "./order";
import type { Texts } from "./texts";
import { isSlow, refundOf, review, steps, wording } from "./wording";
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
  lang: string;
  scope: string;
  announced: Announcement[];
  /** Whether the payer can be offered to be told. */
  tell: boolean;
}

/** What operators tell everybody who waits. */
export interface Announcement {
  scope: string;
  texts: { [lang: string]: string };
  until: string;
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
  announcement: string;
  tone: "waiting" | "good" | "bad" | "calm";
  ring: "count" | "run" | "wait" | "icon";
  ringFrom: number;
  ringTo: number;
  title: string;
  headline: string;
  lead: string;
  wording: string;
  thanks: string;
  attempt: string;
  again: string;
  safe: string;
  review: string;
  coupon: string;
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
  guide: boolean;
  returns: boolean;
  support: string;
  tell: boolean;
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
  const waiting = isWaiting(p);
  const screen = Object.assign(
    {
      announcement: waiting ? announcement(s) : "",
      tone: TONES[p.status],
      thanks: p.status === "succeeded" ? thanks(s) : "",
      again: p.do_not_pay_again ? again(s) : "",
      safe: p.do_not_pay_again && p.status === "confirming" ? texts.text("safe", null) : "",
      review: waiting ? "" : alsoReviewed(s),
      coupon: p.compensation ? p.compensation.text : "",
      steps: steps(s),
      rows: rows(s),
      timeline: timeline(s),
      returns: false,
      // Where a payer may want to leave: a check has found no result, it takes long, or
      // people are looking into it.
      tell:
        waiting &&
        s.tell &&
        (!!p.review || (p.status === "confirming" && (p.attempt > +p.attempting || p.stage !== "fresh" || isSlow(s)))),
    },
    wording(s),
    ring(s),
    actions(s),
  );
  // A coupon, a refund or a note must be read first.
  screen.returns = p.status === "succeeded" && !!screen.detail && !p.compensation && !refundOf(s) && !screen.review;
  return screen;
}

/** What is told to those who wait, as long as it holds. */
function announcement({ announced, scope, lang, now }: Situation): string {
  const found = announced.filter((a) => ms(a.until) > now && (!a.scope || a.scope === scope))[0];
  return (found && found.texts[lang]) || "";
}

/** Late is a success after the payer was told that it failed or was closed. */
function thanks(s: Situation): string {
  const late = s.moments.some((m) => m.event === "status.changed" && (m.status === "failed" || m.status === "closed"));
  return late || wasDelayed(s) ? s.texts.any(late ? "succeeded.late" : "succeeded.thanks") : "";
}

function alsoReviewed(s: Situation): string {
  if (s.p.review) {
    const [key, vars] = review(s, "review.also");
    return s.texts.any(key, vars);
  }
  return s.p.paid_twice ? s.texts.text("paid_twice", null) : "";
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
  "canClaim" | "canCheck" | "checking" | "checkNote" | "detail" | "repay" | "repayText" | "guide" | "support"
>;

function actions({ p, now, texts, checkAgainAt }: Situation): Actions {
  const waiting = isWaiting(p);
  const wait = waiting && checkAgainAt > now;
  const unpaid = p.status === "awaiting_payment";
  const payable = !p.do_not_pay_again && (unpaid || p.status === "failed" || p.status === "closed");
  const repay = payable ? safeLink(p.links.repay) : "";
  return {
    canClaim: unpaid,
    canCheck: waiting,
    checking: p.attempting,
    checkNote: wait ? texts.text("action.wait", { time: texts.time(checkAgainAt, now) }) : "",
    detail: waiting ? "" : safeLink(p.links.detail),
    repay,
    repayText: payable ? texts.text(unpaid ? "action.pay" : "action.repay", null) : "",
    guide: !!repay && !unpaid,
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
  const { refund } = p.result;
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
