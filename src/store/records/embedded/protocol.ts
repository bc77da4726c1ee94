/**
 * What the records client and its SQLite worker say to each other: frames of requests one way, frames of answers the other.
 *
 *     request  id uint32, kind byte, then the members of the kind below in their order
 *     answer   id uint32, 0, result                           when it went well
 *              id uint32, 1, code text, message text, index   when it failed; index is 2^32-1 when there is none
 */
import { InternalError } from '../../../base/index.ts';
import type {
  Change,
  Condition,
  KeyRange,
  RecordEntry,
  RecordKey,
  RecordsErrorCode,
  Transaction,
  Write,
} from '../records.ts';
import type { FrameReader, FrameWriter } from './frames.ts';

export type ReadRequest =
  | { readonly kind: 'get'; readonly space: string; readonly key: Uint8Array }
  | { readonly kind: 'getAll'; readonly keys: readonly RecordKey[] }
  | { readonly kind: 'range'; readonly space: string; readonly range: KeyRange }
  | { readonly kind: 'changes'; readonly space: string; readonly after: number; readonly limit: number }
  | { readonly kind: 'latestChange'; readonly space: string };

export type WriteRequest =
  | { readonly kind: 'commit'; readonly transaction: Transaction }
  | { readonly kind: 'watchChanges'; readonly space: string }
  | { readonly kind: 'trimChanges'; readonly space: string; readonly through: number }
  | { readonly kind: 'dropSpace'; readonly space: string };

export type Request = ReadRequest | WriteRequest | { readonly kind: 'close' };

/** Why a request failed; `index` is the condition that did not hold. */
export interface Failure {
  readonly code: RecordsErrorCode;
  readonly message: string;
  readonly index?: number;
}

/** Id of the answer that says whether the database could be opened. */
export const OPENING_ID = 0;

const KINDS = [
  'get',
  'getAll',
  'range',
  'changes',
  'latestChange',
  'commit',
  'watchChanges',
  'trimChanges',
  'dropSpace',
  'close',
] as const satisfies readonly Request['kind'][];

const NO_INDEX = 0xffffffff;
const WRITE_KINDS = ['put', 'delete', 'deleteRange'] as const satisfies readonly Write['kind'][];
const CONDITION_KINDS = ['absent', 'present'] as const;
const CONDITION_VERSION = 2;

export function writeRequest(out: FrameWriter, id: number, request: Request): void {
  out.uint32(id).byte(KINDS.indexOf(request.kind));
  switch (request.kind) {
    case 'get':
      out.text(request.space).bytes(request.key);
      break;
    case 'getAll':
      out.uint32(request.keys.length);
      for (const { space, key } of request.keys) out.text(space).bytes(key);
      break;
    case 'range':
      out.text(request.space);
      writeRange(out, request.range);
      break;
    case 'changes':
      out.text(request.space).whole(request.after).uint32(request.limit);
      break;
    case 'commit':
      writeTransaction(out, request.transaction);
      break;
    case 'trimChanges':
      out.text(request.space).whole(request.through);
      break;
    case 'latestChange':
    case 'watchChanges':
    case 'dropSpace':
      out.text(request.space);
      break;
    case 'close':
      break;
  }
}

export function readRequest(from: FrameReader): { readonly id: number; readonly request: Request } {
  const id = from.uint32();
  const kind = KINDS[from.byte()];
  switch (kind) {
    case 'get':
      return { id, request: { kind, space: from.text(), key: from.bytes() } };
    case 'getAll':
      return { id, request: { kind, keys: readList(from, () => ({ space: from.text(), key: from.bytes() })) } };
    case 'range':
      return { id, request: { kind, space: from.text(), range: readRange(from) } };
    case 'changes':
      return { id, request: { kind, space: from.text(), after: from.whole(), limit: from.uint32() } };
    case 'commit':
      return { id, request: { kind, transaction: readTransaction(from) } };
    case 'trimChanges':
      return { id, request: { kind, space: from.text(), through: from.whole() } };
    case 'latestChange':
    case 'watchChanges':
    case 'dropSpace':
      return { id, request: { kind, space: from.text() } };
    case 'close':
      return { id, request: { kind } };
    default:
      throw new InternalError('unknown kind of request');
  }
}

export function writeFailure(out: FrameWriter, id: number, failure: Failure): void {
  out
    .uint32(id)
    .byte(1)
    .text(failure.code)
    .text(failure.message)
    .uint32(failure.index ?? NO_INDEX);
}

export function readFailure(from: FrameReader): Failure {
  const code = from.text() as RecordsErrorCode;
  const message = from.text();
  const index = from.uint32();
  return { code, message, ...(index === NO_INDEX ? {} : { index }) };
}

export function writeEntries(out: FrameWriter, entries: readonly RecordEntry[]): void {
  out.uint32(entries.length);
  for (const entry of entries) writeEntry(out, entry);
}

export function readEntries(from: FrameReader): RecordEntry[] {
  return readList(from, () => readEntry(from));
}

/** For some of which there may be none. */
export function writeFound(out: FrameWriter, found: readonly (RecordEntry | undefined)[]): void {
  out.uint32(found.length);
  for (const entry of found) {
    if (entry) writeEntry(out.byte(1), entry);
    else out.byte(0);
  }
}

export function readFound(from: FrameReader): (RecordEntry | undefined)[] {
  return readList(from, () => (from.byte() ? readEntry(from) : undefined));
}

function writeEntry(out: FrameWriter, { key, value, version }: RecordEntry): void {
  out.bytes(key).bytes(value).whole(version);
}

/** Copied out of the frame, so that a record that is kept does not keep all that came with it. */
function readEntry(from: FrameReader): RecordEntry {
  return { key: Buffer.from(from.bytes()), value: Buffer.from(from.bytes()), version: from.whole() };
}

export function writeChanges(out: FrameWriter, changes: readonly Change[]): void {
  out.uint32(changes.length);
  for (const { key, value, version } of changes) out.bytes(key).optionalBytes(value).whole(version);
}

export function readChanges(from: FrameReader): Change[] {
  return readList(from, () => {
    const key = Buffer.from(from.bytes());
    const value = from.optionalBytes();
    const version = from.whole();
    return value ? { version, key, value: Buffer.from(value) } : { version, key };
  });
}

function writeRange(out: FrameWriter, { from, to, reverse = false, limit, bytesMax = 0 }: KeyRange): void {
  out.optionalBytes(from).optionalBytes(to).byte(Number(reverse)).uint32(limit).whole(bytesMax);
}

function readRange(from: FrameReader): KeyRange {
  const [start, end] = [from.optionalBytes(), from.optionalBytes()];
  const [reverse, limit, bytesMax] = [from.byte() === 1, from.uint32(), from.whole()];
  return {
    ...(start && { from: start }),
    ...(end && { to: end }),
    reverse,
    limit,
    ...(bytesMax > 0 && { bytesMax }),
  };
}

function writeTransaction(out: FrameWriter, { conditions = [], writes }: Transaction): void {
  out.uint32(conditions.length);
  for (const condition of conditions) writeCondition(out, condition);
  out.uint32(writes.length);
  for (const write of writes) writeWrite(out, write);
}

function readTransaction(from: FrameReader): Transaction {
  return { conditions: readList(from, () => readCondition(from)), writes: readList(from, () => readWrite(from)) };
}

function writeCondition(out: FrameWriter, { space, key, is }: Condition): void {
  out.text(space).bytes(key);
  if (typeof is === 'number') out.byte(CONDITION_VERSION).whole(is);
  else out.byte(CONDITION_KINDS.indexOf(is));
}

function readCondition(from: FrameReader): Condition {
  const [space, key, kind] = [from.text(), from.bytes(), from.byte()];
  return { space, key, is: kind === CONDITION_VERSION ? from.whole() : CONDITION_KINDS[kind]! };
}

function writeWrite(out: FrameWriter, write: Write): void {
  out.byte(WRITE_KINDS.indexOf(write.kind)).text(write.space);
  switch (write.kind) {
    case 'put':
      out.bytes(write.key).bytes(write.value);
      break;
    case 'delete':
      out.bytes(write.key);
      break;
    case 'deleteRange':
      out.bytes(write.from).bytes(write.to);
      break;
  }
}

function readWrite(from: FrameReader): Write {
  const [kind, space] = [WRITE_KINDS[from.byte()]!, from.text()];
  switch (kind) {
    case 'put':
      return { kind, space, key: from.bytes(), value: from.bytes() };
    case 'delete':
      return { kind, space, key: from.bytes() };
    case 'deleteRange':
      return { kind, space, from: from.bytes(), to: from.bytes() };
  }
}

function readList<T>(from: FrameReader, read: () => T): T[] {
  const list = new Array<T>(from.uint32());
  for (let i = 0; i < list.length; i++) list[i] = read();
  return list;
}
