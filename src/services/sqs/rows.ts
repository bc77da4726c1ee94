import { DomainError } from '../../base/index.ts';
import { decodeKey, encodeKey, keyRange } from '../../codec/index.ts';
import type { Condition, RecordEntry, Records, Write } from '../../store/index.ts';
import type { Attributes, AttributeValue } from './digest.ts';
import { type Entry, type Lease, type Message, newEntry, type Place } from './message.ts';

/**
 * A queue on disk: a space of the records store for each life of a queue (a purge begins a new one), keys as tuples:
 *
 * | key                                   | value                                                           |
 * |---------------------------------------|-----------------------------------------------------------------|
 * | `m`, delayed until (ms or 0), sequence | a message: version (1 B), header length (4 B), header, body     |
 * | `l`, delayed until, sequence          | its lease (JSON), once it was received                          |
 * | `x`, deduplication key                | what was sent under it (JSON)                                   |
 * | `c`                                   | how many messages there are (JSON), written with each change    |
 */
export class Rows {
  readonly space: string;
  readonly #records: Records;

  constructor(records: Records, space: string) {
    this.#records = records;
    this.space = space;
  }

  put(place: Place, message: Message): Write {
    return this.#put(encodeKey(['m', place.delayUntil, place.sequence]), encodeMessage(message));
  }

  delete(entry: Place & { readonly leased: boolean }): Write[] {
    const message = this.#delete(encodeKey(['m', entry.delayUntil, entry.sequence]));
    return entry.leased ? [message, this.#delete(leaseKey(entry))] : [message];
  }

  isPresent({ delayUntil, sequence }: Place): Condition {
    return { space: this.space, key: encodeKey(['m', delayUntil, sequence]), is: 'present' };
  }

  lease(entry: Entry): Write {
    const { visibleAt, receiveCount, firstReceivedAt } = entry;
    return this.#put(leaseKey(entry), json({ visibleAt, receiveCount, firstReceivedAt }));
  }

  deduplication(key: string, value: Deduplication): Write {
    return this.#put(encodeKey(['x', key]), json(value));
  }

  forgetDeduplication(key: string): Write {
    return this.#delete(encodeKey(['x', key]));
  }

  count(value: Tally): Write {
    return this.#put(COUNT_KEY, json({ messages: value.messages, delayed: value.delayed }));
  }

  async readCount(): Promise<Tally> {
    const found = await this.#records.get(this.space, COUNT_KEY);
    const { messages = 0, delayed } = found ? (parse(found.value) as Partial<Tally>) : { delayed: 0 };
    // An earlier release did not count them.
    return { messages, delayed: delayed ?? (await this.#countDelayed()) };
  }

  /** When the last of the delayed messages may be seen; 0 when there is none. */
  async lastDelayedUntil(): Promise<number> {
    const { to } = keyRange(['m']);
    const [last] = await this.#records.range(this.space, {
      ...{ from: encodeKey(['m', 1]), to, limit: 1, reverse: true },
    });
    return last ? placeOf(last).delayUntil : 0;
  }

  /** Delayed messages, as far as one look shows them. */
  async #countDelayed(): Promise<number> {
    const { to } = keyRange(['m']);
    return (await this.#records.range(this.space, { from: encodeKey(['m', 1]), to, limit: 1000 })).length;
  }

  async readDeduplications(): Promise<Map<string, Deduplication>> {
    const found = new Map<string, Deduplication>();
    const { from, to } = keyRange(['x']);
    for (let start = from; ; ) {
      const page = await this.#records.range(this.space, { from: start, to, limit: 1000 });
      for (const { key, value } of page) found.set(decodeKey(key)[1] as string, parse(value) as Deduplication);
      if (page.length < 1000) return found;
      start = Buffer.concat([page.at(-1)!.key, Buffer.of(0)]);
    }
  }

  /** The message at a place; `undefined` when it was deleted. */
  async read({ delayUntil, sequence }: Place): Promise<Message | undefined> {
    const found = await this.#records.get(this.space, encodeKey(['m', delayUntil, sequence]));
    return found && decodeMessage(found.value);
  }

  async readLease(place: Place): Promise<Lease | undefined> {
    const found = await this.#records.get(this.space, leaseKey(place));
    return found && (parse(found.value) as Lease);
  }

  /** Messages from `from` to before `to`, in order, with their leases. */
  async page(from: Place, to: Place, limit: number): Promise<readonly Entry[]> {
    const range = (kind: string, last: Place) => ({
      from: encodeKey([kind, from.delayUntil, from.sequence]),
      to: encodeKey([kind, last.delayUntil, last.sequence]),
      limit,
    });
    const messages = await this.#records.range(this.space, range('m', to));
    if (messages.length === 0) return [];
    const end = placeOf(messages.at(-1)!);
    const leases = await this.#records.range(this.space, range('l', { ...end, sequence: end.sequence + 1 }));
    const leaseOf = new Map(leases.map((lease) => [placeOf(lease).sequence, parse(lease.value) as Lease]));
    return messages.map((entry) => {
      const place = placeOf(entry);
      return newEntry(place, decodeMessage(entry.value), leaseOf.get(place.sequence));
    });
  }

  #put(key: Uint8Array, value: Uint8Array): Write {
    return { kind: 'put', space: this.space, key, value };
  }

  #delete(key: Uint8Array): Write {
    return { kind: 'delete', space: this.space, key };
  }
}

/** How many messages stand on disk, and how many of those at a delayed place. */
export interface Tally {
  messages: number;
  delayed: number;
}

const COUNT_KEY = encodeKey(['c']);

/** What was sent under a deduplication key. */
export interface Deduplication {
  readonly messageId: string;
  readonly sequenceNumber: string;
  /** Epoch milliseconds. */
  readonly expiresAt: number;
}

const VERSION = 1;

type StoredAttribute = Omit<AttributeValue, 'BinaryValue'> & { readonly BinaryValue?: string };
type Header = Omit<Message, 'body' | 'attributes'> & {
  readonly attributes?: Readonly<Record<string, StoredAttribute>>;
};

export function encodeMessage({ body, attributes, ...rest }: Message): Buffer {
  const stored = Object.keys(attributes).length === 0 ? {} : { attributes: storeAttributes(attributes) };
  const header = JSON.stringify({ ...rest, ...stored } satisfies Header);
  const headerBytes = Buffer.byteLength(header);
  const value = Buffer.allocUnsafe(5 + headerBytes + Buffer.byteLength(body));
  value[0] = VERSION;
  value.writeUInt32BE(headerBytes, 1);
  value.write(header, 5);
  value.write(body, 5 + headerBytes);
  return value;
}

/** @throws DomainError `format-too-new`: a later release wrote it (S4) */
export function decodeMessage(value: Uint8Array): Message {
  if (value[0] !== VERSION) {
    const message = `a message has format ${value[0]}; this release reads format ${VERSION}: use a newer one`;
    throw new DomainError('format-too-new', message);
  }
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  const end = 5 + bytes.readUInt32BE(1);
  const { attributes, ...rest } = JSON.parse(bytes.toString('utf8', 5, end)) as Header;
  return { ...rest, attributes: attributes ? loadAttributes(attributes) : {}, body: bytes.toString('utf8', end) };
}

function storeAttributes(attributes: Attributes): Record<string, StoredAttribute> {
  return mapValues(attributes, ({ BinaryValue, ...rest }) =>
    BinaryValue ? { ...rest, BinaryValue: Buffer.from(BinaryValue).toString('base64') } : rest,
  );
}

function loadAttributes(stored: Readonly<Record<string, StoredAttribute>>): Attributes {
  return mapValues(stored, ({ BinaryValue, ...rest }) =>
    BinaryValue === undefined ? rest : { ...rest, BinaryValue: Buffer.from(BinaryValue, 'base64') },
  );
}

function mapValues<T, R>(record: Readonly<Record<string, T>>, map: (value: T) => R): Record<string, R> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, map(value)]));
}

function placeOf({ key }: RecordEntry): Place {
  const [, delayUntil, sequence] = decodeKey(key) as [string, number, number];
  return { delayUntil, sequence };
}

function leaseKey({ delayUntil, sequence }: Place): Uint8Array {
  return encodeKey(['l', delayUntil, sequence]);
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

function parse(value: Uint8Array): unknown {
  return JSON.parse(Buffer.from(value).toString());
}
