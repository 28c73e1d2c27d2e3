import { element } from "./draw";

/** Loads what asks by what the payer is to be told, once that is tapped. Without script, or
 * before this one runs, the form leads to the same as a page. */
export function bindTell(): void {
  element("tell-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const script = document.createElement("script");
    script.src = document.body.dataset["optin"]!;
    document.body.appendChild(script); // again at the next tap, if it does not come
  });
}
