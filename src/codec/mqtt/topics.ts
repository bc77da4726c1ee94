/** Longest topic name or filter, bytes of UTF-8 (4.7.3). */
export const TOPIC_BYTES_MAX = 65_535;

/** True for a topic name one may publish to: not empty, no wildcard, no U+0000 (4.7.1, 4.7.3). */
export function isTopicName(topic: string): boolean {
  return topic.length > 0 && !/[+#\0]/.test(topic);
}

/** True for a topic filter: wildcards stand for whole levels, `#` only as the last (4.7.1). */
export function isTopicFilter(filter: string): boolean {
  if (filter.length === 0 || filter.includes('\0')) return false;
  const levels = filter.split('/');
  return levels.every(
    (level, index) =>
      level === '+' || (level === '#' && index === levels.length - 1) || !(level.includes('+') || level.includes('#')),
  );
}

/** True when `topic` matches `filter`; wildcards at the start do not match topics that begin with `$` [MQTT-4.7.2-1]. */
export function topicMatches(filter: string, topic: string): boolean {
  if (topic.startsWith('$') && /^[+#]/.test(filter)) return false;
  const wanted = filter.split('/');
  const levels = topic.split('/');
  for (let i = 0; i < wanted.length; i++) {
    if (wanted[i] === '#') return true;
    if (i >= levels.length || (wanted[i] !== '+' && wanted[i] !== levels[i])) return false;
  }
  return wanted.length === levels.length;
}

interface Slot {
  readonly bytes: Buffer;
  readonly topic: string;
}

/**
 * Turns the bytes of topic names into strings, the same string for the same bytes, so that a map finds it by a hash it already
 * has. Bounded (S5): 2 ** `sizePower` slots of topics up to 256 bytes; a collision replaces the older one.
 */
export class TopicCache {
  readonly #slots: (Slot | undefined)[];
  readonly #mask: number;

  constructor(sizePower = 14) {
    this.#slots = new Array<Slot | undefined>(2 ** sizePower).fill(undefined);
    this.#mask = 2 ** sizePower - 1;
  }

  /** The topic if its bytes are known, or plain ASCII without wildcards and U+0000; `undefined` leaves it to a full check. */
  lookup(buffer: Buffer, start: number, end: number): string | undefined {
    const length = end - start;
    if (length === 0 || length > 256) return undefined;
    let hash = length;
    for (let i = start; i < end; i++) {
      const byte = buffer[i]!;
      // `#` and `+` are refused by the slow path, which also reads what is not ASCII.
      if (byte === 0 || byte >= 0x80 || byte === 0x23 || byte === 0x2b) return undefined;
      hash = Math.imul(hash ^ byte, 0x01000193);
    }
    const index = (hash ^ (hash >>> 15)) & this.#mask;
    const slot = this.#slots[index];
    if (slot !== undefined && equal(slot.bytes, buffer, start, length)) return slot.topic;
    const topic = buffer.toString('latin1', start, end);
    this.#slots[index] = { bytes: Buffer.from(buffer.subarray(start, end)), topic };
    return topic;
  }
}

function equal(known: Buffer, buffer: Buffer, start: number, length: number): boolean {
  if (known.length !== length) return false;
  for (let i = 0; i < length; i++) if (known[i] !== buffer[start + i]) return false;
  return true;
}
