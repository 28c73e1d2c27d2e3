import { Page } from "./page";
import type { Boot } from "./state";

const source = document.getElementById("anxin-state");
if (source && source.textContent) {
  new Page(JSON.parse(source.textContent) as Boot).start();
}
