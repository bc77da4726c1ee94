/**
 * Lost letters on disk: what a list shows of one stands apart from the delivery that it was, so that lists, and looking for
 * what is too old, read little.
 */
import { decodeKey, encodeKey } from '../codec/index.ts';
import type { KeyRange, RecordEntry, Write } from '../store/index.ts';
import type { LetterSummary } from './delivery.ts';
import { decodeRow, encodeRow, type Row, SPACES } from './rows.ts';

/** What is written of a letter beside its body. */
interface LetterHeader extends Omit<LetterSummary, 'id'> {
  /** Bytes that it takes on disk, about. */
  readonly sizeBytes: number;
}

/** A letter as a list finds it. */
export interface StoredLetter {
  readonly summary: LetterSummary;
  readonly sizeBytes: number;
}

/** @param at  when it was given up, by the timeline */
export function putLetter(
  at: number,
  header: Omit<LetterHeader, 'sizeBytes'>,
  row: Row,
): { readonly writes: Write[]; readonly sizeBytes: number } {
  const key = encodeKey([at, row.sequence]);
  const body = encodeRow(row);
  const sizeBytes = body.length + 1024;
  const value = Buffer.from(JSON.stringify({ ...header, sizeBytes } satisfies LetterHeader));
  const writes: Write[] = [
    { kind: 'put', space: SPACES.letters, key, value },
    { kind: 'put', space: SPACES.letterBodies, key, value: body },
  ];
  return { writes, sizeBytes };
}

export function deleteLetter(id: string): Write[] {
  const key = letterKey(id);
  return [
    { kind: 'delete', space: SPACES.letters, key },
    { kind: 'delete', space: SPACES.letterBodies, key },
  ];
}

export function letterRange(after: string | undefined, limit: number): KeyRange {
  return { ...(after !== undefined && { from: Buffer.concat([letterKey(after), Buffer.of(0)]) }), limit };
}

export function letterKey(id: string): Uint8Array {
  return Buffer.from(id, 'base64url');
}

/** When it was given up, by the timeline. */
export function letterTime(id: string): number {
  return decodeKey(letterKey(id))[0] as number;
}

/** The sequence number of the delivery that it was. */
export function letterSequence(id: string): number {
  return decodeKey(letterKey(id))[1] as number;
}

export function decodeLetter({ key, value }: RecordEntry): StoredLetter {
  const { sizeBytes, ...rest } = JSON.parse(Buffer.from(value).toString()) as LetterHeader;
  return { summary: { id: Buffer.from(key).toString('base64url'), ...rest }, sizeBytes };
}

export function decodeLetterBody(entry: RecordEntry): Row {
  const [, sequence] = decodeKey(entry.key) as [number, number];
  return decodeRow(entry, '', sequence);
}
