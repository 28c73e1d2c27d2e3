/**
 * Tells which state the payer has had visible on the screen, each once. A state counts as
 * seen when a frame was painted after it was drawn. Returns what is to be told each time
 * a state was drawn; send says whether it could be told.
 */
export function watchSeen(send: (seq: number) => boolean): (seq: number) => void {
  let told = 0;
  let waiting = 0;
  return (seq) => {
    if (seq <= told || seq === waiting || document.hidden) {
      return;
    }
    waiting = seq;
    requestAnimationFrame(() => {
      waiting = 0;
      if (!document.hidden && send(seq)) {
        told = Math.max(told, seq);
      }
    });
  };
}
