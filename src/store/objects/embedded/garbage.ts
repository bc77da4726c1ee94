import { messageOf } from '../../../base/index.ts';
import type { Logger } from '../../../telemetry/index.ts';
import type { Blobs } from './blobs.ts';
import { collectedBlob, garbage, isLive, setSweptGeneration } from './catalog.ts';
import type { CatalogRecords } from './catalog-records.ts';

/** Files that a sweep looks at together; closing waits for so many. */
const SWEEP_FILES = 256;

/** Removes the files that nothing names: those replaced and deleted while the store runs, and those that a crash left behind. */
export class GarbageCollector implements AsyncDisposable {
  readonly #records: CatalogRecords;
  readonly #blobs: Blobs;
  readonly #logger: Logger;
  readonly #work = new Set<Promise<void>>();
  #closing = false;

  constructor(records: CatalogRecords, blobs: Blobs, logger: Logger) {
    this.#records = records;
    this.#blobs = blobs;
    this.#logger = logger;
  }

  /** Removes the files in the background, each when its last reader is done. The commit that freed them has resolved. */
  collect(ids: readonly string[]): void {
    for (const id of ids) this.#blobs.whenUnread(id, () => this.#run(() => this.#remove(id)));
  }

  /** Cleans up after the generations above `swept`, in the background. */
  sweep(swept: number): void {
    this.#run(async () => {
      for (const id of await garbage(this.#records)) await this.#remove(id);
      const { ids, through } = await this.#blobs.earlier(swept);
      if (through === swept) return;
      for (let i = 0; i < ids.length; i += SWEEP_FILES) {
        await Promise.all(ids.slice(i, i + SWEEP_FILES).map((id) => this.#removeNameless(id)));
        if (this.#closing) return;
      }
      await setSweptGeneration(this.#records, through);
      await this.#blobs.removeEmpty();
    });
  }

  /** Waits for the work under way. What is still read stays, with its entry, for the next opening. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing = true;
    await Promise.all(this.#work);
  }

  async #remove(id: string): Promise<void> {
    await this.#blobs.remove(id);
    await this.#records.commit({ writes: [collectedBlob(id)] });
  }

  async #removeNameless(id: string): Promise<void> {
    if (!(await isLive(this.#records, id))) await this.#blobs.remove(id);
  }

  #run(task: () => Promise<void>): void {
    if (this.#closing) return;
    const work = task()
      .catch((error) => {
        if (!this.#closing) this.#logger.warn('objects-garbage-left', { reason: messageOf(error) });
      })
      .finally(() => this.#work.delete(work));
    this.#work.add(work);
  }
}
