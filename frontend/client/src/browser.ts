import type { Answer, Platform } from "./platform.js";

/** The platform of a browser, from Chromium 64 and iOS 11.3 on. */
export function browserPlatform(): Platform {
  return {
    now: () => Date.now(),
    random: () => Math.random(),
    setTimer: (run, ms) => setTimeout(run, ms),
    clearTimer: (timer) => clearTimeout(timer as number),
    awake: () => !document.hidden,
    openSocket,
    openStream,
    get: (url, token, done) => {
      const request = ask("GET", url, token, done);
      return { cancel: () => request.abort() };
    },
    post: (url, body) => !!navigator.sendBeacon && navigator.sendBeacon(url, body),
    onWake,
  };
}

const openSocket: Platform["openSocket"] = (url, protocol, on) => {
  let socket: WebSocket;
  try {
    socket = new WebSocket(url, protocol);
  } catch (_) {
    // Some engines throw when a policy forbids the address.
    const timer = setTimeout(() => on.closed(1006), 0);
    return { send: () => undefined, close: () => clearTimeout(timer) };
  }
  socket.onopen = () => on.open();
  socket.onmessage = (event) => on.message(String(event.data));
  socket.onclose = (event) => on.closed(event.code);
  return {
    send: (text) => socket.send(text),
    close: () => {
      socket.onopen = socket.onmessage = socket.onclose = null;
      socket.close();
    },
  };
};

const openStream: Required<Platform>["openStream"] = (url, token, on) => {
  let at = 0;
  const request = ask("GET", url, token, on.ended);
  request.timeout = 0;
  request.onprogress = () => {
    const text = request.responseText;
    on.text(text.slice(at));
    at = text.length;
  };
  return { cancel: () => request.abort() };
};

/** Sends an HTTP request with the token as bearer and calls back once, unless aborted.
 * XMLHttpRequest, because the oldest engines can neither cancel a fetch nor read its parts. */
export function ask(
  method: string,
  url: string,
  token: string,
  done: (answer: Answer) => void,
  body?: object,
): XMLHttpRequest {
  const request = new XMLHttpRequest();
  request.open(method, url);
  request.setRequestHeader("Authorization", "Bearer " + token);
  request.setRequestHeader("Accept", "application/vnd.anxin.frame+json,*/*");
  request.timeout = 40_000; // longer than the server may hold a long poll
  const answer = () => {
    let body: unknown = null;
    try {
      body = JSON.parse(request.responseText);
    } catch (_) {
      // An empty or foreign body says nothing; the status does.
    }
    done({
      status: request.status,
      body,
      retryAfter: Number(request.status && request.getResponseHeader("Retry-After")) || 0,
    });
  };
  request.onload = request.onerror = request.ontimeout = answer;
  if (body) {
    request.setRequestHeader("Content-Type", "application/json");
  }
  request.send(body && JSON.stringify(body));
  return request;
}

const onWake: Platform["onWake"] = (changed) => {
  const events: [EventTarget, string][] = [
    [document, "visibilitychange"],
    [window, "pageshow"],
    [window, "pagehide"],
    [window, "online"],
  ];
  const run = (event: Event) => changed(event.type !== "pagehide" && !document.hidden);
  events.forEach(([target, name]) => target.addEventListener(name, run));
  return () => events.forEach(([target, name]) => target.removeEventListener(name, run));
};
