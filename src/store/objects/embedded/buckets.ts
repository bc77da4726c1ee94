import { type Clock, DomainError, hasCode } from '../../../base/index.ts';
import { type Records, Registry } from '../../records/index.ts';
import type { BucketInfo, Versioning } from '../objects.ts';
import { hasObjects, SPACES } from './catalog.ts';
import type { CatalogRecords } from './catalog-records.ts';
import { storageError } from './errors.ts';

/** The buckets, by name. */
export class Buckets {
  readonly #registry: Registry<BucketInfo>;
  readonly #records: CatalogRecords;
  readonly #clock: Clock;
  /** Those whose removal is under way: nothing is committed to them any more. */
  readonly #closing = new Set<string>();

  private constructor(registry: Registry<BucketInfo>, records: CatalogRecords, clock: Clock) {
    this.#registry = registry;
    this.#records = records;
    this.#clock = clock;
  }

  static async open(records: Records, catalog: CatalogRecords, clock: Clock): Promise<Buckets> {
    return new Buckets(await Registry.open<BucketInfo>(records, SPACES.buckets), catalog, clock);
  }

  all(): readonly BucketInfo[] {
    return this.#registry.list();
  }

  /** One that is there and stays, as far as is known in this turn. @throws bucket-not-found */
  check(bucket: string): BucketInfo {
    const found = this.#registry.get(bucket);
    if (found && !this.#closing.has(bucket)) return found;
    throw new DomainError('bucket-not-found', `no bucket ${bucket}`);
  }

  /** Also of one that is being removed. */
  versioningOf(bucket: string): Versioning | undefined {
    return this.#registry.get(bucket)?.versioning;
  }

  async create(bucket: string): Promise<void> {
    await this.#registry.create(bucket, { name: bucket, createdAt: this.#clock.now() }).catch((error) => {
      if (!hasCode(error, 'already-exists')) throw storageError(error);
      throw new DomainError('bucket-exists', `bucket ${bucket} exists already`);
    });
  }

  async setVersioning(bucket: string, versioning: Versioning): Promise<void> {
    const info = this.check(bucket);
    await this.#registry.put(bucket, { ...info, versioning }).catch((error) => {
      throw storageError(error);
    });
  }

  /** @param abortUploads  ends the uploads of the bucket, once it is known to be empty */
  async delete(bucket: string, abortUploads: () => Promise<void>): Promise<void> {
    this.check(bucket);
    this.#closing.add(bucket);
    try {
      // Commits called before the mark must have resolved before the bucket is looked into; this one comes after them all.
      await this.#records.commit({ writes: [] });
      if (await hasObjects(this.#records, bucket)) {
        throw new DomainError('bucket-not-empty', `bucket ${bucket} is not empty`);
      }
      await abortUploads();
      await this.#registry.delete(bucket);
    } finally {
      this.#closing.delete(bucket);
    }
  }
}
