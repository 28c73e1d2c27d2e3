/** Difference from which the device's clock must have been set, in milliseconds. */
const JUMP = 5_000;

/**
 * The server's time on a device whose own clock may be wrong. Every sample is old by
 * the time it took to arrive, so of close samples the latest wins; a sample far from
 * the others means that the device's clock was set or that the page was restored.
 */
export class Clock {
  private offset: number;

  /** Starts from the time that the page was rendered at. */
  constructor(
    rendered: number,
    private readonly device: () => number,
  ) {
    this.offset = rendered - device();
  }

  /** The server's time in Unix milliseconds. */
  now(): number {
    return this.device() + this.offset;
  }

  /** Takes a time that the server has just sent; 0 is ignored. */
  sync(server: number): void {
    if (!server) {
      return;
    }
    const offset = server - this.device();
    if (offset > this.offset || this.offset - offset > JUMP) {
      this.offset = offset;
    }
  }
}
