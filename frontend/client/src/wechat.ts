import type { Platform } from "./platform.js";

/** What the adapter uses of a Mini Program's `wx`, as WeChat documents it. */
export interface Wx {
  connectSocket(options: { url: string; protocols?: string[]; fail?(error: unknown): void }): SocketTask;
  request(options: {
    url: string;
    method?: "GET" | "POST";
    data?: string;
    header?: { [name: string]: string };
    timeout?: number;
    success?(result: { statusCode: number; data: unknown; header: { [name: string]: string } }): void;
    fail?(error: unknown): void;
  }): { abort(): void };
  onAppShow(listener: () => void): void;
  offAppShow(listener: () => void): void;
  onAppHide(listener: () => void): void;
  offAppHide(listener: () => void): void;
  onNetworkStatusChange(listener: (status: { isConnected: boolean }) => void): void;
  offNetworkStatusChange(listener: (status: { isConnected: boolean }) => void): void;
}

export interface SocketTask {
  send(options: { data: string; fail?(error: unknown): void }): void;
  close(options: { code?: number; fail?(error: unknown): void }): void;
  onOpen(listener: () => void): void;
  onMessage(listener: (result: { data: string | ArrayBuffer }) => void): void;
  onClose(listener: (result: { code: number; reason: string }) => void): void;
  onError(listener: (result: { errMsg: string }) => void): void;
}

/** Longer than the server may hold a long poll, in milliseconds. */
const TIMEOUT = 40_000;

const ignore = () => undefined;

/**
 * The platform of a WeChat Mini Program. Its addresses must be absolute, and their hosts
 * among the program's request and socket domains. There is no event stream: answers come
 * as a whole there.
 */
export function wechatPlatform(wx: Wx): Platform {
  let shown = true;
  return {
    now: () => Date.now(),
    random: () => Math.random(),
    setTimer: (run, ms) => setTimeout(run, ms),
    clearTimer: (timer) => clearTimeout(timer as number),
    awake: () => shown,
    openSocket(url, protocol, on) {
      let over = false;
      const end = (code: number) => {
        if (!over) {
          over = true;
          on.closed(code);
        }
      };
      const task = wx.connectSocket({ url, protocols: [protocol], fail: () => end(1006) });
      task.onOpen(() => over || on.open());
      task.onMessage((result) => over || typeof result.data !== "string" || on.message(result.data));
      task.onClose((result) => end(result.code));
      // An error before the opening is followed by no close.
      task.onError(() => end(1006));
      return {
        send: (data) => task.send({ data, fail: ignore }),
        close() {
          over = true;
          task.close({ code: 1000, fail: ignore });
        },
      };
    },
    get(url, token, done) {
      let over = false;
      const answer = (status: number, body: unknown, header: { [name: string]: string }) => {
        if (!over) {
          over = true;
          done({ status, body, retryAfter: Number(find(header, "retry-after")) || 0 });
        }
      };
      const task = wx.request({
        url,
        header: { Authorization: "Bearer " + token, Accept: "application/vnd.anxin.frame+json" },
        timeout: TIMEOUT,
        success: (result) => answer(result.statusCode, typeof result.data === "object" ? result.data : null, result.header),
        fail: () => answer(0, null, {}),
      });
      return {
        cancel() {
          over = true;
          task.abort();
        },
      };
    },
    post(url, data) {
      wx.request({ url, method: "POST", data, header: { "Content-Type": "application/json" }, fail: ignore });
      return true;
    },
    onWake(changed) {
      const show = () => changed((shown = true));
      const hide = () => changed((shown = false));
      const network = (status: { isConnected: boolean }) => status.isConnected && changed(shown);
      wx.onAppShow(show);
      wx.onAppHide(hide);
      wx.onNetworkStatusChange(network);
      return () => {
        wx.offAppShow(show);
        wx.offAppHide(hide);
        wx.offNetworkStatusChange(network);
      };
    },
  };
}

/** Header names come in the case in which the server or a proxy wrote them. */
function find(header: { [name: string]: string }, name: string): string {
  const key = Object.keys(header || {}).filter((k) => k.toLowerCase() === name)[0];
  return (key && header[key]) || "";
}
