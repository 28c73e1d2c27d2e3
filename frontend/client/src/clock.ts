/** Difference from which the device's clock must have been set, in milliseconds. */
const JUMP = 5_000;

/** The server's time on a device whose own clock may be wrong. */
export interface Clock {
  /** The server's time in Unix milliseconds. */
  now(): number;
  /** Takes a time that the server has just sent; 0 is ignored. */
  sync(server: number): void;
}

/**
 * Starts from a time that the server told when the device's clock began to count. Every
 * sample is old by the time it took to arrive, so of close samples the latest wins; a
 * sample far from the others means that the device's clock was set or that the page was
 * restored.
 */
export function createClock(server: number, device: () => number): Clock {
  let offset = server - device();
  return {
    now: () => device() + offset,
    sync(sample) {
      const found = sample - device();
      if (sample && (found > offset || offset - found > JUMP)) {
        offset = found;
      }
    },
  };
}
