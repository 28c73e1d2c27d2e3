/** First and longest bound of a pause before connecting again, in milliseconds. */
export const MIN_PAUSE = 500;
export const MAX_PAUSE = 30_000;

/**
 * The pause after so many losses in a row, with full jitter: uniform between zero and a
 * bound that doubles, so that the clients of a node that died do not come back at once.
 */
export function pause(losses: number, random: number): number {
  return random * Math.min(MAX_PAUSE, MIN_PAUSE * Math.pow(2, losses));
}
