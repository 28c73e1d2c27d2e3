/** First bound of a pause before connecting again, and the one it doubles up to, in
 * milliseconds: a server that starts anew has everybody back that soon. */
export const MIN_PAUSE = 500;
export const MAX_PAUSE = 4_000;

/** After so many losses in a row, about a minute, nobody waits for a restart any more. */
export const PATIENT_LOSSES = 30;
export const LONG_PAUSE = 30_000;

/**
 * The pause after so many losses in a row, with full jitter: uniform between zero and a
 * bound, so that the clients of a node that died do not come back at once.
 */
export function pause(losses: number, random: number): number {
  return random * (losses < PATIENT_LOSSES ? Math.min(MAX_PAUSE, MIN_PAUSE * Math.pow(2, losses)) : LONG_PAUSE);
}
