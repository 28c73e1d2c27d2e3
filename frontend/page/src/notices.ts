import { show } from "./draw";
import type { State } from "./state";
import type { Texts } from "./texts";

/** How long without a connection before the page says so: reconnecting is not news. */
const DOWN_PATIENCE = 5_000;

export interface Notices {
  update(state: State, now: number): void;
  /** Begins to count anew: the page was away on purpose, not cut off. */
  forgive(): void;
}

/** Says how the payer's last action ended, and whether the page still hears of the order. */
export function createNotices(texts: Texts): Notices {
  let downSince = 0;
  return {
    update({ connection, offline, confirmedAt, checkAgainAt, notice }, now) {
      if (notice !== null) {
        const over = !notice || (notice === "too_soon" && now >= checkAgainAt);
        show("notice", over ? "" : texts.text(("notice." + notice) as "notice.failed", null));
      }
      // A page that nobody sees is not connected on purpose.
      downSince = connection === "down" && !document.hidden ? downSince || now : 0;
      let text = "";
      if (connection === "refused") {
        text = texts.text("notice.denied", null);
      } else if (offline || (downSince && now - downSince > DOWN_PATIENCE)) {
        text = texts.text("notice.offline", { time: texts.time(confirmedAt, now) });
      }
      show("offline", text);
    },
    forgive() {
      downSince = 0;
    },
  };
}
