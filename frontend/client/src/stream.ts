import { address, CONNECT_TIMEOUT, HEARTBEAT, post, receive, settle } from "./transport.js";
import type { Open } from "./transport.js";

/** One event stream, for networks that let no WebSocket through. It is read as text, since
 * an EventSource shows neither the server's heartbeat nor the status of a refusal, and
 * would need the token in the address. */
export const openStream: Open = (platform, target, reports) => {
  let timer = platform.setTimer(reports.ended, CONNECT_TIMEOUT);
  let rest = "";
  const request = platform.openStream!(address(target, "/stream", 0), target.token, {
    text(piece) {
      platform.clearTimer(timer);
      timer = platform.setTimer(reports.ended, 2 * HEARTBEAT);
      const events = (rest + piece).split("\n\n");
      rest = events.pop()!;
      events.forEach((event) => receive(event.slice(event.indexOf("data:") + 5), target, reports));
    },
    ended: (answer) => settle(answer, reports),
  });
  return {
    send: (frame) => post(platform, target, [frame]),
    /** The heartbeat that stays away will tell. */
    probe() {},
    stop() {
      platform.clearTimer(timer);
      request.cancel();
    },
  };
};
