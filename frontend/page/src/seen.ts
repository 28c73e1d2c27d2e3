/**
 * Tells the server which state the payer has had visible on the screen, each once. A
 * state counts as seen when a frame was painted after it was drawn.
 */
export class Seen {
  private told = 0;
  private waiting = 0;

  constructor(
    private readonly topic: string,
    private readonly send: (frame: object) => boolean,
  ) {}

  drawn(seq: number): void {
    if (seq <= this.told || seq === this.waiting || document.hidden) {
      return;
    }
    this.waiting = seq;
    requestAnimationFrame(() => {
      this.waiting = 0;
      if (!document.hidden && this.send({ type: "seen", topic: this.topic, seq })) {
        this.told = Math.max(this.told, seq);
      }
    });
  }
}
