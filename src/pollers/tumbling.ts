import { parseJson } from './attempt.ts';
import { POLLER_LIMITS } from './settings.ts';

/** A tumbling window of one shard that has begun and not ended; stored with the checkpoint. */
export interface TumblingWindow {
  /** Epoch milliseconds, multiples of the window's length. */
  readonly start: number;
  readonly end: number;
  /** JSON text of what the function returned as `state`. */
  readonly state: string;
}

/** The window that a record belongs to by its arrival time. */
export function windowOf(arrivedAt: number, lengthMs: number): TumblingWindow {
  const start = Math.floor(arrivedAt / lengthMs) * lengthMs;
  return { start, end: start + lengthMs, state: '{}' };
}

/**
 * What the shard has to do next about its window.
 *
 * - `final`: tell the function that the window is over; - `batch`: hand out records of this window; - `wait`: nothing is due.
 *
 * @param nextArrival  arrival of the next record that waits; `undefined` when the shard is read to its tip
 */
export function planWindow(
  window: TumblingWindow | undefined,
  nextArrival: number | undefined,
  now: number,
): 'final' | 'batch' | 'wait' {
  if (window && nextArrival !== undefined && isOutside(window, nextArrival)) return 'final';
  if (nextArrival !== undefined) return 'batch';
  return window && isOutside(window, now) ? 'final' : 'wait';
}

/**
 * A time does not belong to the window: it is after it, or so long before it that the clock was set back. A window must not last
 * until a time that a clock which was ahead has named; nor end, and begin again, for a clock that was put right by seconds.
 */
export function isOutside({ start, end }: TumblingWindow, at: number): boolean {
  return at >= end || at < start - (end - start);
}

/** Members that a windowed event has beside `Records`, as JSON text to append to it. */
export function windowMembers(
  window: TumblingWindow,
  shardId: string,
  sourceArn: string,
  final: boolean,
  early: boolean,
): string {
  const bounds = { start: isoSeconds(window.start), end: isoSeconds(window.end) };
  const rest = { shardId, eventSourceARN: sourceArn, isFinalInvokeForWindow: final, isWindowTerminatedEarly: early };
  return `,"window":${JSON.stringify(bounds)},"state":${window.state},${JSON.stringify(rest).slice(1, -1)}`;
}

/** The window with the state that a response returns; `undefined` when it returns none. */
export function stateAfter(window: TumblingWindow, payload: Uint8Array): TumblingWindow | undefined {
  const response = parseJson(payload) as { state?: unknown } | null;
  const state = typeof response === 'object' && response !== null ? response.state : undefined;
  return state === undefined ? undefined : { ...window, state: JSON.stringify(state ?? {}) };
}

/** A state over the limit ends its window early. */
export function stateIsTooLarge(window: TumblingWindow): boolean {
  return Buffer.byteLength(window.state) > POLLER_LIMITS.windowStateBytesMax;
}

function isoSeconds(at: number): string {
  return new Date(at).toISOString().replace('.000Z', 'Z');
}
