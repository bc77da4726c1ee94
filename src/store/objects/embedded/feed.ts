import { assert, type Clock } from '../../../base/index.ts';
import { decodeKey, encodeKey } from '../../../codec/index.ts';
import type { Write } from '../../records/index.ts';
import type { ChangeCause, ObjectChange, ObjectChangeType, PendingChange } from '../objects.ts';
import { jsonOf, putJson, SPACES, type StoredVersion } from './catalog.ts';
import type { CatalogRecords } from './catalog-records.ts';
import type { KeyState } from './history.ts';

/** A change as its row has it. */
type KeptChange = Omit<ObjectChange, 'sequence' | 'sequencer'>;

const READ_MAX = 1000;
const BEFORE_ALL = encodeKey([0]);

/**
 * Changes that are watched for, each a row in the commit of the change. Rows are numbered when their commit is called, and the records store
 * carries out commits in the order of their calls: who has read up to a number has missed nothing before it.
 */
export class ChangeFeed {
  readonly #records: CatalogRecords;
  readonly #clock: Clock;
  #next: number;
  #note: (change: PendingChange) => string | undefined = () => undefined;
  #listener: () => void = () => {};

  private constructor(records: CatalogRecords, clock: Clock, last: number) {
    this.#records = records;
    this.#clock = clock;
    // Of rows that were forgotten nothing is left: numbers that time gives are above theirs.
    this.#next = Math.max(last + 1, clock.now() * 1000);
  }

  static async open(records: CatalogRecords, clock: Clock): Promise<ChangeFeed> {
    const [last] = await records.range(SPACES.changes, { reverse: true, limit: 1 });
    return new ChangeFeed(records, clock, last ? (decodeKey(last.key)[0] as number) : 0);
  }

  watch(note: (change: PendingChange) => string | undefined): void {
    this.#note = note;
  }

  onChange(listener: () => void): void {
    this.#listener = listener;
  }

  /** The row of a change; none where nobody has a note to make of it. The commit must be called in the same turn. */
  row(change: PendingChange): readonly Write[] {
    const note = this.#note(change);
    if (note === undefined) return [];
    const kept: KeptChange = { at: this.#clock.now(), ...change, note };
    return [putJson(SPACES.changes, encodeKey([this.#next++]), kept)];
  }

  /** A commit with a row has resolved. */
  moved(): void {
    this.#listener();
  }

  async changes(after: number, limit: number): Promise<readonly ObjectChange[]> {
    assert(limit >= 1 && limit <= READ_MAX, `limit is 1 to ${READ_MAX}, not ${limit}`);
    const rows = await this.#records.range(SPACES.changes, { from: encodeKey([after + 1]), limit });
    return rows.map((row) => {
      const sequence = decodeKey(row.key)[0] as number;
      return { ...jsonOf<KeptChange>(row), sequence, sequencer: sequencerOf(sequence) };
    });
  }

  async forget(through: number): Promise<void> {
    const to = encodeKey([through + 1]);
    await this.#records.commit({ writes: [{ kind: 'deleteRange', space: SPACES.changes, from: BEFORE_ALL, to }] });
  }
}

function sequencerOf(sequence: number): string {
  return sequence.toString(16).toUpperCase().padStart(16, '0');
}

/** What the feed is told of a change of a version. */
export function toldOf(
  { bucket, key }: KeyState,
  type: ObjectChangeType,
  stored: StoredVersion,
  cause: ChangeCause | undefined,
): PendingChange {
  const isRemoval = type.startsWith('ObjectRemoved') || type.startsWith('LifecycleExpiration');
  return {
    type,
    bucket,
    key,
    ...(stored.id !== undefined && { versionId: stored.id }),
    ...(!isRemoval && { sizeBytes: stored.sizeBytes, etag: stored.etag }),
    ...(cause && { cause }),
  };
}
