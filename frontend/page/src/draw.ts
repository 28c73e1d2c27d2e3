import type { Line } from "./timeline";
import type { Row, Screen } from "./screen";
import type { Step } from "./wording";

/** The element with an id; the server renders all of them in every state. */
export function element<T extends HTMLElement = HTMLElement>(id: string): T {
  return document.getElementById(id) as T;
}

/** Shows a text in its element, and hides the element without one. */
export function show(id: string, text: string): void {
  const target = element(id);
  if (target.textContent !== text) {
    target.textContent = text;
  }
  target.hidden = !text;
}

/** Sets a property only when it differs: assigning restarts transitions and readers. */
function attribute(target: Element, name: string, value: string): void {
  if (target.getAttribute(name) !== value) {
    target.setAttribute(name, value);
  }
}

/** Draws what changed between two screens; without a former one everything. */
export function draw(now: Screen, before: Screen | null): void {
  const main = element("anxin");
  attribute(main, "data-tone", now.tone);
  attribute(main, "data-ring", now.ring);
  favicon(now.tone);
  show("announcement", now.announcement);
  show("headline", now.headline);
  show("attempt", now.attempt);
  show("lead", now.lead);
  show("thanks", now.thanks);
  show("review", now.review);
  show("coupon", now.coupon);
  element("gift").hidden = !now.coupon;
  show("again", now.again);
  show("safe", now.safe);
  element("calm").hidden = !now.again && !now.safe;
  list("steps", now.steps, before && before.steps, stepItem);
  list("result", now.rows, before && before.rows, rowItem);
  list("timeline", now.timeline, before && before.timeline, lineItem);
  element("history").hidden = now.timeline.length === 0;
  drawActions(now);
}

/** The browser's tab shows the icon of the ring, on its colour. */
function favicon(tone: Screen["tone"]): void {
  const shape = document.querySelector(".i-" + tone + " path")!.getAttribute("d");
  const link = element("favicon");
  link &&
    attribute(
      link,
      "href",
      link
        .getAttribute("href")!
        .replace(/(path d=')[^']*/, "$1" + shape)
        .replace(/%23\w{6}/, tone === "bad" ? "%239a4a17" : "%23157a63"),
    );
}

function drawActions(now: Screen): void {
  element("guide").hidden = !now.guide;
  element("claim-form").hidden = !now.canClaim;
  element("check-form").hidden = !now.canCheck;
  element<HTMLButtonElement>("check-now").disabled = now.checking || !!now.checkNote;
  rank("check-now", now.canClaim);
  show("check-note", now.checkNote);
  element("tell").hidden = !now.tell;
  link("detail", now.detail);
  rank("detail", now.repay);
  link("support", now.support);
  link("repay", now.repay);
  rank("repay", now.canClaim);
  if (now.repayText) {
    element("repay").textContent = now.repayText;
  }
}

/** One button stands out: not this one where another does. */
function rank(id: string, other: unknown): void {
  element(id).className = other ? "button" : "button main";
}

function link(id: string, href: string): void {
  const target = element<HTMLAnchorElement>(id);
  if (href) {
    attribute(target, "href", href);
  }
  target.hidden = !href;
}

/** Rebuilds a list when its content changed. */
function list<T>(id: string, items: T[], before: T[] | null, make: (item: T) => HTMLElement): void {
  const target = element(id);
  target.hidden = items.length === 0;
  if (JSON.stringify(items) === JSON.stringify(before)) {
    return;
  }
  target.textContent = "";
  items.forEach((item) => target.appendChild(make(item)));
}

function stepItem(step: Step): HTMLElement {
  const hidden = tag("span", " " + step.spoken);
  hidden.className = "vh";
  const item = tag("li", "", tag("span", step.label), hidden);
  item.setAttribute("data-state", step.state);
  if (step.state === "current") {
    item.setAttribute("aria-current", "step");
  }
  return item;
}

function rowItem(row: Row): HTMLElement {
  return tag("div", "", tag("dt", row.name), tag("dd", row.value));
}

function lineItem(line: Line): HTMLElement {
  const time = tag("time", line.time);
  time.setAttribute("datetime", line.at);
  return tag("li", "", tag("p", line.text), time);
}

function tag(name: string, text: string, ...children: HTMLElement[]): HTMLElement {
  const made = document.createElement(name);
  made.textContent = text;
  children.forEach((child) => made.appendChild(child));
  return made;
}
