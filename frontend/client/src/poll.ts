import type { StateFrame } from "./frames.js";
import type { Request } from "./platform.js";
import { address, post, settle } from "./transport.js";
import type { Open } from "./transport.js";

/** One long poll after the other, for networks that hold back what is not complete. */
export const openPoll: Open = (platform, target, reports) => {
  let request: Request | null = null;
  let over = false;
  /** The first answer comes at once: it shows that polls get through. */
  let wait = 0;
  let also = 0;
  const ask = () => {
    request = platform.get(address(target, "", also) + "&wait=" + wait + "s", target.token, (answer) => {
      const frame = answer.body as StateFrame | null;
      if (answer.status !== 200 || !frame || !(frame.seq >= 0)) {
        settle(answer, reports);
        return;
      }
      wait = 25;
      if (frame.topic === target.also) {
        also = frame.seq;
      }
      reports.state(frame);
      if (!over) {
        ask();
      }
    });
  };
  ask();
  return {
    send: (frame) => post(platform, target, [frame]),
    /** A request that has lost its network ends by itself. */
    probe() {},
    stop() {
      over = true;
      request!.cancel();
    },
  };
};
