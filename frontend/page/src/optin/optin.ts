import { ask } from "../../../client/src/browser";
import { canPush } from "../push";
import { keep } from "../subscription";
import { subscribe, subscribed } from "./subscribe";

/**
 * Asks by what the payer is to be told. What can be chosen and what was is written by the
 * server, as a page of its own; here its section stands in the payer's page, which stays
 * live.
 */
export function startOptIn(): void {
  const form = document.getElementById("tell-form") as HTMLFormElement | null;
  const section = document.getElementById("optin");
  if (form) {
    load(form.action + "?" + query(form), form.parentElement!); // each time that it is sent runs this again
  } else if (section && !("bound" in section.dataset)) {
    bind(location.href, section);
  }
}

/** What the form would add to its address. */
function query(form: HTMLFormElement): string {
  const pairs = Array.from(form.querySelectorAll("input")).map(({ name, value }) => name + "=" + encodeURIComponent(value));
  return pairs.join("&");
}

/** Fetches the section and puts it into place, where the payer then is. */
function load(href: string, place: Element, failed?: () => void): void {
  const request = new XMLHttpRequest();
  request.open("GET", href);
  request.responseType = "document";
  request.onload = request.onerror = () => {
    const found = request.response && (request.response as Document).getElementById("optin");
    if (found) {
      place.textContent = "";
      const section = place.appendChild(document.importNode(found, true));
      bind(href, section);
      section.focus();
    } else if (request.status) {
      location.assign(href); // the link has expired, or the result is known: the server says so
    } else if (failed) {
      failed();
    }
  };
  request.send();
}

/** Lets the section's forms be sent without leaving the page. */
function bind(href: string, section: HTMLElement): void {
  section.dataset["bound"] = "";
  const push = section.querySelector<HTMLFormElement>("[data-worker]");
  if (push && canPush()) {
    // Another browser of the payer's may have been chosen.
    subscribed().then((here) => {
      push.hidden = here && "chosen" in push.dataset;
    });
  } else if (push && section.querySelectorAll("form").length === 1) {
    refuse(section, "subscription"); // there is no other way
  }
  section.addEventListener("submit", (event) => {
    event.preventDefault();
    send(href, section, event.target as HTMLFormElement);
  });
}

function send(href: string, section: HTMLElement, form: HTMLFormElement): void {
  const { api, token } = section.dataset;
  const { send, worker, key } = form.dataset;
  const button = form.querySelector("button")!;
  const problem = (name: string) => {
    button.disabled = false;
    refuse(section, name);
  };
  const submit = (extra: { subscription?: PushSubscriptionJSON }) => {
    const body = Object.assign(send === "optin" ? { locale: document.documentElement.lang } : {}, fields(form), extra);
    ask(
      "POST",
      api + "/" + send,
      token!,
      ({ status, body }) => {
        if (status > 199 && status < 300) {
          if (extra.subscription) {
            keep({ key: key!, subscription: extra.subscription }).catch(() => undefined); // then it ends with it
          }
          load(href, section.parentElement!, () => problem("failed"));
        } else {
          problem(((body || {}) as { field?: string }).field || "failed");
        }
      },
      body,
    );
  };
  button.disabled = true;
  if (worker) {
    subscribe(worker, key!).then(
      (subscription) => submit({ subscription }),
      () => problem("subscription"),
    );
  } else {
    submit({});
  }
}

/** What the API takes of a form: the token goes into a header. */
function fields(form: HTMLFormElement): { [name: string]: string } {
  const found: { [name: string]: string } = {};
  Array.from(form.querySelectorAll("input"))
    .filter((input) => input.name !== "k" && (form.dataset["send"] === "optin" || input.name === "kind"))
    .forEach((input) => (found[input.name] = input.value.trim()));
  return found;
}

/** Says what is wrong beside the forms. */
function refuse(section: HTMLElement, name: string): void {
  const problem = section.querySelector<HTMLElement>("#optin-problem")!;
  problem.textContent = problem.dataset[name] || problem.dataset["failed"]!;
  problem.hidden = false;
  const input = section.querySelector<HTMLElement>("#" + name);
  if (input) {
    input.setAttribute("aria-invalid", "true");
    input.setAttribute("aria-describedby", problem.id);
    input.focus();
  }
}
