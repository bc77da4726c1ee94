import { DomainError } from '../base/index.ts';
import { decodeKey, encodeKey, keyRange } from '../codec/index.ts';
import type { KeyRange, RecordEntry, RecordKey, Write } from '../store/index.ts';
import { DELIVERY_LIMITS, type Delivery } from './delivery.ts';

/**
 * The outbox on disk. Spaces of the records store, keys as tuples:
 *
 * | space                    | key                    | value                                                       |
 * |--------------------------|------------------------|-------------------------------------------------------------|
 * | `delivery-due`           | edge, due ms, sequence | a delivery, or the name of an ordering group whose turn it is |
 * | `delivery-ordered`       | edge, group, sequence  | a delivery that waits in its group                          |
 * | `delivery-keys`          | arn, idempotency key   | when it expires, ms                                         |
 * | `delivery-keys-due`      | expires ms, arn, key   | nothing: for forgetting                                     |
 * | `delivery-sequence`      |                        | see Sequence                                                |
 * | `delivery-letters`       | given up ms, sequence  | a lost letter without its payload and attributes: letter-rows.ts |
 * | `delivery-letter-bodies` | the same               | the delivery that it was                                    |
 * | `delivery-counts`        | what                   | numbers and the time, as last noted: checkpoints.ts         |
 *
 * An edge is named after its ARN, or is one for all ARNs of a kind of target. Times are those of the {@link Timeline}. A value
 * is its version (1 B), the header's length (4 B, big-endian), the header (JSON), and the payload.
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
  /** The edge that it belongs to. */
  readonly edge: string;
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

type Header = Omit<Delivery, 'payload' | 'id'> & {
  readonly sentAt: number;
  readonly attempts: number;
  readonly uncounted?: number;
  readonly dueAt: number;
};

/** The group of a row within its edge; `undefined` for one without order. Where ARNs share an edge, each has its own groups. */
export function groupOf({ edge, delivery: { arn, orderingGroup } }: Row): string | undefined {
  return orderingGroup === undefined || edge === arn ? orderingGroup : `${arn} ${orderingGroup}`;
}

/** What puts a row that is new. @throws delivery-too-large: its attributes have more than `attributesBytesMax` bytes */
export function insert(row: Row, attributesBytesMax: number = Number.POSITIVE_INFINITY): Write[] {
  const value = encodeRow(row, attributesBytesMax);
  const group = groupOf(row);
  if (group === undefined) return [{ kind: 'put', space: SPACES.due, key: dueKey(row.edge, row), value }];
  const key = encodeKey([row.edge, group, row.sequence]);
  return [{ kind: 'put', space: SPACES.ordered, key, value }, putTurn(row.edge, group, row)];
}

export function putDue(row: Row): Write {
  return { kind: 'put', space: SPACES.due, key: dueKey(row.edge, row), value: encodeRow(row) };
}

export function putOrdered(row: Row, group: string): Write {
  const key = encodeKey([row.edge, group, row.sequence]);
  return { kind: 'put', space: SPACES.ordered, key, value: encodeRow(row) };
}

export function deleteOrdered(row: Row, group: string): Write {
  return { kind: 'delete', space: SPACES.ordered, key: encodeKey([row.edge, group, row.sequence]) };
}

/** Gives a group its turn at `dueAt`. Named after the row that caused it: the same turn twice is one. */
export function putTurn(
  edge: string,
  group: string,
  turn: { readonly sequence: number; readonly dueAt: number },
): Write {
  return { kind: 'put', space: SPACES.due, key: dueKey(edge, turn), value: encode(JSON.stringify({ group })) };
}

export function deleteDue(edge: string, entry: { readonly sequence: number; readonly dueAt: number }): Write {
  return { kind: 'delete', space: SPACES.due, key: dueKey(edge, entry) };
}

/** Where an entry of `delivery-due` stands among those of its edge. */
export interface DuePlace {
  readonly sequence: number;
  readonly dueAt: number;
}

/** What is due by `now`. @param after  only what stands after it */
export function dueRange(edge: string, limit: number, now: number, after?: DuePlace): KeyRange {
  const from = after ? Buffer.concat([dueKey(edge, after), Buffer.of(0)]) : keyRange([edge]).from;
  return { from, to: encodeKey([edge, now + 1]), limit };
}

/** What is due next after `now`. */
export function nextDueRange(edge: string, now: number): KeyRange {
  return { from: encodeKey([edge, now + 1]), to: keyRange([edge]).to, limit: 1 };
}

export function orderedRange(edge: string, group: string, limit: number): KeyRange {
  return { ...keyRange([edge, group]), limit };
}

/** Entries of groups after `after`, of all edges: for finding all groups there are. */
export function groupsRange(after: GroupName | undefined, limit: number, bytesMax: number): KeyRange {
  return { ...(after && { from: keyRange([after.edge, after.group]).to }), limit, bytesMax };
}

export interface GroupName {
  readonly edge: string;
  readonly group: string;
}

/** The group of an entry of `delivery-ordered`. */
export function groupNameOf(entry: RecordEntry): GroupName {
  const [edge, group] = decodeKey(entry.key) as [string, string, number];
  return { edge, group };
}

/** Where the turn of {@link putTurn} stands. */
export function turnKey(edge: string, turn: DuePlace): RecordKey {
  return { space: SPACES.due, key: dueKey(edge, turn) };
}

/** The first entry of an edge after `edge`: for finding all there are without reading them all. */
export function nextEdgeRange(edge: string | undefined): KeyRange {
  return edge === undefined ? { limit: 1 } : { from: keyRange([edge]).to, limit: 1 };
}

export function edgeOf(entry: RecordEntry): string {
  return decodeKey(entry.key)[0] as string;
}

export function dueAtOf(entry: RecordEntry): number {
  return decodeKey(entry.key)[1] as number;
}

export function decodeDue(entry: RecordEntry): DueEntry {
  const [edge, dueAt, sequence] = decodeKey(entry.key) as [string, number, number];
  const { header, payload } = decode(entry.value);
  if ('group' in header) return { kind: 'group', group: header.group as string, sequence, dueAt };
  return deliveryEntry(rowOf({ ...(header as unknown as Header), dueAt }, payload, edge, sequence));
}

/** A row as it lies in a window. */
export function entryOf(row: Row): DueEntry {
  const group = groupOf(row);
  return group === undefined ? deliveryEntry(row) : { kind: 'group', group, sequence: row.sequence, dueAt: row.dueAt };
}

export function decodeOrdered(entry: RecordEntry): Row {
  const [edge, , sequence] = decodeKey(entry.key) as [string, string, number];
  const { header, payload } = decode(entry.value);
  return rowOf(header as unknown as Header, payload, edge, sequence);
}

export function encodeRow(row: Row, attributesBytesMax: number = Number.POSITIVE_INFINITY): Buffer {
  const { payload, attributes, id: _, ...rest } = row.delivery;
  const { sentAt, attempts, uncounted, dueAt } = row;
  const own: Header = { ...rest, sentAt, attempts, dueAt, ...(uncounted > 0 && { uncounted }) };
  const header = JSON.stringify(own);
  if (attributes === undefined) return encode(header, payload);
  const text = JSON.stringify(attributes);
  if (text.length > attributesBytesMax || Buffer.byteLength(text) > attributesBytesMax) {
    const most = DELIVERY_LIMITS.attributesBytesMax;
    throw new DomainError('delivery-too-large', `the attributes of a delivery have more than ${most} bytes`);
  }
  return encode(`${header.slice(0, -1)},"attributes":${text}}`, payload);
}

/** @param entry  of a space whose values are rows */
export function decodeRow(entry: RecordEntry, edge: string, sequence: number): Row {
  const { header, payload } = decode(entry.value);
  return rowOf(header as unknown as Header, payload, edge, sequence);
}

function deliveryEntry(row: Row): DueEntry {
  const sizeBytes = row.delivery.payload.length + 512;
  return { kind: 'delivery', row, sequence: row.sequence, dueAt: row.dueAt, sizeBytes };
}

function dueKey(edge: string, { dueAt, sequence }: { readonly dueAt: number; readonly sequence: number }): Uint8Array {
  return encodeKey([edge, dueAt, sequence]);
}

function rowOf(header: Header, payload: Uint8Array, edge: string, sequence: number): Row {
  const { sentAt, attempts, uncounted = 0, dueAt, ...delivery } = header;
  return { edge, sequence, dueAt, sentAt, attempts, uncounted, delivery: { ...delivery, payload } };
}

function encode(header: string, payload: Uint8Array = new Uint8Array(0)): Buffer {
  const length = Buffer.byteLength(header);
  const value = Buffer.allocUnsafe(5 + length + payload.length);
  value[0] = VERSION;
  value.writeUInt32BE(length, 1);
  value.write(header, 5);
  value.set(payload, 5 + length);
  return value;
}

/** @throws DomainError `format-too-new`: a later release wrote it (S4) */
function decode(value: Uint8Array): { header: Readonly<Record<string, unknown>>; payload: Uint8Array } {
  if (value[0] !== VERSION) {
    const message = `a delivery has format ${value[0]}; this release reads format ${VERSION}: use a newer one`;
    throw new DomainError('format-too-new', message);
  }
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  const end = 5 + bytes.readUInt32BE(1);
  return { header: JSON.parse(bytes.toString('utf8', 5, end)), payload: bytes.subarray(end) };
}
