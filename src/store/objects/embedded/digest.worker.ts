/**
 * The thread that computes the sums of large bodies: see `digest-thread.ts`. MD5 takes pieces of several bodies side by side, four in little
 * more time than one: pieces wait until they fill the lanes, though neither for long nor once a sum is asked for. A body that comes alone has
 * Node's own MD5, which is faster for one, and waits for nobody.
 */
import { createHash, type Hash } from 'node:crypto';
import { parentPort, workerData } from 'node:worker_threads';
import { systemClock, type Timer } from '../../../base/index.ts';
import {
  type ChecksumHasher,
  checksumHasher,
  LANES,
  type LaneMd5,
  type LaneMemory,
  Md5Lanes,
} from '../../../codec/checksums/index.ts';
import type { ChecksumAlgorithm } from '../objects.ts';
import type { Sums } from './sums.ts';

/** A piece of a body, where it stands in the memory that both threads share. */
export interface Slot {
  readonly at: number;
}

export type DigestRequest =
  | { readonly kind: 'begin'; readonly id: number; readonly algorithms: readonly ChecksumAlgorithm[] }
  | { readonly kind: 'update'; readonly id: number; readonly slot: Slot; readonly length: number }
  | { readonly kind: 'end' | 'drop'; readonly id: number };

export type DigestAnswer =
  | { readonly kind: 'taken'; readonly slots: readonly Slot[] }
  | { readonly kind: 'digest'; readonly id: number; readonly sums: Sums };

/** A body whose sums are in the making. */
interface Body {
  readonly id: number;
  readonly md5: { readonly alone: Hash } | { readonly lane: LaneMd5 };
  readonly hashers: readonly ChecksumHasher[];
  /** What is not summed up yet. */
  readonly waiting: { readonly slot: Slot; readonly length: number }[];
  hasEnded: boolean;
}

/** Pieces that fill no lanes wait so long for others: about as long as a disk takes to sync a body, for which its sum is not asked before. */
const PATIENCE_MS = 5;
/** So many do not wait: their senders need the slots. */
const WAITING_MAX = 12;

const memory = workerData as LaneMemory;
const bytes = new Uint8Array(memory.buffer);
const bodies = new Map<number, Body>();
/** Made when the second body comes; `null` where there are none. */
let lanes: Md5Lanes | null | undefined;
let isScheduled = false;
let patience: Timer | undefined;

parentPort!.on('message', (request: DigestRequest) => {
  const { id } = request;
  if (request.kind === 'begin') return void bodies.set(id, begin(id, request.algorithms));
  const body = bodies.get(id)!;
  if (request.kind === 'update') body.waiting.push(request);
  else if (request.kind === 'end') body.hasEnded = true;
  else drop(body);
  schedule();
});

function begin(id: number, algorithms: readonly ChecksumAlgorithm[]): Body {
  const isAlone = bodies.size === 0;
  if (!isAlone && lanes === undefined) lanes = Md5Lanes.open(memory) ?? null;
  const md5 = isAlone || !lanes ? { alone: createHash('md5') } : { lane: lanes.begin() };
  return { id, md5, hashers: algorithms.map(checksumHasher), waiting: [], hasEnded: false };
}

function drop({ id, waiting }: Body): void {
  bodies.delete(id);
  if (waiting.length > 0) answer({ kind: 'taken', slots: waiting.map(({ slot }) => slot) });
}

/** Has the work go on when the messages of this turn are read. */
function schedule(): void {
  if (isScheduled) return;
  isScheduled = true;
  setImmediate(() => {
    isScheduled = false;
    work();
  });
}

/** Takes a round where it is worth it, and sees to it that nothing waits for long. */
function work(): void {
  const waiting = [...bodies.values()].filter(isWaiting);
  const [alone, ready] = [waiting.filter(isAlone), waiting.filter((body) => !isAlone(body))];
  const round = isRound(ready) ? ready.slice(0, LANES) : [];
  if (round.length > 0) {
    patience?.cancel();
    patience = undefined;
  } else if (ready.length > 0) patience ??= systemClock.timer(PATIENCE_MS, takeAll);
  take([...alone, ...round]);
  if (alone.length + round.length > 0) schedule();
}

/** Enough for the lanes, or somebody waits for it: for a sum, or for slots. */
function isRound(ready: readonly Body[]): boolean {
  if (ready.length >= LANES || ready.some(({ hasEnded }) => hasEnded)) return true;
  return ready.reduce((sum, { waiting }) => sum + waiting.length, 0) >= WAITING_MAX;
}

/** The others have not come: what waits is taken as it is. */
function takeAll(): void {
  patience = undefined;
  for (;;) {
    const waiting = [...bodies.values()].filter(isWaiting);
    if (waiting.length === 0) return;
    take(waiting);
  }
}

function isAlone({ md5 }: Body): boolean {
  return 'alone' in md5;
}

function isWaiting({ waiting }: Body): boolean {
  return waiting.length > 0;
}

/** A piece of each of these; sums of bodies that have ended are told. */
function take(some: readonly Body[]): void {
  const pieces = some.map((body) => ({ body, ...body.waiting.shift()! }));
  lanes?.update(
    pieces.flatMap(({ body: { md5 }, slot: { at }, length }) =>
      'lane' in md5 ? [{ md5: md5.lane, at, sizeBytes: length }] : [],
    ),
  );
  for (const { body, slot, length } of pieces) {
    const piece = bytes.subarray(slot.at, slot.at + length);
    if ('alone' in body.md5) body.md5.alone.update(piece);
    for (const hasher of body.hashers) hasher.update(piece);
  }
  if (pieces.length > 0) answer({ kind: 'taken', slots: pieces.map(({ slot }) => slot) });
  for (const body of bodies.values()) if (body.hasEnded && body.waiting.length === 0) finish(body);
}

function finish({ id, md5, hashers }: Body): void {
  bodies.delete(id);
  const checksums = hashers.map((hasher) => hasher.digest().toString('base64'));
  answer({
    ...{ kind: 'digest', id },
    sums: { md5: 'alone' in md5 ? md5.alone.digest('hex') : lanes!.digest(md5.lane), checksums },
  });
}

function answer(message: DigestAnswer): void {
  parentPort!.postMessage(message);
}
