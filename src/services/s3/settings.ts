import { type Objects, type Records, Registry } from '../../store/index.ts';
import { s3Error } from './errors.ts';

/** What is kept of a bucket beside its objects, by what it is. */
export interface BucketSettings {
  /** Policy document, as it was given. Stored; calls are not decided by it yet. */
  readonly policy: string;
  readonly tags: readonly { readonly Key: string; readonly Value: string }[];
  /** Rules of the default encryption. */
  readonly encryption: readonly object[];
}

interface Stored {
  readonly value: unknown;
  /** When the bucket was made that it is of: settings of a deleted bucket are not its successor's. */
  readonly createdAt: number;
}

const KINDS: readonly (keyof BucketSettings)[] = ['policy', 'tags', 'encryption'];

/** Settings of buckets: all in memory, each under a name of its own (so that no change overwrites another), durable when it resolves. */
export class Settings {
  readonly #objects: Objects;
  readonly #stored: Registry<Stored>;

  private constructor(objects: Objects, stored: Registry<Stored>) {
    this.#objects = objects;
    this.#stored = stored;
  }

  static async open(objects: Objects, records: Records): Promise<Settings> {
    return new Settings(objects, await Registry.open<Stored>(records, 's3-bucket-settings'));
  }

  /** `undefined` when it was never put. @throws bucket-not-found */
  async get<K extends keyof BucketSettings>(bucket: string, kind: K): Promise<BucketSettings[K] | undefined> {
    const createdAt = await this.#createdAt(bucket);
    const stored = this.#stored.get(nameOf(bucket, kind));
    return stored?.createdAt === createdAt ? (stored.value as BucketSettings[K]) : undefined;
  }

  /** @throws bucket-not-found */
  async put<K extends keyof BucketSettings>(bucket: string, kind: K, value: BucketSettings[K]): Promise<void> {
    await this.#stored.put(nameOf(bucket, kind), { value, createdAt: await this.#createdAt(bucket) });
  }

  /** Taking away what is not there is no error. @throws bucket-not-found */
  async remove(bucket: string, kind: keyof BucketSettings): Promise<void> {
    await this.#createdAt(bucket);
    await this.#stored.delete(nameOf(bucket, kind));
  }

  /** Forgets all settings of a bucket that is gone. */
  async forget(bucket: string): Promise<void> {
    for (const kind of KINDS) {
      if (this.#stored.has(nameOf(bucket, kind))) await this.#stored.delete(nameOf(bucket, kind));
    }
  }

  async #createdAt(bucket: string): Promise<number> {
    const found = (await this.#objects.buckets()).find(({ name }) => name === bucket);
    if (!found) throw s3Error('bucket-not-found', { fields: { BucketName: bucket } });
    return found.createdAt;
  }
}

/** A bucket's name has no slash. */
const nameOf = (bucket: string, kind: keyof BucketSettings) => `${bucket}/${kind}`;
