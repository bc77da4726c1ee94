import type { LogRecord } from '../../store/index.ts';

/** What a shard has done since its counts were last handed to the metrics. */
export class Counts {
  incomingRecords = 0;
  incomingBytes = 0;
  readRecords = 0;
  readBytes = 0;
  /** Greatest age that a reader was behind, milliseconds; -1 when nobody has read. */
  iteratorAgeMs = -1;
  writesThrottled = 0;
  readsThrottled = 0;

  /** @param ageMs  how far behind the reader is that got them */
  noteRead(records: readonly LogRecord[], ageMs: number): void {
    this.readRecords += records.length;
    for (const { payload } of records) this.readBytes += payload.length;
    this.iteratorAgeMs = Math.max(this.iteratorAgeMs, ageMs);
  }

  add(other: Counts): void {
    this.incomingRecords += other.incomingRecords;
    this.incomingBytes += other.incomingBytes;
    this.readRecords += other.readRecords;
    this.readBytes += other.readBytes;
    this.iteratorAgeMs = Math.max(this.iteratorAgeMs, other.iteratorAgeMs);
    this.writesThrottled += other.writesThrottled;
    this.readsThrottled += other.readsThrottled;
  }
}
