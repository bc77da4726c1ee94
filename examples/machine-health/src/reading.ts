import { Ajv } from 'ajv';
import type { KinesisRecord } from './kinesis-event.ts';
import schema from './telemetry.schema.json' with { type: 'json' };

/** A valid reading in our own units. */
export interface Reading {
  readonly device: string;
  /** Counts the device's readings since it was switched on. */
  readonly seq: number;
  /** When it was measured, epoch milliseconds. */
  readonly ts: number;
  readonly celsius: number;
  /** Bad records of the device between its last good one in this batch and this one: each has used up a `seq`. */
  readonly skipped: number;
  /** What the detector takes for its time: the place in the recording if there is one. */
  readonly time: number;
}

/** A record that is no reading, and why. */
export interface Rejected {
  readonly record: KinesisRecord;
  readonly reason: string;
}

interface Payload {
  readonly seq: number;
  readonly ts: number;
  readonly temperature: number;
  readonly unit: 'F' | 'C';
  readonly recordedAt?: string;
}

const ajv = new Ajv({ allErrors: false });
const isPayload = ajv.compile<Payload>(schema);

export interface Batch {
  readonly readings: readonly Reading[];
  readonly rejected: readonly Rejected[];
  /** By device: bad records after its last good one. */
  readonly skippedAtEnd: ReadonlyMap<string, number>;
}

/** Parts the records of a batch into readings, in order, and what is none. */
export function readBatch(records: readonly KinesisRecord[]): Batch {
  const readings: Reading[] = [];
  const rejected: Rejected[] = [];
  const skipped = new Map<string, number>();
  for (const record of records) {
    const device = record.kinesis.partitionKey;
    const reading = read(record);
    if (typeof reading === 'string') {
      rejected.push({ record, reason: reading });
      skipped.set(device, (skipped.get(device) ?? 0) + 1);
    } else {
      readings.push({ ...reading, skipped: skipped.get(device) ?? 0 });
      skipped.delete(device);
    }
  }
  return { readings, rejected, skippedAtEnd: skipped };
}

/** The reading, or what is wrong with it. */
function read({ kinesis }: KinesisRecord): Omit<Reading, 'skipped'> | string {
  let payload: unknown;
  try {
    payload = JSON.parse(Buffer.from(kinesis.data, 'base64').toString());
  } catch (error) {
    return `no JSON: ${(error as Error).message}`;
  }
  if (!isPayload(payload)) return ajv.errorsText(isPayload.errors, { dataVar: 'reading' });
  const { seq, ts, temperature, unit, recordedAt } = payload;
  const time = recordedAt === undefined ? ts : Date.parse(recordedAt);
  if (Number.isNaN(time)) return 'reading/recordedAt is no time';
  return {
    device: kinesis.partitionKey,
    seq,
    ts,
    celsius: unit === 'F' ? (temperature - 32) / 1.8 : temperature,
    time,
  };
}
