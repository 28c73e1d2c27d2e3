import { ms } from "./order";
import type { Refund } from "./order";
import type { Situation } from "./screen";

/** What is said about the payment. */
export interface Wording {
  title: string;
  headline: string;
  lead: string;
  /** The key of the lead. */
  wording: string;
}

/** One dot of the stepper. */
export interface Step {
  label: string;
  /** The state in words, for who cannot see the dot. */
  spoken: string;
  state: "done" | "current" | "todo";
}

type Name = "awaiting" | "confirming" | "received" | "review" | "succeeded" | "failed" | "closed" | "refunding" | "refunded";

/** What goes into any lead. */
interface Vars {
  n?: number;
  time?: string;
  amount?: string;
  date?: string;
}

/** Chooses the texts for the state. */
export function wording(s: Situation): Wording {
  const { p, texts } = s;
  const named = (name: Name, [key, vars]: [string, Vars?]): Wording => ({
    title: texts.any(name + ".title"),
    headline: texts.any(name + ".headline"),
    lead: texts.any(key, vars),
    wording: key,
  });
  switch (p.status) {
    case "awaiting_payment":
      return p.review ? named("review", review(s, "review.lead")) : named("awaiting", ["awaiting.lead"]);
    case "succeeded":
      return named("succeeded", ["succeeded.lead"]);
    case "failed":
      return named("failed", failed(s));
    case "closed":
      return named("closed", ["closed.lead"]);
    case "refunding":
      return named("refunding", onItsWay(s, "refunding.lead", "refunding.slow"));
    case "refunded":
      return named("refunded", refunded(s));
    default:
      if (p.review) {
        return named("review", review(s, "review.lead"));
      }
      return p.step === "payment_received"
        ? named("received", [isSlow(s) ? "received.slow" : "received.lead"])
        : named("confirming", expectation(s));
  }
}

/** True once nine in ten payments like this one would be known. */
export function isSlow({ p, now }: Situation): boolean {
  const late = p.expected ? ms(p.expected.late_by) : 0;
  return late ? now >= late : p.stage === "prolonged";
}

/** How long it usually takes, and the truth when it takes longer. */
function expectation(s: Situation): [string, Vars?] {
  const { p, now, texts } = s;
  if (isSlow(s)) {
    return ["confirming.slow"];
  }
  if (!p.expected || !p.expected.late_by) {
    return ["confirming.asking"];
  }
  const typical = ms(p.expected.typical_by);
  return now < typical
    ? ["confirming.usual", { n: Math.ceil((typical - now) / 60_000) }]
    : ["confirming.most", { time: texts.time(ms(p.expected.late_by), now) }];
}

/** Promises the time of the answer, or apologises once it has passed. */
export function review({ p, now, texts }: Situation, key: "review.lead" | "review.also"): [string, Vars?] {
  const by = p.review ? ms(p.review.answer_by) : 0;
  return now >= by ? ["review.overdue"] : [key, { time: texts.time(by, now) }];
}

export function refundOf({ p }: Situation): Refund | null {
  return p.result && p.result.refund;
}

/** With a refund money moved; without one it is called "not charged" only while paying
 * again is known to be safe. */
function failed(s: Situation): [string, Vars?] {
  const refund = refundOf(s);
  if (!refund) {
    return [s.p.do_not_pay_again ? "failed.unclear" : "failed.free"];
  }
  return refund.credited_at
    ? ["failed.credited", { time: s.texts.time(ms(refund.credited_at), s.now) }]
    : onItsWay(s, "failed.returned", "failed.slow");
}

/** Says by when a refund should be there, and admits it when that day is over. */
function onItsWay(s: Situation, key: string, slow: string): [string, Vars] {
  const { p, now, texts } = s;
  const refund = refundOf(s);
  const from = (refund && ms(refund.accepted_at)) || (p.result && ms(p.result.at)) || now;
  const n = s.rules.refundDays;
  const date = texts.workingDay(from, n, now);
  return date ? [key, { date, n }] : [slow, { n }];
}

function refunded(s: Situation): [string, Vars] {
  const refund = refundOf(s);
  const amount = s.texts.money(refund ? refund.amount : s.p.amount);
  return refund && refund.credited_at
    ? ["refunded.lead", { amount, time: s.texts.time(ms(refund.credited_at), s.now) }]
    : ["refunded.undated", { amount }];
}

type StepKey = "step.submitted" | "step.received" | "step.updated" | "step.refund_accepted" | "step.refund_credited";

const FORWARD: StepKey[] = ["step.submitted", "step.received", "step.updated"];
const BACK: StepKey[] = ["step.refund_accepted", "step.refund_credited"];

/** The way of the money: to the order, or back to the payer. */
export function steps(s: Situation): Step[] {
  const refund = refundOf(s);
  switch (s.p.status) {
    case "awaiting_payment":
      return stepper(s, 0, FORWARD);
    case "confirming":
      return stepper(s, s.p.step === "payment_received" ? 2 : 1, FORWARD);
    case "succeeded":
      return stepper(s, 3, FORWARD);
    case "refunding":
      return stepper(s, 1, BACK);
    case "refunded":
      return stepper(s, 2, BACK);
    default:
      return refund ? stepper(s, refund.credited_at ? 2 : 1, BACK) : [];
  }
}

function stepper({ texts }: Situation, done: number, keys: StepKey[]): Step[] {
  return keys.map((key, i): Step => {
    const state = i < done ? "done" : i === done ? "current" : "todo";
    return { label: texts.text(key, null), spoken: texts.text(("step." + state) as "step.done", null), state };
  });
}
