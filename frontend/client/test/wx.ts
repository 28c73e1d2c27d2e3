import type { SocketTask, Wx } from "../src/wechat.js";

/** What `wx.connectSocket` allows at a time. */
const MAX_SOCKETS = 5;

type Listener<T> = (value: T) => void;

/**
 * A Mini Program's `wx` over a real network, as its documentation and the devices have it:
 * every callback comes later, JSON is parsed, an aborted request fails, closing a socket is
 * told to who closed it, and an error before the opening is followed by no close.
 */
export class FakeWx implements Wx {
  open = 0;
  private shows: (() => void)[] = [];
  private hides: (() => void)[] = [];
  private networks: Listener<{ isConnected: boolean }>[] = [];

  connectSocket: Wx["connectSocket"] = ({ url, protocols, fail }) => {
    if (!/^wss?:\/\//.test(url) || this.open >= MAX_SOCKETS) {
      setTimeout(() => fail && fail({ errMsg: "connectSocket:fail" }), 0);
      return new FakeTask(null);
    }
    this.open++;
    return new FakeTask(new WebSocket(url, protocols), () => this.open--);
  };

  request: Wx["request"] = ({ url, method = "GET", data, header, timeout = 60_000, success, fail }) => {
    const aborter = new AbortController();
    const timer = setTimeout(() => aborter.abort(), timeout);
    fetch(url, { method, body: data ?? null, headers: header ?? {}, signal: aborter.signal })
      .then(async (response) => {
        const text = await response.text();
        const headers: { [name: string]: string } = {};
        response.headers.forEach((value, name) => (headers[name.replace(/\b[a-z]/g, (c) => c.toUpperCase())] = value));
        let parsed: unknown = text;
        try {
          parsed = JSON.parse(text);
        } catch (_) {
          // Text that is no JSON stays text.
        }
        success && success({ statusCode: response.status, data: parsed, header: headers });
      })
      .catch((error) => fail && fail({ errMsg: "request:fail " + error }))
      .finally(() => clearTimeout(timer));
    return { abort: () => aborter.abort() };
  };

  onAppShow = (listener: () => void) => void this.shows.push(listener);
  offAppShow = (listener: () => void) => void (this.shows = this.shows.filter((l) => l !== listener));
  onAppHide = (listener: () => void) => void this.hides.push(listener);
  offAppHide = (listener: () => void) => void (this.hides = this.hides.filter((l) => l !== listener));
  onNetworkStatusChange: Wx["onNetworkStatusChange"] = (listener) => void this.networks.push(listener);
  offNetworkStatusChange: Wx["offNetworkStatusChange"] = (listener) =>
    void (this.networks = this.networks.filter((l) => l !== listener));

  show(): void {
    this.shows.slice().forEach((l) => l());
  }

  hide(): void {
    this.hides.slice().forEach((l) => l());
  }

  network(isConnected: boolean): void {
    this.networks.slice().forEach((l) => l({ isConnected }));
  }

  get listeners(): number {
    return this.shows.length + this.hides.length + this.networks.length;
  }
}

class FakeTask implements SocketTask {
  private opened = false;
  private over = false;
  private readonly opens: (() => void)[] = [];
  private readonly messages: Listener<{ data: string | ArrayBuffer }>[] = [];
  private readonly closes: Listener<{ code: number; reason: string }>[] = [];
  private readonly errors: Listener<{ errMsg: string }>[] = [];

  constructor(
    private readonly socket: WebSocket | null,
    private readonly released: () => void = () => undefined,
  ) {
    if (!socket) {
      return;
    }
    socket.onopen = () => {
      this.opened = true;
      this.opens.forEach((l) => l());
    };
    socket.onmessage = (event) => this.messages.forEach((l) => l({ data: String(event.data) }));
    socket.onclose = (event) => this.end(event.code, event.reason);
    socket.onerror = () => this.opened || this.end(1006, ""); // after which Node 20 tells no close
  }

  private end(code: number, reason: string): void {
    if (this.over) {
      return;
    }
    this.over = true;
    this.released();
    if (this.opened) {
      this.closes.forEach((l) => l({ code, reason }));
    } else {
      this.errors.forEach((l) => l({ errMsg: "open fail" }));
    }
  }

  send: SocketTask["send"] = ({ data, fail }) => {
    if (this.opened && !this.over) {
      this.socket!.send(data);
    } else {
      setTimeout(() => fail && fail({ errMsg: "sendSocketMessage:fail" }), 0);
    }
  };

  close: SocketTask["close"] = ({ code = 1000, fail }) => {
    if (!this.socket || this.over || (code !== 1000 && (code < 3000 || code > 4999))) {
      setTimeout(() => fail && fail({ errMsg: "closeSocket:fail" }), 0);
      return;
    }
    this.socket.close(code);
  };

  onOpen = (listener: () => void) => void this.opens.push(listener);
  onMessage: SocketTask["onMessage"] = (listener) => void this.messages.push(listener);
  onClose: SocketTask["onClose"] = (listener) => void this.closes.push(listener);
  onError: SocketTask["onError"] = (listener) => void this.errors.push(listener);
}
