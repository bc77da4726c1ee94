/**
 * MD5 and checksums of large bodies, on a thread of its own: MD5, at 0.6 GB/s, is the dearest thing that is done to them, and would hold up
 * all others. Bytes cross in slots of shared memory, of which there are few: who finds none waits, and so its body does.
 */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { DomainError, messageOf, siblingModule } from '../../../base/index.ts';
import { laneMemory, PIECES_AT } from '../../../codec/checksums/index.ts';
import type { ChecksumAlgorithm } from '../objects.ts';
import type { DigestAnswer, DigestRequest, Slot } from './digest.worker.ts';
import type { Digesting } from './digests.ts';
import type { Sums } from './sums.ts';

const SLOT_BYTES = 256 * 1024;
/** 4 MB: what the thread takes in some 7 ms. */
const SLOTS = 16;

export class DigestThread implements AsyncDisposable {
  #worker: Worker | undefined;
  /** What both threads see. */
  #bytes: Uint8Array | undefined;
  #nextId = 0;
  #slots = 0;
  readonly #free: Slot[] = [];
  readonly #waiting: PromiseWithResolvers<Slot>[] = [];
  readonly #digests = new Map<number, PromiseWithResolvers<Sums>>();
  #failure: Error | undefined;

  /** Sums in the making; `undefined` where a thread would only take time from this one. */
  begin(algorithms: readonly ChecksumAlgorithm[]): Digesting | undefined {
    if (availableParallelism() < 2 || this.#failure) return undefined;
    const id = this.#nextId++;
    this.#post({ kind: 'begin', id, algorithms });
    let hasEnded = false;
    return {
      update: (pieces) => this.#update(id, pieces),
      digest: () => {
        hasEnded = true;
        return this.#digest(id);
      },
      // A body whose sums were not those that it came with is given up after its end: the thread knows it no longer.
      drop: () => {
        if (!hasEnded) this.#post({ kind: 'drop', id });
        hasEnded = true;
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker?.terminate();
  }

  async #update(id: number, pieces: readonly Uint8Array[]): Promise<void> {
    let slot: Slot | undefined;
    let length = 0;
    for (const piece of pieces) {
      for (let at = 0; at < piece.byteLength; ) {
        slot ??= await this.#slot();
        const part = piece.subarray(at, at + SLOT_BYTES - length);
        this.#bytes!.set(part, slot.at + length);
        at += part.byteLength;
        length += part.byteLength;
        if (length < SLOT_BYTES) continue;
        this.#post({ kind: 'update', id, slot, length });
        [slot, length] = [undefined, 0];
      }
    }
    if (slot) this.#post({ kind: 'update', id, slot, length });
  }

  #digest(id: number): Promise<Sums> {
    const digest = Promise.withResolvers<Sums>();
    if (this.#failure) digest.reject(this.#failure);
    else this.#digests.set(id, digest);
    this.#post({ kind: 'end', id });
    return digest.promise;
  }

  #slot(): Slot | Promise<Slot> {
    if (this.#failure) throw this.#failure;
    const slot = this.#free.pop();
    if (slot) return slot;
    if (this.#slots < SLOTS) {
      return { at: PIECES_AT + this.#slots++ * SLOT_BYTES };
    }
    const waiter = Promise.withResolvers<Slot>();
    this.#waiting.push(waiter);
    return waiter.promise;
  }

  #post(request: DigestRequest): void {
    this.#worker ??= this.#start();
    this.#worker.postMessage(request);
  }

  #start(): Worker {
    const memory = laneMemory(SLOTS * SLOT_BYTES);
    this.#bytes = new Uint8Array(memory.buffer);
    const worker = new Worker(siblingModule(import.meta.url, './digest.worker'), {
      workerData: memory,
      name: 'digests',
    });
    worker.on('message', (answer: DigestAnswer) => this.#receive(answer));
    worker.on('error', (error) => this.#fail(messageOf(error)));
    worker.on('exit', () => this.#fail('it has ended'));
    return worker;
  }

  #receive(answer: DigestAnswer): void {
    if (answer.kind === 'taken') {
      for (const slot of answer.slots) this.#giveOn(slot);
      return;
    }
    this.#digests.get(answer.id)?.resolve(answer.sums);
    this.#digests.delete(answer.id);
  }

  #giveOn(slot: Slot): void {
    const waiter = this.#waiting.shift();
    if (waiter) waiter.resolve(slot);
    else this.#free.push(slot);
  }

  #fail(reason: string): void {
    this.#failure ??= new DomainError('objects-failed', `the thread for digests is gone: ${reason}`);
    for (const { reject } of [...this.#waiting, ...this.#digests.values()]) reject(this.#failure);
    this.#waiting.length = 0;
    this.#digests.clear();
  }
}
