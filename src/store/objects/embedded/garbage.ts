import { messageOf } from '../../../base/index.ts';
import type { Logger } from '../../../telemetry/index.ts';
import type { Blobs } from './blobs.ts';
import { collectedBlob, garbage, namelessOf, setSweptGeneration } from './catalog.ts';
import type { CatalogRecords } from './catalog-records.ts';

/** Files that are looked at or removed together; closing waits for so many. */
const BATCH_FILES = 256;

/** Removes the files that nothing names: those replaced and deleted while the store runs, and those that a crash left behind. */
export class GarbageCollector implements AsyncDisposable {
  readonly #records: CatalogRecords;
  readonly #blobs: Blobs;
  readonly #logger: Logger;
  /** Nobody reads them any more. */
  #waiting: string[] = [];
  #removing: Promise<void> | undefined;
  #sweeping: Promise<void> | undefined;
  #closing = false;

  constructor(records: CatalogRecords, blobs: Blobs, logger: Logger) {
    this.#records = records;
    this.#blobs = blobs;
    this.#logger = logger;
  }

  /** Removes the files in the background, each when its last reader is done. The commit that freed them has resolved. */
  collect(ids: readonly string[]): void {
    // Whoever has read their names in this turn of the loop begins to read them in it.
    setImmediate(() => {
      for (const id of ids) this.#blobs.whenUnread(id, () => this.#add(id));
    });
  }

  /** Cleans up after the generations above `swept`, in the background. */
  sweep(swept: number): void {
    this.#sweeping = this.#guarded(async () => {
      const left = await garbage(this.#records);
      for (let i = 0; i < left.length; i += BATCH_FILES) await this.#remove(left.slice(i, i + BATCH_FILES));
      const { ids, through } = await this.#blobs.earlier(swept);
      if (through === swept) return;
      for (let i = 0; i < ids.length; i += BATCH_FILES) {
        const nameless = await namelessOf(this.#records, ids.slice(i, i + BATCH_FILES));
        await Promise.all(nameless.map((id) => this.#blobs.remove(id)));
        if (this.#closing) return;
      }
      await setSweptGeneration(this.#records, through);
      await this.#blobs.removeEmpty();
    });
  }

  /** Waits for the work under way. What is still read stays, with its entry, for the next opening. */
  async [Symbol.asyncDispose](): Promise<void> {
    // Of what was freed in this turn nothing is collected yet.
    await new Promise(setImmediate);
    while (this.#removing !== undefined) await this.#removing;
    this.#closing = true;
    await this.#sweeping;
  }

  #add(id: string): void {
    this.#waiting.push(id);
    this.#start();
  }

  #start(): void {
    if (this.#waiting.length === 0 || this.#closing) return;
    this.#removing ??= this.#guarded(() => this.#removeWaiting()).finally(() => {
      this.#removing = undefined;
      // What came in between, or stood behind what failed.
      this.#start();
    });
  }

  async #removeWaiting(): Promise<void> {
    while (this.#waiting.length > 0 && !this.#closing) await this.#remove(this.#waiting.splice(0, BATCH_FILES));
  }

  async #remove(ids: readonly string[]): Promise<void> {
    await Promise.all(ids.map((id) => this.#blobs.remove(id)));
    await this.#records.commit({ writes: ids.map(collectedBlob) });
  }

  /** What fails is left to the next opening. */
  async #guarded(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!this.#closing) this.#logger.warn('objects-garbage-left', { reason: messageOf(error) });
    }
  }
}
