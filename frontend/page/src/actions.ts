import { ask } from "../../client/src/browser";
import type { Answer } from "../../client/src/index";
import { element } from "./draw";
import type { Progress } from "./order";
import type { Action, Notice } from "./state";

/** How a sent form is answered: with the state after it, or bare. */
interface Outcome {
  progress?: Progress;
}

export interface ActionDeps {
  /** Of the order, in the API. */
  path: string;
  token: string;
  now(): number;
  dispatch(action: Action): void;
  accept(progress: Progress): void;
}

/** Lets the two forms be sent without leaving the page. Without script they work too. */
export function bindForms(deps: ActionDeps): void {
  bind("check-form", "query", "checking", deps);
  bind("claim-form", "claim", "claimed", deps);
}

function bind(form: string, path: string, done: Notice, deps: ActionDeps): void {
  let busy = false;
  element(form).addEventListener("submit", (event) => {
    event.preventDefault();
    if (busy) {
      return;
    }
    busy = true;
    ask("POST", deps.path + "/" + path, deps.token, (answer) => {
      busy = false;
      settle(answer, done, deps);
    });
  });
}

/** How long to wait when a refusal does not say. */
const UNSAID_WAIT = 10;

function settle({ status, body, retryAfter }: Answer, done: Notice, { accept, dispatch, now }: ActionDeps): void {
  const soon = status === 429;
  const taken = status > 199 && status < 300;
  const progress = taken && ((body || {}) as Outcome).progress;
  if (progress) {
    accept(progress);
  }
  const wait = soon ? retryAfter || UNSAID_WAIT : taken && retryAfter;
  dispatch({
    type: "notice",
    notice: soon ? "too_soon" : taken ? done : "failed",
    checkAgainAt: wait && now() + wait * 1000,
  });
}
