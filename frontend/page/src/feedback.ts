import { ask } from "../../client/src/browser";
import { element } from "./draw";

export interface FeedbackDeps {
  path: string;
  token: string;
  thanks: string;
  failed: string;
  /** What is on the screen now. */
  shown(): { seq: number; wording: string };
}

/** Sends the feedback form without leaving the page. */
export function bindFeedback(deps: FeedbackDeps): void {
  const form = element<HTMLFormElement>("feedback-form");
  const text = form.querySelector("textarea")!;
  let helped: boolean | null = null;
  form.addEventListener("click", (event) => {
    const { name, value } = event.target as HTMLButtonElement;
    helped = name === "helped" && value ? value === "yes" : helped;
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const said = text.value;
    ask(
      "POST",
      deps.path + "/feedback",
      deps.token,
      (answer) => {
        const taken = answer.status === 201;
        element("feedback").textContent = taken ? deps.thanks : deps.failed;
        if (taken) {
          form.querySelector<HTMLElement>(".pair")!.hidden = true;
          form.querySelector("details")!.hidden = !!said;
        }
      },
      Object.assign({ helped, text: said }, deps.shown()),
    );
  });
}
