import { element } from "./draw";
import { startPage } from "./page";
import type { Boot } from "./state";

// A task of its own: the one that reads this script also ends the loading of the page.
setTimeout(() => startPage(JSON.parse(element("anxin-state").textContent!) as Boot));
