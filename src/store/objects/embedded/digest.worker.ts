/**
 * The thread that computes the sums of large bodies: see `digest-thread.ts`. Pieces wait until the messages of this turn are read, so that MD5
 * takes those of several bodies side by side; a body that comes alone has Node's own MD5, which is faster for one.
 */
import { createHash, type Hash } from 'node:crypto';
import { parentPort, workerData } from 'node:worker_threads';
import {
  type ChecksumHasher,
  checksumHasher,
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
  | { readonly kind: 'taken'; readonly slot: Slot }
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

const memory = workerData as LaneMemory;
const bytes = new Uint8Array(memory.buffer);
const bodies = new Map<number, Body>();
/** Made when the second body comes; `null` where there are none. */
let lanes: Md5Lanes | null | undefined;
let isScheduled = false;

parentPort!.on('message', (request: DigestRequest) => {
  const { id } = request;
  if (request.kind === 'begin') return void bodies.set(id, begin(id, request.algorithms));
  const body = bodies.get(id)!;
  if (request.kind === 'update') body.waiting.push(request);
  else if (request.kind === 'end') body.hasEnded = true;
  else drop(body);
  if (isScheduled) return;
  isScheduled = true;
  setImmediate(work);
});

function begin(id: number, algorithms: readonly ChecksumAlgorithm[]): Body {
  const isAlone = bodies.size === 0;
  if (!isAlone && lanes === undefined) lanes = Md5Lanes.open(memory) ?? null;
  const md5 = isAlone || !lanes ? { alone: createHash('md5') } : { lane: lanes.begin() };
  return { id, md5, hashers: algorithms.map(checksumHasher), waiting: [], hasEnded: false };
}

function drop({ id, waiting }: Body): void {
  bodies.delete(id);
  for (const { slot } of waiting) answer({ kind: 'taken', slot });
}

/** A piece of each body, and then the messages that have come meanwhile. */
function work(): void {
  const pieces = [...bodies.values()].flatMap((body) => {
    const piece = body.waiting.shift();
    return piece ? [{ body, ...piece }] : [];
  });
  lanes?.update(
    pieces.flatMap(({ body: { md5 }, slot: { at }, length }) =>
      'lane' in md5 ? [{ md5: md5.lane, at, sizeBytes: length }] : [],
    ),
  );
  for (const { body, slot, length } of pieces) {
    const piece = bytes.subarray(slot.at, slot.at + length);
    if ('alone' in body.md5) body.md5.alone.update(piece);
    for (const hasher of body.hashers) hasher.update(piece);
    answer({ kind: 'taken', slot });
  }
  for (const body of bodies.values()) if (body.hasEnded && body.waiting.length === 0) finish(body);
  isScheduled = pieces.length > 0;
  if (isScheduled) setImmediate(work);
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
