import { CONNECT_TIMEOUT, HEARTBEAT, receive } from "./transport.js";
import type { Open } from "./transport.js";

/** How long an answer to a ping may take. Phones kill sockets without saying so. */
export const PONG_TIMEOUT = 5_000;

/** Close codes after which the same client would only be closed again. Everything else,
 * and above all a missing close frame (1006), means: connect again. */
const FAULTS = [1002, 1009, 4002];

/** One WebSocket connection that watches one topic, from opening to its end. */
export const openSocket: Open = (platform, target, reports) => {
  let ready = false;
  let timer = platform.setTimer(reports.ended, CONNECT_TIMEOUT);
  const arm = (run: () => void, ms: number) => {
    platform.clearTimer(timer);
    timer = platform.setTimer(run, ms);
  };
  const send = (frame: object) => {
    if (ready) {
      socket.send(JSON.stringify(frame));
    }
    return ready;
  };
  // The server's own pings are not visible to a script.
  const probe = () => {
    if (send({ type: "ping" })) {
      arm(reports.ended, PONG_TIMEOUT);
    }
  };
  const socket = platform.openSocket(target.socketUrl, "anxin.v1", {
    open() {
      ready = true;
      send({ type: "subscribe", topic: target.topic, token: target.token, after: target.after() });
      if (target.also) {
        send({ type: "subscribe", topic: target.also });
      }
    },
    message(text) {
      arm(probe, HEARTBEAT);
      receive(text, target, reports);
    },
    closed: (code) => reports.ended(undefined, FAULTS.indexOf(code) >= 0),
  });
  return {
    send,
    probe,
    stop() {
      ready = false;
      platform.clearTimer(timer);
      socket.close();
    },
  };
};
