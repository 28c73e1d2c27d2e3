/** First and longest pause before connecting again, in milliseconds. */
export const MIN_PAUSE = 500;
export const MAX_PAUSE = 30_000;

/**
 * Pauses with full jitter: each is uniform between zero and a bound that doubles, so
 * that the clients of a node that died do not come back all at once.
 */
export class Backoff {
  private failures = 0;

  constructor(private readonly random: () => number) {}

  /** The next pause in milliseconds. */
  next(): number {
    const bound = Math.min(MAX_PAUSE, MIN_PAUSE * Math.pow(2, this.failures));
    this.failures++;
    return this.random() * bound;
  }

  reset(): void {
    this.failures = 0;
  }
}
