import type { RecordEntry } from '../../records/index.ts';
import type { CatalogRecords } from './catalog-records.ts';

/** Records of one read while listing. */
const READ_RECORDS_MAX = 1000;

/** Rows of a range one by one, read in pages. */
export class RowCursor {
  readonly #records: CatalogRecords;
  readonly #space: string;
  readonly #to: Uint8Array;
  readonly #pageSize: number;
  /** Where the next page begins; `undefined` behind the last. */
  #from: Uint8Array | undefined;
  #page: readonly RecordEntry[] = [];
  #at = 0;

  /** @param wanted  how many rows will likely be taken */
  constructor(
    records: CatalogRecords,
    space: string,
    { from, to }: { readonly from: Uint8Array; readonly to: Uint8Array },
    wanted: number,
  ) {
    this.#records = records;
    this.#space = space;
    this.#from = from;
    this.#to = to;
    this.#pageSize = Math.min(READ_RECORDS_MAX, wanted);
  }

  /** The row that it stands at. */
  peek(): RecordEntry | undefined | Promise<RecordEntry | undefined> {
    return this.#at < this.#page.length ? this.#page[this.#at] : this.#fill();
  }

  /** Goes on behind the row that was looked at last. */
  advance(): void {
    this.#at++;
  }

  /** Passes over all rows below `key`; what is not read yet is not read at all. */
  seek(key: Uint8Array): void {
    while (this.#at < this.#page.length && Buffer.compare(this.#page[this.#at]!.key, key) < 0) this.#at++;
    const isBeyond = this.#at === this.#page.length && this.#from && Buffer.compare(key, this.#from) > 0;
    if (isBeyond) this.#from = key;
  }

  async #fill(): Promise<RecordEntry | undefined> {
    if (!this.#from) return undefined;
    const range = { from: this.#from, to: this.#to, limit: this.#pageSize };
    this.#page = await this.#records.range(this.#space, range);
    this.#at = 0;
    const isLast = this.#page.length < this.#pageSize;
    this.#from = isLast ? undefined : Buffer.concat([this.#page.at(-1)!.key, Buffer.of(0)]);
    return this.#page[0];
  }
}
