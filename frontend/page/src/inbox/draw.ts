import { element, show } from "../draw";
import { ms } from "../order";
import type { Texts } from "../texts";
import type { Message, State } from "./state";

/** The tone of what a message tells; the server has the same table. */
const TONES: { [notice: string]: string } = {
  succeeded: "good",
  refunded: "good",
  part_refunded: "good",
  failed: "bad",
  closed: "calm",
  refunding: "back",
  part_refunding: "back",
};

/** Draws the state over what is there: elements stay, so that no focus is lost. */
export function drawInbox(state: State, texts: Texts, now: number): void {
  const { items, unread } = state;
  show("unread", unread ? texts.text("inbox.unread", { n: unread }) : "");
  element("all-form").hidden = !unread;
  const newest = items[0];
  const oldest = items[items.length - 1];
  if (newest && oldest) {
    element<HTMLInputElement>("up-to").value = String(newest.n);
    element<HTMLInputElement>("oldest").value = String(oldest.n);
  }
  element("older-form").hidden = !state.more;
  const list = element("messages");
  list.hidden = !newest;
  element("empty").hidden = !!newest;
  items.forEach((item, i) => {
    const there = list.children[i] || null;
    const drawn = element("m-" + item.id) || make(item, texts);
    if (drawn !== there) {
      list.insertBefore(drawn, there);
    }
    mark(drawn, item, texts, now);
  });
  while (list.children.length > items.length) {
    list.removeChild(list.lastChild!);
  }
}

/** Fills the blank message that the server has put beside the page. */
function make(item: Message, texts: Texts): HTMLElement {
  const blank = element("blank") as HTMLElement as HTMLTemplateElement;
  const made = blank.content.firstElementChild!.cloneNode(true) as HTMLElement;
  made.id = "m-" + item.id;
  made.setAttribute("data-tone", TONES[item.notice] || "waiting");
  part(made, "time").setAttribute("datetime", item.at || "");
  const written: [string, string][] = [
    ["h2", item.title],
    [".body", item.body],
  ];
  written.forEach(([name, text]) => {
    part(made, name).textContent = text;
    part(made, name).lang = item.language;
  });
  part(made, "bdi").textContent = texts.text("inbox.order", { order: item.order_no });
  part<HTMLInputElement>(made, "[name=n]").setAttribute("value", String(item.n));
  return made;
}

/** Draws what changes while a message is on the page. */
function mark(drawn: HTMLElement, item: Message, texts: Texts, now: number): void {
  const time = part(drawn, "time");
  const text = texts.time(ms(item.at), now);
  if (time.textContent !== text) {
    time.textContent = text;
  }
  const fresh = !item.read_at;
  if (!fresh && document.activeElement === part(drawn, ".read")) {
    part(drawn, "[name=open]").focus(); // the button is about to go
  }
  drawn.className = fresh ? "card message fresh" : "card message";
}

function part<T extends HTMLElement = HTMLElement>(of: Element, selector: string): T {
  return of.querySelector(selector) as T;
}
