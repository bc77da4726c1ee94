import {
  type ControlEntry,
  type DecodedRecord,
  decodeControl,
  decodeRecords,
  LOG_FORMAT,
  type RunPlace,
} from '../../../codec/log/index.ts';
import { Partition } from './partition.ts';
import type { Segment } from './segment.ts';

/** All that the log knows in memory: its partitions and its segments, oldest first. */
export class Catalog {
  readonly byName = new Map<string, Partition>();
  readonly byId = new Map<number, Partition>();
  readonly segments: Segment[] = [];
  nextId = 1;
  /** Ids of partitions that were dropped while the log was replayed: late records of theirs mean nothing. */
  dropped: Set<number> | undefined;
  /** Number of the last group commit. */
  group = 0;

  get active(): Segment {
    return this.segments.at(-1)!;
  }

  /** Enters a durable run of a segment: moves the partition's end, or carries the control entries out. */
  enter(segment: Segment, run: RunPlace, position: number, buffer: Buffer, view: DataView): Partition | undefined {
    if (run.partition === LOG_FORMAT.controlPartition) {
      for (const entry of controlEntries(run, buffer, view)) this.apply(entry);
      return undefined;
    }
    const extent = segment.enter(run, position);
    const partition = this.byId.get(run.partition);
    if (!partition) return undefined;
    if (extent) partition.extents.push(extent);
    partition.next = run.first + run.count;
    return partition;
  }

  apply(entry: ControlEntry): void {
    switch (entry.kind) {
      case 'create':
        return this.#add(new Partition(entry.id, entry.name, 0, 0));
      case 'drop':
        return this.#remove(entry.id);
      case 'trim':
        return this.#trim(entry.id, entry.before);
      case 'snapshot':
        this.byName.clear();
        this.byId.clear();
        this.nextId = entry.nextId;
        return;
      case 'partition':
        return this.#add(new Partition(entry.id, entry.name, entry.first, entry.next, entry.damagedAt));
    }
  }

  /** The state of all partitions, to open a segment with. */
  snapshot(): ControlEntry[] {
    const partitions = [...this.byId.values()].map(
      ({ id, name, first, next, damagedAt }): ControlEntry => ({ kind: 'partition', id, name, first, next, damagedAt }),
    );
    return [{ kind: 'snapshot', nextId: this.nextId }, ...partitions];
  }

  #add(partition: Partition): void {
    this.byName.set(partition.name, partition);
    this.byId.set(partition.id, partition);
    this.nextId = Math.max(this.nextId, partition.id + 1);
  }

  #remove(id: number): void {
    this.dropped?.add(id);
    const partition = this.byId.get(id);
    if (!partition) return;
    this.byId.delete(id);
    if (this.byName.get(partition.name) === partition) this.byName.delete(partition.name);
    partition.wake(true);
  }

  #trim(id: number, before: number): void {
    const partition = this.byId.get(id);
    if (!partition || before <= partition.first) return;
    partition.first = before;
    const dead = partition.extents.findIndex(({ end }) => end > before);
    partition.extents = dead < 0 ? [] : partition.extents.slice(dead);
  }
}

export function controlEntries(run: RunPlace, buffer: Buffer, view: DataView): ControlEntry[] {
  const records: DecodedRecord[] = [];
  decodeRecords(run, buffer, view, run.first, run.count, Number.POSITIVE_INFINITY, records);
  return records.map(({ payload }) => decodeControl(payload));
}
