/** The thread that computes the MD5 of large bodies: see `md5-thread.ts`. */
import { createHash, type Hash } from 'node:crypto';
import { parentPort } from 'node:worker_threads';

export type Md5Request =
  | { readonly kind: 'update'; readonly id: number; readonly slot: SharedArrayBuffer; readonly length: number }
  | { readonly kind: 'end' | 'drop'; readonly id: number };

export type Md5Answer =
  | { readonly kind: 'taken'; readonly slot: SharedArrayBuffer }
  | { readonly kind: 'digest'; readonly id: number; readonly md5: string };

const hashes = new Map<number, Hash>();

parentPort!.on('message', (request: Md5Request) => {
  const { id } = request;
  if (request.kind === 'update') {
    const hash = hashes.get(id) ?? createHash('md5');
    hashes.set(id, hash);
    hash.update(new Uint8Array(request.slot, 0, request.length));
    return answer({ kind: 'taken', slot: request.slot });
  }
  const hash = hashes.get(id) ?? createHash('md5');
  hashes.delete(id);
  if (request.kind === 'end') answer({ kind: 'digest', id, md5: hash.digest('hex') });
});

function answer(message: Md5Answer): void {
  parentPort!.postMessage(message);
}
