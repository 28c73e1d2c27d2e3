import { startPage } from "./page";
import type { Boot } from "./state";

const source = document.getElementById("anxin-state");
if (source && source.textContent) {
  startPage(JSON.parse(source.textContent) as Boot);
}
