import type { LaneView } from './intake.ts';

/** What a shard's poller sees when it decides. */
export interface ShardView {
  readonly lanes: readonly LaneView[];
  /** Records that the buffer still takes. */
  readonly room: number;
  /** The same while a batch is under way: the buffer takes one more of each lane then. */
  readonly roomAhead: number;
  /** The source is known to have records at our position. */
  readonly readable: boolean;
  /** The shard is closed and read to its end. */
  readonly ended: boolean;
  /** Monotonic milliseconds. */
  readonly now: number;
}

export interface BatchRules {
  readonly batchSize: number;
  /** Payload bytes at which a batch is full. */
  readonly bytesFull: number;
  readonly windowMs: number;
  /** Full batches are prepared while the one before them is under way. */
  readonly ahead: boolean;
}

/** - `reserve`: a batch can go out; take an environment, then read what has come meanwhile.
 *  - `read`: records are there, and the window still has time to fill, or a busy lane has nothing prepared.
 *  - `prepare`: the next batch of a busy lane is whole; make it ready to be sent.
 *  - `wait`: for the source, a free lane, or `until` (monotonic milliseconds: a wall clock that jumps must not hold a batch back).
 *  - `finished`: the shard is done. */
export type Action =
  | { readonly kind: 'reserve' }
  | { readonly kind: 'read'; readonly recordsMax: number }
  | { readonly kind: 'prepare'; readonly lane: number }
  | { readonly kind: 'wait'; readonly source: boolean; readonly until: number | undefined }
  | { readonly kind: 'finished' };

/** Decides the next step of a shard's poller. */
export function decide(view: ShardView, rules: BatchRules): Action {
  const free = view.lanes.filter((lane) => !lane.busy);
  if (free.some((lane) => isDue(lane, view, rules))) return { kind: 'reserve' };
  const lane = rules.ahead ? view.lanes.findIndex((lane) => mayPrepare(lane) && isFull(lane, rules)) : -1;
  if (lane >= 0) return { kind: 'prepare', lane };
  const mayRead = free.length > 0 && view.room > 0 && !view.ended;
  if (mayRead && view.readable) {
    if (rules.windowMs > 0) return { kind: 'read', recordsMax: view.room };
    const restsUntil = Math.min(...free.map((lane) => lane.restsUntil));
    if (view.now >= restsUntil) return { kind: 'reserve' };
    return { kind: 'wait', source: false, until: restsUntil };
  }
  const mayReadAhead = rules.ahead && view.readable && !view.ended && view.roomAhead > 0;
  if (mayReadAhead && view.lanes.some(mayPrepare)) return { kind: 'read', recordsMax: view.roomAhead };
  if (view.ended && view.lanes.every((lane) => !lane.busy && lane.waitingCount === 0)) return { kind: 'finished' };
  return { kind: 'wait', source: mayRead, until: earliestDue(free, rules) };
}

/** A waiting batch goes out when it is full, its window is over, or nothing more can come. */
export function isDue(lane: LaneView, view: Pick<ShardView, 'now' | 'ended' | 'room'>, rules: BatchRules): boolean {
  if (lane.busy || lane.waitingSince === undefined) return false;
  if (lane.prepared || isFull(lane, rules)) return true;
  return view.ended || view.room <= 0 || view.now >= dueAt(lane, rules);
}

function isFull({ waitingCount, waitingBytes }: LaneView, { batchSize, bytesFull }: BatchRules): boolean {
  return waitingCount >= batchSize || waitingBytes >= bytesFull;
}

/** One batch ahead and no more; none while the one before it is being tried again. */
function mayPrepare({ busy, prepared, failing }: LaneView): boolean {
  return busy && !prepared && !failing;
}

/** The free lane with a due batch that has waited longest. */
export function nextLane(view: ShardView, rules: BatchRules): number | undefined {
  let best: number | undefined;
  for (const [index, lane] of view.lanes.entries()) {
    if (!isDue(lane, view, rules)) continue;
    if (best === undefined || lane.waitingSince! < view.lanes[best]!.waitingSince!) best = index;
  }
  return best;
}

function earliestDue(free: readonly LaneView[], rules: BatchRules): number | undefined {
  const due = free.flatMap((lane) => (lane.waitingSince === undefined ? [] : [dueAt(lane, rules)]));
  return due.length === 0 ? undefined : Math.min(...due);
}

function dueAt(lane: LaneView, rules: BatchRules): number {
  return Math.max(lane.waitingSince! + rules.windowMs, lane.restsUntil);
}
