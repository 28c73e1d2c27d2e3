import { startInbox } from "./inbox";
import type { Boot } from "./state";

const source = document.getElementById("anxin-state");
if (source && source.textContent) {
  startInbox(JSON.parse(source.textContent) as Boot);
}
