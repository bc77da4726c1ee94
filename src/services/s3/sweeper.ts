/*
 * Carries out the lifecycle rules of buckets: after every midnight of UTC, which is when things are due; when rules change; and at the
 * start, for what fell due while nobody looked.
 *
 * L1  What is taken away is what was looked at: an object that was put again meanwhile stays.
 * L2  What retention or a legal hold keeps stays.
 */
import { type Clock, hasCode, isAbort, type Timer } from '../../base/index.ts';
import type { Objects, ObjectVersion, VersionCursor } from '../../store/index.ts';
import type { Logger } from '../../telemetry/index.ts';
import { type Aging, DAY_MS, expiryOf, isMarkerDue, isNoncurrentDue, isUploadDue } from './lifecycle.ts';
import type { LifecycleRule, Settings } from './settings.ts';
import { toTagSet } from './tags.ts';

export interface SweeperDependencies {
  readonly objects: Objects;
  readonly settings: Settings;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Versions looked at before others of the node have their turn, and deletions under way at once. */
const PAGE_MAX = 1000;
const DELETIONS_MAX = 16;

const CAUSE = { origin: 'lifecycle' } as const;

/** What a sweep has taken away. */
export interface Swept {
  readonly removed: number;
  readonly aborted: number;
}

/** Something to be taken away. */
interface Due {
  readonly key: string;
  /** Absent for the newest version, which a delete marker may take the place of. */
  readonly versionId?: string;
  readonly lastModified: number;
}

export class LifecycleSweeper implements AsyncDisposable {
  readonly #dependencies: SweeperDependencies;
  readonly #closing = new AbortController();
  readonly #waiting = new Set<string>();
  #timer: Timer | undefined;
  #running: Promise<void> | undefined;

  constructor(dependencies: SweeperDependencies) {
    this.#dependencies = dependencies;
  }

  start(): void {
    const { settings } = this.#dependencies;
    settings.onChange((bucket, kind) => {
      if (kind === 'lifecycle' && settings.peek(bucket, kind)) this.#sweepSoon([bucket]);
    });
    this.#sweepSoon(settings.bucketsWith('lifecycle'));
    this.#waitForMidnight();
  }

  /** Resolves when nothing is being swept. */
  async settled(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    this.#timer?.cancel();
    await this.#running;
  }

  #waitForMidnight(): void {
    const { clock, settings } = this.#dependencies;
    const now = clock.now();
    const next = (Math.floor(now / DAY_MS) + 1) * DAY_MS;
    this.#timer = clock.timer(next - now, () => {
      this.#sweepSoon(settings.bucketsWith('lifecycle'));
      this.#waitForMidnight();
    });
  }

  #sweepSoon(buckets: readonly string[]): void {
    for (const bucket of buckets) this.#waiting.add(bucket);
    if (this.#closing.signal.aborted || this.#waiting.size === 0) return;
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
      this.#sweepSoon([]);
    });
  }

  async #run(): Promise<void> {
    const { logger } = this.#dependencies;
    for (const bucket of this.#waiting) {
      if (this.#closing.signal.aborted) return;
      this.#waiting.delete(bucket);
      try {
        const { removed, aborted } = await this.sweep(bucket);
        if (removed + aborted > 0) logger.info('lifecycle-swept', { bucket, removed, aborted });
      } catch (error) {
        // It is looked at again after the next midnight.
        if (!isAbort(error) && !hasCode(error, 'bucket-not-found')) logger.warn('bucket-not-swept', { bucket, error });
      }
    }
  }

  /** Carries out a bucket's rules as they stand at this moment. */
  async sweep(bucket: string): Promise<Swept> {
    const { settings, clock } = this.#dependencies;
    const rules = (settings.peek(bucket, 'lifecycle') ?? []).filter(({ enabled }) => enabled);
    if (rules.length === 0) return { removed: 0, aborted: 0 };
    const now = clock.now();
    const aborted = await this.#abortUploads(bucket, rules, now);
    return { removed: await this.#removeVersions(bucket, rules, now), aborted };
  }

  async #removeVersions(bucket: string, rules: readonly LifecycleRule[], now: number): Promise<number> {
    const history = new KeyHistory(rules, now);
    let removed = 0;
    let after: VersionCursor | undefined;
    do {
      const page = await this.#dependencies.objects.listVersions(bucket, { limit: PAGE_MAX, ...(after && { after }) });
      const due = page.versions.flatMap((version) => history.next(version));
      if (!page.next) due.push(...history.end());
      for (let from = 0; from < due.length; from += DELETIONS_MAX) {
        this.#closing.signal.throwIfAborted();
        const gone = await Promise.all(due.slice(from, from + DELETIONS_MAX).map((one) => this.#remove(bucket, one)));
        removed += gone.filter(Boolean).length;
      }
      after = page.next;
    } while (after);
    return removed;
  }

  /** @returns false when it stays */
  async #remove(bucket: string, { key, lastModified, versionId }: Due): Promise<boolean> {
    const options = { ifLastModified: lastModified, cause: CAUSE, ...(versionId !== undefined && { versionId }) };
    try {
      await this.#dependencies.objects.delete(bucket, key, options);
      return true;
    } catch (error) {
      if (hasCode(error, 'object-locked') || hasCode(error, 'precondition-failed')) return false;
      if (hasCode(error, 'object-not-found') || hasCode(error, 'version-not-found')) return false;
      throw error;
    }
  }

  async #abortUploads(bucket: string, rules: readonly LifecycleRule[], now: number): Promise<number> {
    const { objects } = this.#dependencies;
    if (!rules.some(({ abortUploadDays }) => abortUploadDays !== undefined)) return 0;
    let aborted = 0;
    let after: { readonly key: string; readonly uploadId?: string } | undefined;
    do {
      const page = await objects.uploads(bucket, { limit: PAGE_MAX, ...(after && { after }) });
      for (const { uploadId, key, createdAt } of page.uploads) {
        if (!isUploadDue(rules, key, createdAt, now)) continue;
        this.#closing.signal.throwIfAborted();
        await objects.abortUpload(uploadId).then(
          () => aborted++,
          (error) => {
            if (!hasCode(error, 'upload-not-found')) throw error;
          },
        );
      }
      after = page.next;
    } while (after);
    return aborted;
  }
}

/** Decides about the versions of keys as a listing gives them: by key, the newest first. */
class KeyHistory {
  readonly #rules: readonly LifecycleRule[];
  readonly #now: number;
  #key: string | undefined;
  /** When the version before it in the listing was made: since then the next one is not the newest. */
  #since = 0;
  #newer = 0;
  /** The newest version, a delete marker, while nothing has shown that there are others behind it. */
  #lonely: ObjectVersion | undefined;

  constructor(rules: readonly LifecycleRule[], now: number) {
    this.#rules = rules;
    this.#now = now;
  }

  next(version: ObjectVersion): readonly Due[] {
    const before = version.key === this.#key ? [] : this.end();
    if (version.key !== this.#key) {
      this.#key = version.key;
      this.#newer = 0;
    }
    this.#lonely = undefined;
    const due = version.isLatest ? this.#newest(version) : this.#earlier(version);
    this.#since = version.lastModified;
    return [...before, ...due];
  }

  /** There is nothing more of the last key. */
  end(): readonly Due[] {
    const marker = this.#lonely;
    this.#lonely = undefined;
    return marker && isMarkerDue(this.#rules, agingOf(marker), this.#now) ? [versionDue(marker)] : [];
  }

  #newest(version: ObjectVersion): readonly Due[] {
    if ('deleteMarker' in version) {
      this.#lonely = version;
      return [];
    }
    const expiry = expiryOf(this.#rules, agingOf(version));
    const isDue = expiry !== undefined && expiry.at <= this.#now;
    return isDue ? [{ key: version.key, lastModified: version.lastModified }] : [];
  }

  #earlier(version: ObjectVersion): readonly Due[] {
    const noncurrent = { ...agingOf(version), since: this.#since, newer: this.#newer++ };
    return isNoncurrentDue(this.#rules, noncurrent, this.#now) ? [versionDue(version)] : [];
  }
}

function versionDue({ key, lastModified, versionId = 'null' }: ObjectVersion): Due {
  return { key, lastModified, versionId };
}

function agingOf(version: ObjectVersion): Aging {
  const { key, lastModified } = version;
  if ('deleteMarker' in version) return { key, lastModified, sizeBytes: 0, tags: [] };
  return { key, lastModified, sizeBytes: version.sizeBytes, tags: toTagSet(version.tags) };
}
