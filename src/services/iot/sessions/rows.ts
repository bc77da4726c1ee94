import { messageOf } from '../../../base/index.ts';
import * as mqtt from '../../../codec/mqtt/index.ts';
import type { RecordEntry, Records, Write } from '../../../store/index.ts';
import type { LastingProof } from '../access/access.ts';
import type { Subscription } from '../broker/subscriptions.ts';
import { IotError } from '../errors.ts';

/**
 * Durable sessions on disk. A session has a number that no other has had, so that a new session of a client never meets rows of
 * the one before.
 *
 * | space                 | key                       | value                                                                |
 * |-----------------------|---------------------------|----------------------------------------------------------------------|
 * | `iot.sessions`        | client id                 | the session: {@link SessionRow}, JSON                                 |
 * | `iot.session-filters` | number, filter            | a subscription: {@link FilterRow}, JSON                              |
 * | `iot.session-queue`   | number, ordinal           | a message that the client is to receive: {@link MessageRow}, see below |
 * | `iot.session-inbound` | number, packet identifier | a message of QoS 2 that the client has published and not released     |
 * | `iot.session-graves`  | number                    | a session that is over and whose rows are still to be deleted: a format, 2, and {@link Grave.sentTo}, float64; 1 is without it |
 *
 * Numbers and ordinals are 8 bytes, big endian. A message:
 *
 *     0   format, 1; 2 of a message that came by a shared subscription
 *     1   1 when the client has received the message and is to release its identifier: nothing follows the header then
 *     2   when it was queued, epoch milliseconds, float64
 *     10  bytes of all rows the session has ever had up to this one: what is queued is a difference, float64
 *     18  message expiry interval, seconds, uint32; 2^32-1 when there is none
 *     22  where the packet identifier stands in the packet, uint16
 *     24  in format 2: bytes of the shared filter, uint16, and the filter `$share/GROUP/FILTER`
 *         the PUBLISH packet, MQTT 5
 */
export const SPACES = {
  sessions: 'iot.sessions',
  filters: 'iot.session-filters',
  queue: 'iot.session-queue',
  inbound: 'iot.session-inbound',
  graves: 'iot.session-graves',
} as const;

const FORMAT = 1;
/** Of messages of shared subscriptions, and of graves that tell what was sent. */
const FORMAT_SHARED = 2;
const HEADER_BYTES = 24;
const NO_EXPIRY = 0xffffffff;
const PAGE = 1_000;

/** A session as it stands on disk. */
export interface SessionRow {
  readonly format: number;
  readonly number: number;
  /** Seconds after the end of its connection at which it ends; 0 ends with the connection. */
  readonly expirySeconds: number;
  /** Epoch milliseconds; absent while the client is connected. */
  readonly disconnectedAt?: number;
  /** Messages below this ordinal may have been sent; absent while the client is connected: all may have been. */
  readonly sentTo?: number;
  readonly principal?: string;
  readonly will?: WillRow;
  /** Of the client whose will it is: asked before a will that was delayed is published. */
  readonly proof?: LastingProof;
}

export interface WillRow {
  /** The PUBLISH of the will, base64. */
  readonly packet: string;
  readonly delaySeconds: number;
}

interface FilterRow {
  readonly format: number;
  readonly qos: mqtt.Qos;
  readonly noLocal?: true;
  readonly retainAsPublished?: true;
  readonly identifier?: number;
}

/** A message that a client is to receive. */
export interface MessageRow {
  readonly ordinal: number;
  /** Bytes of its value. */
  readonly bytes: number;
  /** It was received: only its identifier is still to be released. */
  readonly isReleased: boolean;
  readonly queuedAt: number;
  readonly totalBytes: number;
  readonly expirySeconds: number | undefined;
  /** The shared subscription that it came by. */
  readonly sharedFilter: string | undefined;
  /** MQTT 5; empty when it is released. */
  readonly frame: mqtt.PublishFrame;
}

const NO_FRAME: mqtt.PublishFrame = { bytes: Buffer.alloc(0), packetIdAt: 0, queues: 0 };

/** Bytes that a message takes in its queue. */
export const messageBytes = (frame: mqtt.PublishFrame, sharedFilter?: string) =>
  HEADER_BYTES + filterBytes(sharedFilter) + frame.bytes.length;

const filterBytes = (filter: string | undefined) => (filter === undefined ? 0 : 2 + Buffer.byteLength(filter));

export function putMessage(session: number, row: Omit<MessageRow, 'bytes' | 'isReleased'>): Write {
  const { frame, sharedFilter } = row;
  const value = Buffer.allocUnsafe(messageBytes(frame, sharedFilter));
  writeHeader(value, row, false);
  value.writeUInt16BE(frame.packetIdAt, 22);
  if (sharedFilter !== undefined) {
    value[0] = FORMAT_SHARED;
    value.writeUInt16BE(value.write(sharedFilter, HEADER_BYTES + 2), HEADER_BYTES);
  }
  value.set(frame.bytes, value.length - frame.bytes.length);
  return { kind: 'put', space: SPACES.queue, key: keyOf(session, row.ordinal), value };
}

/** In the place of the message: the client has it. */
export function putReleased(session: number, row: Pick<MessageRow, 'ordinal' | 'queuedAt' | 'totalBytes'>): Write {
  const value = Buffer.alloc(HEADER_BYTES);
  writeHeader(value, { ...row, expirySeconds: undefined }, true);
  return { kind: 'put', space: SPACES.queue, key: keyOf(session, row.ordinal), value };
}

export function deleteMessage(session: number, ordinal: number): Write {
  return { kind: 'delete', space: SPACES.queue, key: keyOf(session, ordinal) };
}

function writeHeader(
  value: Buffer,
  row: Pick<MessageRow, 'queuedAt' | 'totalBytes' | 'expirySeconds'>,
  isReleased: boolean,
): void {
  value[0] = FORMAT;
  value[1] = isReleased ? 1 : 0;
  value.writeDoubleBE(row.queuedAt, 2);
  value.writeDoubleBE(row.totalBytes, 10);
  value.writeUInt32BE(row.expirySeconds ?? NO_EXPIRY, 18);
  value.writeUInt16BE(0, 22);
}

function readMessage({ key, value }: RecordEntry): MessageRow {
  const bytes = bufferOf(value);
  const isShared = bytes[0] === FORMAT_SHARED;
  if (!isShared) checkFormat(bytes[0], 'a queued message');
  const frameAt = isShared ? HEADER_BYTES + 2 + bytes.readUInt16BE(HEADER_BYTES) : HEADER_BYTES;
  const expirySeconds = bytes.readUInt32BE(18);
  const isReleased = bytes[1] === 1;
  return {
    ordinal: numberAt(bufferOf(key), 8),
    bytes: bytes.length,
    isReleased,
    queuedAt: bytes.readDoubleBE(2),
    totalBytes: bytes.readDoubleBE(10),
    expirySeconds: expirySeconds === NO_EXPIRY ? undefined : expirySeconds,
    sharedFilter: isShared ? bytes.toString('utf8', HEADER_BYTES + 2, frameAt) : undefined,
    frame: isReleased ? NO_FRAME : { bytes: bytes.subarray(frameAt), packetIdAt: bytes.readUInt16BE(22), queues: 0 },
  };
}

/** The packet of a stored frame. @throws IotError unavailable  it is damaged */
export function packetOf(frame: Pick<mqtt.PublishFrame, 'bytes'>): mqtt.PublishPacket {
  const decoder = new mqtt.PacketDecoder({
    version: 5,
    packetBytesMax: frame.bytes.length,
    // It names as many subscriptions as have matched.
    repeatedMax: Number.POSITIVE_INFINITY,
  });
  decoder.push(frame.bytes);
  try {
    const packet = decoder.next();
    if (packet?.type === 'publish') return packet;
  } catch (error) {
    throw new IotError('unavailable', `a stored message is damaged: ${messageOf(error)}`, { cause: error });
  }
  throw new IotError('unavailable', 'a stored message is damaged');
}

/** A session that is over. */
export interface Grave {
  readonly session: number;
  /** Messages below this ordinal may have been sent to its client. */
  readonly sentTo: number;
}

export function putSession(clientId: string, row: Omit<SessionRow, 'format'>): Write {
  const value = Buffer.from(JSON.stringify({ format: FORMAT, ...row } satisfies SessionRow));
  return { kind: 'put', space: SPACES.sessions, key: Buffer.from(clientId), value };
}

/** Ends a session: its client has none now, and its rows are to be deleted. */
export function burySession(clientId: string, grave: Grave): Write[] {
  return [{ kind: 'delete', space: SPACES.sessions, key: Buffer.from(clientId) }, digGrave(grave)];
}

/** Has the rows of a session that is over deleted. */
export function digGrave({ session, sentTo }: Grave): Write {
  const value = Buffer.alloc(9, FORMAT_SHARED);
  value.writeDoubleBE(sentTo, 1);
  return { kind: 'put', space: SPACES.graves, key: keyOf(session), value };
}

export function putFilter(session: number, subscription: Omit<Subscription, 'subscriber'>): Write {
  const { filter, qos, noLocal, retainAsPublished, identifier } = subscription;
  const row: FilterRow = {
    format: FORMAT,
    qos,
    ...(noLocal && { noLocal }),
    ...(retainAsPublished && { retainAsPublished }),
    ...(identifier !== undefined && { identifier }),
  };
  return {
    kind: 'put',
    space: SPACES.filters,
    key: filterKey(session, filter),
    value: Buffer.from(JSON.stringify(row)),
  };
}

export function deleteFilter(session: number, filter: string): Write {
  return { kind: 'delete', space: SPACES.filters, key: filterKey(session, filter) };
}

export function putInbound(session: number, packetId: number): Write {
  return { kind: 'put', space: SPACES.inbound, key: keyOf(session, packetId), value: Buffer.of(FORMAT) };
}

export function deleteInbound(session: number, packetId: number): Write {
  return { kind: 'delete', space: SPACES.inbound, key: keyOf(session, packetId) };
}

/** Messages from one ordinal to before another, in order. */
export async function readMessages(
  records: Records,
  session: number,
  [from, to]: readonly [from: number, to: number],
  limit: number,
): Promise<readonly MessageRow[]> {
  const range = { from: keyOf(session, from), to: keyOf(session, to), limit };
  return (await records.range(SPACES.queue, range)).map(readMessage);
}

/** The first and the last message of a queue. */
export interface QueueEnds {
  readonly first: MessageRow;
  readonly last: MessageRow;
}

/**
 * The queues that are not empty, of sessions from one number to before another: two reads for each of them, and none for the
 * others, of which there may be many.
 */
export async function* readQueues(
  records: Records,
  [from, to]: readonly [from: number, to: number],
): AsyncGenerator<readonly [session: number, ends: QueueEnds]> {
  const end = keyOf(to);
  for (let next = from; ; ) {
    const [first] = await records.range(SPACES.queue, { from: keyOf(next), to: end, limit: 1 });
    if (!first) return;
    const session = numberAt(bufferOf(first.key), 0);
    next = session + 1;
    const range = { from: first.key, to: keyOf(next), limit: 1, reverse: true };
    const [last] = await records.range(SPACES.queue, range);
    yield [session, { first: readMessage(first), last: readMessage(last ?? first) }];
  }
}

export async function* readSessions(records: Records): AsyncGenerator<readonly [clientId: string, row: SessionRow]> {
  for await (const { key, value } of readAll(records, SPACES.sessions)) {
    const row = JSON.parse(bufferOf(value).toString()) as SessionRow;
    checkFormat(row.format, 'a session');
    yield [bufferOf(key).toString(), row];
  }
}

export async function* readFilters(
  records: Records,
): AsyncGenerator<readonly [session: number, subscription: Omit<Subscription, 'subscriber'>]> {
  for await (const { key, value } of readAll(records, SPACES.filters)) {
    const {
      format,
      qos,
      noLocal = false,
      retainAsPublished = false,
      identifier,
    } = JSON.parse(bufferOf(value).toString()) as FilterRow;
    checkFormat(format, 'a subscription');
    const bytes = bufferOf(key);
    const filter = bytes.toString('utf8', 8);
    const subscription = { filter, qos, noLocal, retainAsPublished };
    yield [numberAt(bytes, 0), identifier === undefined ? subscription : { ...subscription, identifier }];
  }
}

export async function* readInbound(records: Records): AsyncGenerator<readonly [session: number, packetId: number]> {
  for await (const { key } of readAll(records, SPACES.inbound)) {
    const bytes = bufferOf(key);
    yield [numberAt(bytes, 0), numberAt(bytes, 8)];
  }
}

export async function* readGraves(records: Records): AsyncGenerator<Grave> {
  for await (const { key, value } of readAll(records, SPACES.graves)) {
    const session = numberAt(bufferOf(key), 0);
    const isWhole = value[0] === FORMAT_SHARED;
    if (!isWhole) checkFormat(value[0], 'the end of a session');
    yield { session, sentTo: isWhole ? bufferOf(value).readDoubleBE(1) : Number.POSITIVE_INFINITY };
  }
}

/** Deletes what a session that is over has left, its grave last. */
export async function deleteRemains(records: Records, session: number): Promise<void> {
  for (const space of [SPACES.queue, SPACES.filters, SPACES.inbound]) {
    for (;;) {
      const page = await records.range(space, { from: keyOf(session), to: keyOf(session + 1), limit: PAGE });
      if (page.length > 0) await records.commit({ writes: page.map(({ key }) => ({ kind: 'delete', space, key })) });
      if (page.length < PAGE) break;
    }
  }
  await records.commit({ writes: [{ kind: 'delete', space: SPACES.graves, key: keyOf(session) }] });
}

async function* readAll(records: Records, space: string): AsyncGenerator<RecordEntry> {
  for (let from: Uint8Array = new Uint8Array(0); ; ) {
    const page = await records.range(space, { from, limit: PAGE });
    yield* page;
    if (page.length < PAGE) return;
    from = Buffer.concat([page.at(-1)!.key, Buffer.of(0)]);
  }
}

function checkFormat(format: number | undefined, what: string): void {
  if (format === FORMAT) return;
  throw new IotError(
    'unavailable',
    `${what} has format ${format}; this release reads format ${FORMAT}: use a newer one`,
  );
}

function keyOf(session: number, then?: number): Buffer {
  const key = Buffer.allocUnsafe(then === undefined ? 8 : 16);
  writeNumber(key, session, 0);
  if (then !== undefined) writeNumber(key, then, 8);
  return key;
}

function filterKey(session: number, filter: string): Buffer {
  const key = Buffer.allocUnsafe(8 + Buffer.byteLength(filter));
  writeNumber(key, session, 0);
  key.write(filter, 8);
  return key;
}

function writeNumber(key: Buffer, value: number, at: number): void {
  key.writeUInt32BE(Math.floor(value / 2 ** 32), at);
  key.writeUInt32BE(value % 2 ** 32, at + 4);
}

function numberAt(key: Buffer, at: number): number {
  return key.readUInt32BE(at) * 2 ** 32 + key.readUInt32BE(at + 4);
}

const bufferOf = ({ buffer, byteOffset, byteLength }: Uint8Array) => Buffer.from(buffer, byteOffset, byteLength);
