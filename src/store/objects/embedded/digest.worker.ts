/** The thread that computes the sums of large bodies: see `digest-thread.ts`. */
import { parentPort } from 'node:worker_threads';
import type { ChecksumAlgorithm } from '../objects.ts';
import { type Sums, SumsInMaking } from './sums.ts';

export type DigestRequest =
  | { readonly kind: 'begin'; readonly id: number; readonly algorithms: readonly ChecksumAlgorithm[] }
  | { readonly kind: 'update'; readonly id: number; readonly slot: SharedArrayBuffer; readonly length: number }
  | { readonly kind: 'end' | 'drop'; readonly id: number };

export type DigestAnswer =
  | { readonly kind: 'taken'; readonly slot: SharedArrayBuffer }
  | { readonly kind: 'digest'; readonly id: number; readonly sums: Sums };

const bodies = new Map<number, SumsInMaking>();

parentPort!.on('message', (request: DigestRequest) => {
  const { id } = request;
  if (request.kind === 'begin') return void bodies.set(id, new SumsInMaking(request.algorithms));
  const sums = bodies.get(id)!;
  if (request.kind === 'update') {
    sums.update(new Uint8Array(request.slot, 0, request.length));
    return answer({ kind: 'taken', slot: request.slot });
  }
  bodies.delete(id);
  if (request.kind === 'end') answer({ kind: 'digest', id, sums: sums.digest() });
});

function answer(message: DigestAnswer): void {
  parentPort!.postMessage(message);
}
