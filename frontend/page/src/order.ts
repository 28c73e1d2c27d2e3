/** The wire forms that the page reads; the server's documentation explains them. */
export type Status = "awaiting_payment" | "confirming" | "succeeded" | "failed" | "closed" | "refunding" | "refunded";

export interface Money {
  minor: number;
  currency: string;
}

/** A time on the wire: RFC 3339, or null for "not yet". */
export type WireTime = string | null;

export interface Refund {
  amount: Money;
  accepted_at: WireTime;
  credited_at: WireTime;
}

export interface Progress {
  order_no: string;
  seq: number;
  status: Status;
  step: "payment_submitted" | "payment_received" | "order_confirmed" | "" | null;
  amount: Money;
  stage: "fresh" | "delayed" | "prolonged" | "resolved";
  claimed_at: WireTime;
  attempt: number;
  attempting: boolean;
  next_attempt_at: WireTime;
  expected: { typical_by: WireTime; late_by: WireTime } | null;
  review: { answer_by: WireTime } | null;
  do_not_pay_again: boolean;
  compensation: { text: string } | null;
  paid_twice: boolean;
  result: { at: WireTime; refund: Refund | null } | null;
  links: { detail: string | null; repay: string | null; support: string | null };
  updated_at: WireTime;
}

/** One public event, as the timeline needs it. */
export interface Moment {
  seq: number;
  at: WireTime;
  event: string;
  status: Status;
  attempt: number;
}

/** Unix milliseconds of a time on the wire, 0 for "not yet". */
export function ms(time: WireTime | undefined): number {
  return time ? Date.parse(time) || 0 : 0;
}

/** True while the payer has no result. */
export function isWaiting(p: Progress): boolean {
  return p.status === "awaiting_payment" || p.status === "confirming";
}
