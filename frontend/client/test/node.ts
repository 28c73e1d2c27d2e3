import type { Answer, Platform, SocketEvents } from "../src/platform.js";

/** Called with true and false like the events of a page that is shown and hidden. */
export type Wake = (awake: boolean) => void;

/** A platform of Node.js, of which a test may take away what a network would. */
export function nodePlatform(without: ("socket" | "stream")[] = []): Platform & { wake: Wake } {
  let listeners: Wake[] = [];
  const platform: Platform & { wake: Wake } = {
    now: () => Date.now(),
    random: () => Math.random(),
    setTimer: (run, ms) => setTimeout(run, ms),
    clearTimer: (timer) => clearTimeout(timer as NodeJS.Timeout),
    openSocket: without.includes("socket") ? refuse : dial,
    get(url, token, done) {
      const aborter = new AbortController();
      ask(url, token, aborter.signal).then(async (response) => done(await read(response)), failed(aborter, done));
      return { cancel: () => aborter.abort() };
    },
    post(url, body) {
      void fetch(url, { method: "POST", body });
      return true;
    },
    awake: () => true,
    onWake(changed) {
      listeners.push(changed);
      return () => {
        listeners = listeners.filter((l) => l !== changed);
      };
    },
    wake: (awake) => listeners.slice().forEach((l) => l(awake)),
  };
  if (!without.includes("stream")) {
    platform.openStream = (url, token, on) => {
      const aborter = new AbortController();
      ask(url, token, aborter.signal).then(async (response) => {
        if (!response.ok) {
          return on.ended(await read(response));
        }
        const decoder = new TextDecoder();
        for await (const piece of response.body!) {
          on.text(decoder.decode(piece, { stream: true }));
        }
        return on.ended({ status: response.status, body: null, retryAfter: 0 });
      }).catch(failed(aborter, on.ended));
      return { cancel: () => aborter.abort() };
    };
  }
  return platform;
}

function ask(url: string, token: string, signal: AbortSignal): Promise<Response> {
  const headers = { Authorization: "Bearer " + token, Accept: "application/vnd.anxin.frame+json" };
  return fetch(url, { headers, signal });
}

async function read(response: Response): Promise<Answer> {
  const text = await response.text();
  return {
    status: response.status,
    body: /json/.test(response.headers.get("Content-Type") || "") ? JSON.parse(text) : null,
    retryAfter: Number(response.headers.get("Retry-After")) || 0,
  };
}

function failed(aborter: AbortController, done: (answer: Answer) => void) {
  return () => {
    if (!aborter.signal.aborted) {
      done({ status: 0, body: null, retryAfter: 0 });
    }
  };
}

function dial(url: string, protocol: string, on: SocketEvents) {
  const socket = new WebSocket(url, protocol);
  socket.onopen = () => on.open();
  socket.onmessage = (event) => on.message(String(event.data));
  socket.onclose = (event) => on.closed(event.code);
  return {
    send: (text: string) => socket.send(text),
    close: () => {
      socket.onopen = socket.onmessage = socket.onclose = null;
      socket.close();
    },
  };
}

function refuse(_url: string, _protocol: string, on: SocketEvents) {
  const timer = setTimeout(() => on.closed(1006), 0);
  return { send: () => undefined, close: () => clearTimeout(timer) };
}
