import type { StateFrame } from "./frames.js";
import type { Request } from "./platform.js";
import { post, settle } from "./transport.js";
import type { Open } from "./transport.js";

/** One long poll after the other, for networks that hold back what is not complete. */
export const openPoll: Open = (platform, target, reports) => {
  let request: Request | null = null;
  let over = false;
  const ask = () => {
    request = platform.get(target.stateUrl + "?after=" + target.after() + "&wait=25s", target.token, (answer) => {
      const frame = answer.body as StateFrame | null;
      if (answer.status !== 200 || !frame || !(frame.seq >= 0)) {
        settle(answer, reports);
        return;
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
