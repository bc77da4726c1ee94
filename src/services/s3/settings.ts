import { type Objects, type Records, Registry } from '../../store/index.ts';
import type { Grant, Ownership } from './acl.ts';
import { s3Error } from './errors.ts';

export interface Tag {
  readonly Key: string;
  readonly Value: string;
}

/** The four switches of "Block public access". */
export interface PublicAccessBlock {
  readonly BlockPublicAcls: boolean;
  readonly IgnorePublicAcls: boolean;
  readonly BlockPublicPolicy: boolean;
  readonly RestrictPublicBuckets: boolean;
}

/** What is kept of a bucket beside its objects, by what it is; members are spelled as in S3's model, dates as ISO text. */
export interface BucketSettings {
  /** Region that the bucket was made in. */
  readonly region: string;
  /** Policy document, as it was given. */
  readonly policy: string;
  readonly tags: readonly Tag[];
  /** Rules of the default encryption. */
  readonly encryption: readonly object[];
  readonly objectLock: {
    readonly ObjectLockEnabled: 'Enabled';
    readonly Rule?: { readonly DefaultRetention: DefaultRetention };
  };
  /** `null` once it was deleted: nothing is blocked then. Absent means all is, as on S3 since April 2023. */
  readonly publicAccessBlock: PublicAccessBlock | null;
  /** `null` once it was deleted: as `ObjectWriter`. Absent means `BucketOwnerEnforced`. */
  readonly ownership: Ownership | null;
  /** Grants of the bucket's ACL; absent means that its owner alone has all rights. */
  readonly acl: readonly Grant[];
  readonly cors: readonly CorsRule[];
  readonly lifecycle: readonly LifecycleRule[];
  /** Which small objects rules move to another class: kept for whoever asks, as no class here is on another disk. */
  readonly transitionMinimum: string;
  readonly notifications: readonly NotificationRule[];
  readonly website: Website;
}

export interface DefaultRetention {
  readonly Mode: 'GOVERNANCE' | 'COMPLIANCE';
  readonly Days?: number;
  readonly Years?: number;
}

export interface CorsRule {
  readonly ID?: string;
  readonly AllowedHeaders?: readonly string[];
  readonly AllowedMethods: readonly string[];
  readonly AllowedOrigins: readonly string[];
  readonly ExposeHeaders?: readonly string[];
  readonly MaxAgeSeconds?: number;
}

/** Which objects a rule is for: all that are asked of must hold. */
export interface LifecycleScope {
  readonly prefix: string;
  readonly tags: readonly Tag[];
  readonly sizeGreaterThan?: number;
  readonly sizeLessThan?: number;
}

/** A rule as it is carried out; `shown` is what the caller gave, and gets back. */
export interface LifecycleRule {
  readonly id: string;
  readonly enabled: boolean;
  readonly scope: LifecycleScope;
  readonly days?: number;
  /** Epoch milliseconds. */
  readonly date?: number;
  readonly expiredDeleteMarker?: boolean;
  readonly noncurrentDays?: number;
  readonly newerNoncurrentVersions?: number;
  readonly abortUploadDays?: number;
  readonly shown: Readonly<Record<string, unknown>>;
}

/** Where events of a bucket go. */
export interface NotificationRule {
  readonly kind: 'Queue' | 'Topic' | 'LambdaFunction';
  readonly id: string;
  readonly arn: string;
  readonly events: readonly string[];
  /** As they were given, in their order. */
  readonly filters: readonly { readonly Name: string; readonly Value: string }[];
}

export interface RedirectTarget {
  readonly HostName?: string;
  readonly Protocol?: 'http' | 'https';
}

export interface RoutingRule {
  readonly Condition?: { readonly HttpErrorCodeReturnedEquals?: string; readonly KeyPrefixEquals?: string };
  readonly Redirect: RedirectTarget & {
    readonly HttpRedirectCode?: string;
    readonly ReplaceKeyPrefixWith?: string;
    readonly ReplaceKeyWith?: string;
  };
}

export interface Website {
  readonly IndexDocument?: { readonly Suffix: string };
  readonly ErrorDocument?: { readonly Key: string };
  readonly RedirectAllRequestsTo?: RedirectTarget & { readonly HostName: string };
  readonly RoutingRules?: readonly RoutingRule[];
}

interface Stored {
  readonly value: unknown;
  /** When the bucket was made that it is of: settings of a deleted bucket are not its successor's. */
  readonly createdAt: number;
}

/** Settings of buckets: all in memory, each under a name of its own (so that no change overwrites another), durable when it resolves. */
export class Settings {
  readonly #objects: Objects;
  readonly #stored: Registry<Stored>;
  readonly #listeners = new Set<(bucket: string, kind: keyof BucketSettings) => void>();

  private constructor(objects: Objects, stored: Registry<Stored>) {
    this.#objects = objects;
    this.#stored = stored;
  }

  static async open(objects: Objects, records: Records): Promise<Settings> {
    const settings = new Settings(objects, await Registry.open<Stored>(records, 's3-bucket-settings'));
    await settings.#forgetOrphans();
    return settings;
  }

  /** `undefined` when it was never put. @throws bucket-not-found */
  async get<K extends keyof BucketSettings>(bucket: string, kind: K): Promise<BucketSettings[K] | undefined> {
    await this.#createdAt(bucket);
    return this.peek(bucket, kind);
  }

  /** The same without asking whether there is such a bucket: none has settings that is not there. */
  peek<K extends keyof BucketSettings>(bucket: string, kind: K): BucketSettings[K] | undefined {
    return this.#stored.get(nameOf(bucket, kind))?.value as BucketSettings[K] | undefined;
  }

  /** @throws bucket-not-found */
  async put<K extends keyof BucketSettings>(bucket: string, kind: K, value: BucketSettings[K]): Promise<void> {
    await this.#stored.put(nameOf(bucket, kind), { value, createdAt: await this.#createdAt(bucket) });
    this.#changed(bucket, kind);
  }

  /** Taking away what is not there is no error. @throws bucket-not-found */
  async remove(bucket: string, kind: keyof BucketSettings): Promise<void> {
    await this.#createdAt(bucket);
    await this.#stored.delete(nameOf(bucket, kind));
    this.#changed(bucket, kind);
  }

  /** Forgets all settings of a bucket that is gone, and none of one that has its name by now. */
  async forget(bucket: string): Promise<void> {
    for (const name of this.#stored.names(`${bucket}/`)) {
      const living = (await this.#objects.buckets()).find((one) => one.name === bucket)?.createdAt;
      if (this.#stored.get(name)?.createdAt !== living) await this.#stored.delete(name);
    }
  }

  /** Buckets that something of that kind is set for. */
  bucketsWith(kind: keyof BucketSettings): readonly string[] {
    const end = `/${kind}`;
    return this.#stored
      .names()
      .filter((name) => name.endsWith(end))
      .map((name) => name.slice(0, -end.length));
  }

  onChange(listener: (bucket: string, kind: keyof BucketSettings) => void): void {
    this.#listeners.add(listener);
  }

  #changed(bucket: string, kind: keyof BucketSettings): void {
    for (const listener of this.#listeners) listener(bucket, kind);
  }

  /** A crash may have come between the end of a bucket and that of its settings. */
  async #forgetOrphans(): Promise<void> {
    const made = new Map((await this.#objects.buckets()).map(({ name, createdAt }) => [name, createdAt]));
    for (const name of this.#stored.names()) {
      const bucket = name.slice(0, name.indexOf('/'));
      if (made.get(bucket) !== this.#stored.get(name)!.createdAt) await this.#stored.delete(name);
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
