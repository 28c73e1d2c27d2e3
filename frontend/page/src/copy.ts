import { element } from "./draw";

/** Copies the order's number for a message to support. It works where there is no
 * clipboard object: before Chromium 66, and without TLS. */
export function bindCopy(copied: string): void {
  const button = element<HTMLButtonElement>("copy");
  button.disabled = false;
  button.addEventListener("click", () => {
    const selection = getSelection()!;
    selection.selectAllChildren(element("order"));
    if (document.execCommand("copy")) {
      button.textContent = copied;
    }
  });
}
