import { decodeKey, encodeKey, keyRange } from '../codec/index.ts';
import type { KeyRange, RecordEntry, Records, Write } from '../store/index.ts';
import type { Delivery, LetterFilter, LetterSummary } from './delivery.ts';

/**
 * The outbox on disk. Spaces of the records store, keys as tuples:
 *
 * | space                | key                    | value                                                       |
 * |----------------------|------------------------|-------------------------------------------------------------|
 * | `delivery-due`       | arn, due ms, sequence  | a delivery, or the name of an ordering group whose turn it is |
 * | `delivery-ordered`   | arn, group, sequence   | a delivery that waits in its group                          |
 * | `delivery-keys`      | arn, idempotency key   | when it expires, ms                                         |
 * | `delivery-keys-due`  | expires ms, arn, key   | nothing: for forgetting                                     |
 * | `delivery-sequence`  |                        | see Sequence                                                |
 * | `delivery-letters`   | given up ms, sequence  | a lost letter without its payload and attributes: JSON      |
 * | `delivery-letter-bodies` | the same           | the delivery that it was                                    |
 * | `delivery-counts`    | `letters`              | how many letters there are                                  |
 *
 * A value is its version (1 B), the header's length (4 B, big-endian), the header (JSON), and the payload.
 */
export const SPACES = {
  due: 'delivery-due',
  ordered: 'delivery-ordered',
  keys: 'delivery-keys',
  keysDue: 'delivery-keys-due',
  sequence: 'delivery-sequence',
  letters: 'delivery-letters',
  letterBodies: 'delivery-letter-bodies',
  counts: 'delivery-counts',
} as const;

const VERSION = 1;

/** A delivery in the outbox. */
export interface Row {
  readonly sequence: number;
  readonly dueAt: number;
  readonly sentAt: number;
  /** Tries made that count. */
  readonly attempts: number;
  /** Tries that did not count, since the last one that did. */
  readonly uncounted: number;
  readonly delivery: Delivery;
}

/** An entry of `delivery-due`. */
export type DueEntry =
  | {
      readonly kind: 'delivery';
      readonly row: Row;
      readonly sequence: number;
      readonly dueAt: number;
      readonly sizeBytes: number;
    }
  | { readonly kind: 'group'; readonly group: string; readonly sequence: number; readonly dueAt: number };

type Header = Omit<Delivery, 'payload'> & {
  readonly sentAt: number;
  readonly attempts: number;
  /** Absent for none. */
  readonly uncounted?: number;
  readonly dueAt: number;
};

export function putDue(row: Row): Write {
  return { kind: 'put', space: SPACES.due, key: dueKey(row.delivery.arn, row), value: encodeRow(row) };
}

export function putOrdered(row: Row): Write {
  const { arn, orderingGroup } = row.delivery;
  const key = encodeKey([arn, orderingGroup!, row.sequence]);
  return { kind: 'put', space: SPACES.ordered, key, value: encodeRow(row) };
}

export function deleteOrdered(row: Row): Write {
  const { arn, orderingGroup } = row.delivery;
  return { kind: 'delete', space: SPACES.ordered, key: encodeKey([arn, orderingGroup!, row.sequence]) };
}

/** Gives a group its turn at `dueAt`. Named after the row that caused it: the same turn twice is one. */
export function putTurn(
  arn: string,
  group: string,
  turn: { readonly sequence: number; readonly dueAt: number },
): Write {
  return { kind: 'put', space: SPACES.due, key: dueKey(arn, turn), value: encode({ group }) };
}

export function deleteDue(arn: string, entry: { readonly sequence: number; readonly dueAt: number }): Write {
  return { kind: 'delete', space: SPACES.due, key: dueKey(arn, entry) };
}

/** What is due by `now`, or (without `now`) whatever comes next. */
export function dueRange(arn: string, limit: number, now?: number): KeyRange {
  const all = keyRange([arn]);
  return { from: all.from, to: now === undefined ? all.to : encodeKey([arn, now + 1]), limit };
}

export function orderedRange(arn: string, group: string, limit: number): KeyRange {
  return { ...keyRange([arn, group]), limit };
}

/** The first entry of an ARN after `arn`: for finding all there are without reading them all. */
export function nextArnRange(arn: string | undefined): KeyRange {
  return arn === undefined ? { limit: 1 } : { from: keyRange([arn]).to, limit: 1 };
}

export function arnOf(entry: RecordEntry): string {
  return decodeKey(entry.key)[0] as string;
}

export function decodeDue(entry: RecordEntry): DueEntry {
  const [, dueAt, sequence] = decodeKey(entry.key) as [string, number, number];
  const { header, payload } = decode(entry.value);
  if ('group' in header) return { kind: 'group', group: header.group as string, sequence, dueAt };
  return deliveryEntry(rowOf({ ...(header as unknown as Header), dueAt }, payload, sequence));
}

export function deliveryEntry(row: Row): DueEntry {
  const sizeBytes = row.delivery.payload.length + 512;
  return { kind: 'delivery', row, sequence: row.sequence, dueAt: row.dueAt, sizeBytes };
}

/** False for the turn of a group. */
export function isDelivery(entry: RecordEntry): boolean {
  return !('group' in decode(entry.value).header);
}

export function sequenceOf(entry: RecordEntry): number {
  return decodeKey(entry.key)[2] as number;
}

export function decodeKeyDue(key: Uint8Array): [expiresAt: number, arn: string, idempotencyKey: string] {
  return decodeKey(key) as [number, string, string];
}

export function decodeOrdered(entry: RecordEntry): Row {
  const [, , sequence] = decodeKey(entry.key) as [string, string, number];
  const { header, payload } = decode(entry.value);
  return rowOf(header as unknown as Header, payload, sequence);
}

// --- lost letters

const LETTER_COUNT = encodeKey(['letters']);

export async function readLetterCount(records: Records): Promise<number> {
  const found = await records.get(SPACES.counts, LETTER_COUNT);
  return found ? Number(Buffer.from(found.value).toString()) : 0;
}

export function putLetterCount(count: number): Write {
  return { kind: 'put', space: SPACES.counts, key: LETTER_COUNT, value: Buffer.from(String(count)) };
}

export function putLetter(givenUpAt: number, header: Omit<LetterSummary, 'id'>, row: Row): Write[] {
  const key = encodeKey([givenUpAt, row.sequence]);
  const value = Buffer.from(JSON.stringify(header));
  return [
    { kind: 'put', space: SPACES.letters, key, value },
    { kind: 'put', space: SPACES.letterBodies, key, value: encodeRow(row) },
  ];
}

export function deleteLetter(key: Uint8Array): Write[] {
  return [
    { kind: 'delete', space: SPACES.letters, key },
    { kind: 'delete', space: SPACES.letterBodies, key },
  ];
}

/** Letters after one, and of a time. */
export function letterRange({ after, from, to }: LetterFilter & { readonly after?: string }, limit: number): KeyRange {
  const start = after === undefined ? undefined : Buffer.concat([letterKey(after), Buffer.of(0)]);
  const first = encodeKey([from ?? 0]);
  return {
    from: start && Buffer.compare(start, first) > 0 ? start : first,
    ...(to !== undefined && { to: encodeKey([to]) }),
    limit,
  };
}

export function letterKey(id: string): Uint8Array {
  return Buffer.from(id, 'base64url');
}

/** Before every letter given up at `at` or later. */
export function letterKeyAt(at: number): Uint8Array {
  return encodeKey([at]);
}

export function letterId(key: Uint8Array): string {
  return Buffer.from(key).toString('base64url');
}

export function decodeLetter({ key, value }: RecordEntry): LetterSummary {
  return { id: letterId(key), ...JSON.parse(Buffer.from(value).toString()) };
}

export function decodeLetterBody({ key, value }: RecordEntry): Row {
  const [, sequence] = decodeKey(key) as [number, number];
  const { header, payload } = decode(value);
  return rowOf(header as unknown as Header, payload, sequence);
}

function dueKey(arn: string, { dueAt, sequence }: { readonly dueAt: number; readonly sequence: number }): Uint8Array {
  return encodeKey([arn, dueAt, sequence]);
}

function encodeRow({ delivery, sentAt, attempts, uncounted, dueAt }: Row): Buffer {
  const { payload, ...rest } = delivery;
  const header: Header = { ...rest, sentAt, attempts, dueAt, ...(uncounted > 0 && { uncounted }) };
  return encode(header, payload);
}

function rowOf(header: Header, payload: Uint8Array, sequence: number): Row {
  const { sentAt, attempts, uncounted = 0, dueAt, ...delivery } = header;
  return { sequence, dueAt, sentAt, attempts, uncounted, delivery: { ...delivery, payload } };
}

function encode(header: object, payload: Uint8Array = new Uint8Array(0)): Buffer {
  const text = Buffer.from(JSON.stringify(header));
  const value = Buffer.allocUnsafe(5 + text.length + payload.length);
  value[0] = VERSION;
  value.writeUInt32BE(text.length, 1);
  text.copy(value, 5);
  value.set(payload, 5 + text.length);
  return value;
}

function decode(value: Uint8Array): { header: Readonly<Record<string, unknown>>; payload: Uint8Array } {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  const end = 5 + bytes.readUInt32BE(1);
  return { header: JSON.parse(bytes.toString('utf8', 5, end)), payload: bytes.subarray(end) };
}
