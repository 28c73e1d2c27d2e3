import { element, show } from "./draw";
import type { Texts } from "./texts";

/** Seconds in which the payer can stay. */
const SECONDS = 5;

/** Milliseconds without a look at the page after which nobody has seen it count. */
const HIDDEN = 2_000;

/**
 * Leads back to the order once the payment is known to have succeeded, unless the payer
 * touches anything: then the page is left alone for good.
 */
export class Returning {
  private began = 0;
  private looked = 0;
  private cancelled: boolean;

  /** Not in a frame, and not when the payer came back to this page or loaded it again. */
  constructor(
    private readonly texts: Texts,
    private readonly leave: (url: string) => void = (url) => location.assign(url),
  ) {
    const how = performance.navigation; // old, but the oldest engines have nothing else
    this.cancelled = window.top !== window || !!(how && how.type);
    ["pointerdown", "touchstart", "keydown"].forEach((name) => document.addEventListener(name, this.cancel));
    window.addEventListener("pageshow", (event) => event.persisted && this.cancel());
  }

  /** Counts while url is where to go, "" = nowhere. */
  update(url: string, now: number): void {
    if (this.cancelled || !url) {
      element("return").hidden = true;
      return;
    }
    if (now - this.looked > HIDDEN) {
      this.began = now;
    }
    this.looked = now;
    const left = SECONDS - Math.floor((now - this.began) / 1000);
    const text = this.texts.text("return.text", { n: Math.max(left, 0) });
    show("return-text", text);
    if (element("return").hidden) {
      element("return").hidden = false;
      element("say").textContent += ". " + text;
    }
    if (left <= 0) {
      this.cancelled = true;
      this.leave(url);
    }
  }

  private readonly cancel = (): void => {
    this.cancelled = true;
    element("return").hidden = true;
  };
}
