/*
 * A series of the audit log on disk: files of JSON lines, written in the order in which calls were answered.
 *
 *     audit/audit-20261129T090000000Z.jsonl     what was done; the time of its first line; the newest is written to
 *     audit/refused-20261129T090000000Z.jsonl   what policies refused
 *
 * What has come together since the last write is written and synced at once; a call does not wait for it. A crash of the machine can
 * therefore take the records of the last instant, never earlier ones: see docs/audit.md.
 */
import { type FileHandle, mkdir, open, readdir, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../base/index.ts';
import type { Logger, Metrics } from '../../telemetry/index.ts';
import { AUDIT_LIMITS } from './limits.ts';
import type { AuditRecord } from './record.ts';

/** Each has files of its own: what fills one pushes nothing out of the other. */
export const SERIES = ['audit', 'refused'] as const;
export type Series = (typeof SERIES)[number];

/** What the log says of itself. */
export interface Remark extends Pick<AuditRecord, 'eventVersion' | 'eventTime'> {
  readonly eventName: 'RefusalsLeftOut';
  readonly userIdentity: AuditRecord['userIdentity'];
  readonly count: number;
}

export interface TrailOptions {
  readonly directory: string;
  readonly series: Series;
  /** How many files are kept; the oldest goes first. */
  readonly files: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

export class AuditTrail implements AsyncDisposable {
  readonly #options: TrailOptions;
  #file: FileHandle;
  #fileBytes: number;
  #lines: string[] = [];
  #pendingBytes = 0;
  #writing: Promise<void> | undefined;
  #lost = 0;
  readonly #lostTotal;

  private constructor(options: TrailOptions, file: FileHandle, fileBytes: number) {
    this.#options = options;
    this.#file = file;
    this.#fileBytes = fileBytes;
    this.#lostTotal = options.metrics.counter(
      'millrace_audit_records_lost_total',
      'Audit records that were not written',
    );
  }

  /** Opens the newest file, or makes the first. */
  static async open(options: TrailOptions): Promise<AuditTrail> {
    const { directory, series, clock } = options;
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const newest = (await trailFiles(directory, series)).at(-1) ?? join(directory, nameAt(series, clock.now()));
    const file = await open(newest, 'a+', 0o600);
    const { size } = await file.stat();
    const trail = new AuditTrail(options, file, size);
    // A line that a crash has cut off must not swallow the next.
    if (size > 0 && (await file.read(Buffer.alloc(1), 0, 1, size - 1)).buffer[0] !== 0x0a) trail.#append('\n');
    return trail;
  }

  /** Takes one record, or a line of the log's own; beyond what may wait, records are counted instead, and the next that is written says how many. */
  record(record: AuditRecord | Remark): void {
    const line = `${JSON.stringify(record)}\n`;
    if (this.#pendingBytes + line.length > AUDIT_LIMITS.pendingBytesMax) {
      this.#lose(1);
      return;
    }
    if (this.#lost > 0) {
      const { eventVersion, eventTime } = record;
      this.#append(`${JSON.stringify({ eventVersion, eventTime, eventName: 'RecordsLost', count: this.#lost })}\n`);
      this.#lost = 0;
    }
    this.#append(line);
  }

  /** Resolves when all that was taken is on disk, or counted as lost. */
  async flushed(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.flushed();
    await this.#file.close();
  }

  #append(line: string): void {
    this.#lines.push(line);
    this.#pendingBytes += line.length;
    this.#writing ??= this.#write().finally(() => {
      this.#writing = undefined;
    });
  }

  async #write(): Promise<void> {
    // What the same turn brings goes together.
    await undefined;
    while (this.#lines.length > 0) {
      const lines = this.#lines;
      this.#lines = [];
      const bytes = Buffer.from(lines.join(''));
      try {
        if (this.#fileBytes > 0 && this.#fileBytes + bytes.length > AUDIT_LIMITS.fileBytesMax) await this.#rotate();
        await this.#file.appendFile(bytes);
        await this.#file.datasync();
        this.#fileBytes += bytes.length;
      } catch (error) {
        this.#lose(lines.length);
        this.#options.logger.error('audit-not-written', { error, records: lines.length });
      }
      this.#pendingBytes -= lines.reduce((sum, line) => sum + line.length, 0);
    }
  }

  async #rotate(): Promise<void> {
    const { directory, series, files, clock } = this.#options;
    const next = await open(await freshName(directory, series, clock.now()), 'ax', 0o600);
    const full = this.#file;
    this.#file = next;
    this.#fileBytes = 0;
    await full.close();
    const kept = await trailFiles(directory, series);
    for (const old of kept.slice(0, Math.max(0, kept.length - Math.max(files, 1)))) await unlink(old);
  }

  #lose(records: number): void {
    this.#lost += records;
    this.#lostTotal.add(records);
  }
}

/** Paths of the files of a series, the oldest first. */
export async function trailFiles(directory: string, series: Series): Promise<readonly string[]> {
  const names = await readdir(directory);
  const wanted = new RegExp(`^${series}-\\d{8}T\\d{9}Z\\.jsonl$`);
  return names
    .filter((name) => wanted.test(name))
    .sort()
    .map((name) => join(directory, name));
}

function nameAt(series: Series, now: number): string {
  return `${series}-${new Date(now).toISOString().replace(/[-:.]/g, '')}.jsonl`;
}

/** The first name from now on that no file has. */
async function freshName(directory: string, series: Series, now: number): Promise<string> {
  for (let at = now; ; at++) {
    const path = join(directory, nameAt(series, at));
    const isTaken = await stat(path).then(
      () => true,
      () => false,
    );
    if (!isTaken) return path;
  }
}
