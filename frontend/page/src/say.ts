import { element } from "./draw";
import type { Progress } from "./order";
import type { Screen } from "./screen";

/**
 * Speaks to screen readers when the state or the attempt changed, and only then: a
 * countdown read aloud every second helps nobody.
 */
export class Speaker {
  private said: string;

  constructor(progress: Progress) {
    this.said = key(progress);
  }

  update(progress: Progress, screen: Screen): void {
    const now = key(progress);
    if (now === this.said) {
      return;
    }
    this.said = now;
    element("say").textContent = screen.headline + ". " + (screen.attempt || screen.lead);
  }
}

function key(p: Progress): string {
  return [p.status, p.step, p.attempt, p.attempting, !!p.review].join();
}
