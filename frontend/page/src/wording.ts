import { ms } from "./order";
import type { Refund } from "./order";
import type { Situation } from "./screen";

/** What is said about the payment. */
export interface Wording {
  title: string;
  headline: string;
  lead: string;
}

/** One dot of the stepper. */
export interface Step {
  label: string;
  /** The state in words, for who cannot see the dot. */
  spoken: string;
  state: "done" | "current" | "todo";
}

type Name = "awaiting" | "confirming" | "received" | "review" | "succeeded" | "failed" | "closed" | "refunding" | "refunded";

/** Chooses the texts for the state. */
export function wording(s: Situation): Wording {
  const { p, texts, rules } = s;
  const named = (name: Name, lead: string): Wording => ({
    title: texts.text((name + ".title") as "failed.title", null),
    headline: texts.text((name + ".headline") as "failed.headline", null),
    lead,
  });
  switch (p.status) {
    case "awaiting_payment":
      return p.review
        ? named("review", reviewText(s, "review.lead"))
        : named("awaiting", texts.text("awaiting.lead", null));
    case "succeeded":
      return named("succeeded", texts.text("succeeded.lead", null));
    case "failed":
      return named("failed", failed(s));
    case "closed":
      return named("closed", texts.text("closed.lead", null));
    case "refunding":
      return named("refunding", texts.text("refunding.lead", { n: rules.refundDays }));
    case "refunded":
      return named("refunded", refunded(s));
    default:
      if (p.review) {
        return named("review", reviewText(s, "review.lead"));
      }
      return p.step === "payment_received"
        ? named("received", texts.text(isSlow(s) ? "received.slow" : "received.lead", null))
        : named("confirming", expectation(s));
  }
}

/** True once nine in ten payments like this one would be known. */
function isSlow({ p, now }: Situation): boolean {
  const late = p.expected ? ms(p.expected.late_by) : 0;
  return late ? now >= late : p.stage === "prolonged";
}

/** How long it usually takes, and the truth when it takes longer. */
function expectation(s: Situation): string {
  const { p, now, texts } = s;
  if (isSlow(s)) {
    return texts.text("confirming.slow", null);
  }
  if (!p.expected || !p.expected.late_by) {
    return texts.text("confirming.asking", null);
  }
  const typical = ms(p.expected.typical_by);
  return now < typical
    ? texts.text("confirming.usual", { n: Math.ceil((typical - now) / 60_000) })
    : texts.text("confirming.most", { time: texts.time(ms(p.expected.late_by), now) });
}

/** Promises the time of the answer, or apologises once it has passed. */
export function reviewText({ p, now, texts }: Situation, key: "review.lead" | "review.also"): string {
  const by = p.review ? ms(p.review.answer_by) : 0;
  return now >= by ? texts.text("review.overdue", null) : texts.text(key, { time: texts.time(by, now) });
}

function refundOf({ p }: Situation): Refund | null {
  return p.result && p.result.refund;
}

/** With a refund money moved; without one it is called "not charged" only while paying
 * again is known to be safe. */
function failed(s: Situation): string {
  const refund = refundOf(s);
  const { p, now, texts, rules } = s;
  if (refund) {
    return refund.credited_at
      ? texts.text("failed.credited", { time: texts.time(ms(refund.credited_at), now) })
      : texts.text("failed.returned", { n: rules.refundDays });
  }
  return texts.text(p.do_not_pay_again ? "failed.unclear" : "failed.free", null);
}

function refunded(s: Situation): string {
  const refund = refundOf(s);
  const { p, now, texts } = s;
  const amount = texts.money(refund ? refund.amount : p.amount);
  return refund && refund.credited_at
    ? texts.text("refunded.lead", { amount, time: texts.time(ms(refund.credited_at), now) })
    : texts.text("refunded.undated", { amount });
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
