/*
 * Carries out the lifecycle rules of buckets: after every midnight of UTC, which is when things are due; when rules change; and at the
 * start, for what fell due while nobody looked.
 *
 * L1  What is taken away is as it was looked at: what was put again, got other tags or became the newest version meanwhile stays.
 * L2  What retention or a legal hold keeps stays.
 * L3  Nothing is taken away by rules that no longer stand.
 */
import { isDeepStrictEqual } from 'node:util';
import { CLOCK_LIMITS, type Clock, ClockJumps, hasCode, isAbort, type Timer } from '../../base/index.ts';
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
  /** As it was looked at. */
  readonly version: ObjectVersion;
  /** Absent for the newest version, which a delete marker may take the place of. */
  readonly versionId?: string;
}

/** What a sweep goes by. */
interface Course {
  readonly rules: readonly LifecycleRule[];
  readonly now: number;
  /** The rules still stand. */
  readonly isValid: () => boolean;
}

export class LifecycleSweeper implements AsyncDisposable {
  readonly #dependencies: SweeperDependencies;
  readonly #closing = new AbortController();
  readonly #waiting = new Set<string>();
  readonly #jumps: ClockJumps;
  #timer: Timer | undefined;
  #running: Promise<void> | undefined;

  constructor(dependencies: SweeperDependencies) {
    this.#dependencies = dependencies;
    this.#jumps = new ClockJumps(dependencies.clock);
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
    const now = this.#dependencies.clock.now();
    this.#sweepIn((Math.floor(now / DAY_MS) + 1) * DAY_MS - now);
  }

  #sweepIn(ms: number): void {
    const { clock, settings } = this.#dependencies;
    this.#timer = clock.timer(ms, () => {
      if (!this.#jumps.isSteady()) return this.#sweepIn(CLOCK_LIMITS.restMs);
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
    const given = settings.peek(bucket, 'lifecycle');
    const rules = (given ?? []).filter(({ enabled }) => enabled);
    if (rules.length === 0) return { removed: 0, aborted: 0 };
    // Rules that are put anew, or those of a bucket that is made anew, are never the same ones.
    const course = { rules, now: clock.now(), isValid: () => settings.peek(bucket, 'lifecycle') === given };
    const aborted = await this.#abortUploads(bucket, course);
    return { removed: await this.#removeVersions(bucket, course), aborted };
  }

  async #removeVersions(bucket: string, course: Course): Promise<number> {
    const history = new KeyHistory(course);
    let removed = 0;
    let after: VersionCursor | undefined;
    do {
      const page = await this.#dependencies.objects.listVersions(bucket, { limit: PAGE_MAX, ...(after && { after }) });
      const due = page.versions.flatMap((version) => history.next(version));
      if (!page.next) due.push(...history.end());
      for (let from = 0; from < due.length; from += DELETIONS_MAX) {
        this.#closing.signal.throwIfAborted();
        const batch = due.slice(from, from + DELETIONS_MAX);
        const gone = await Promise.all(batch.map((one) => this.#remove(bucket, one, course)));
        removed += gone.filter(Boolean).length;
      }
      after = page.next;
    } while (after && course.isValid());
    return removed;
  }

  /** @returns false when it stays */
  async #remove(bucket: string, { version, versionId }: Due, { isValid }: Course): Promise<boolean> {
    const onlyIf = (found: ObjectVersion) => isValid() && isAsSeen(version, found);
    const options = { onlyIf, cause: CAUSE, ...(versionId !== undefined && { versionId }) };
    try {
      await this.#dependencies.objects.delete(bucket, version.key, options);
      return true;
    } catch (error) {
      if (hasCode(error, 'object-locked') || hasCode(error, 'precondition-failed')) return false;
      if (hasCode(error, 'object-not-found') || hasCode(error, 'version-not-found')) return false;
      throw error;
    }
  }

  async #abortUploads(bucket: string, { rules, now, isValid }: Course): Promise<number> {
    const { objects } = this.#dependencies;
    if (!rules.some(({ abortUploadDays }) => abortUploadDays !== undefined)) return 0;
    let aborted = 0;
    let after: { readonly key: string; readonly uploadId?: string } | undefined;
    do {
      const page = await objects.uploads(bucket, { limit: PAGE_MAX, ...(after && { after }) });
      for (const { uploadId, key, createdAt } of page.uploads) {
        if (!isValid()) return aborted;
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

  constructor({ rules, now }: Pick<Course, 'rules' | 'now'>) {
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
    return isDue ? [{ version }] : [];
  }

  #earlier(version: ObjectVersion): readonly Due[] {
    const noncurrent = { ...agingOf(version), since: this.#since, newer: this.#newer++ };
    return isNoncurrentDue(this.#rules, noncurrent, this.#now) ? [versionDue(version)] : [];
  }
}

function versionDue(version: ObjectVersion): Due {
  return { version, versionId: version.versionId ?? 'null' };
}

/** Whether rules that looked at the one would say the same of the other. */
function isAsSeen(seen: ObjectVersion, found: ObjectVersion): boolean {
  if (seen.lastModified !== found.lastModified || seen.isLatest !== found.isLatest) return false;
  return isDeepStrictEqual('tags' in seen && seen.tags, 'tags' in found && found.tags);
}

function agingOf(version: ObjectVersion): Aging {
  const { key, lastModified } = version;
  if ('deleteMarker' in version) return { key, lastModified, sizeBytes: 0, tags: [] };
  return { key, lastModified, sizeBytes: version.sizeBytes, tags: toTagSet(version.tags) };
}
