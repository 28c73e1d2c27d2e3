/** Long enough to be felt in a pocket, in milliseconds. */
const LENGTH = 200;

/** Lets the result be felt by who has asked for it: this script runs after a tap only, and
 * browsers allow it to nobody else. */
export function feelResult(): void {
  const main = document.getElementById("anxin");
  if (main && "vibrate" in navigator) {
    const watch = new MutationObserver(() => {
      if (main.dataset["tone"] !== "waiting") {
        watch.disconnect();
        navigator.vibrate(LENGTH);
      }
    });
    watch.observe(main, { attributes: true, attributeFilter: ["data-tone"] });
  }
}
