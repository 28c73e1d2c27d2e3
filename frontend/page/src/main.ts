import { startPage } from "./page";
import type { Boot } from "./state";

const source = document.getElementById("anxin-state");
if (source && source.textContent) {
  const boot = source.textContent;
  // A task of its own: the one that reads this script also ends the loading of the page.
  setTimeout(() => startPage(JSON.parse(boot) as Boot));
}
