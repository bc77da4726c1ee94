import type { Clock } from '../../../base/index.ts';

/** Longest timer that there is. */
const TIMER_MS_MAX = 2 ** 31 - 1;

/** Calls back when the wall clock has come to a time, epoch milliseconds, however far ahead it is; the result calls it off. */
export function alarm(clock: Clock, at: number, ring: () => void): () => void {
  const wait = () => Math.min(TIMER_MS_MAX, Math.max(0, at - clock.now()));
  const arm = () =>
    clock.timer(wait(), () => {
      if (clock.now() >= at) ring();
      else timer = arm();
    });
  let timer = arm();
  return () => timer.cancel();
}
