import { assert } from '../../base/index.ts';
import type { PublishFrame } from './encode.ts';
import { varintSize, writeVarint } from './writer.ts';

/** Identifier and value of the topic alias property. */
const ALIAS_BYTES = 3;
const TOPIC_ALIAS = 35;

/**
 * An encoded MQTT 5 PUBLISH with a topic alias, for one connection: beside its topic where that sets the alias, instead of it where the
 * alias is set already (3.3.2.3.4). The rest is copied as it is.
 *
 * @param frame  without a topic alias
 */
export function aliasedFrame({ bytes, packetIdAt }: PublishFrame, alias: number, isSet: boolean): PublishFrame {
  const body = afterVarint(bytes, 1);
  const topicEnd = body + 2 + bytes.readUInt16BE(body);
  const propertiesAt = packetIdAt > 0 ? packetIdAt + 2 : topicEnd;
  const rest = afterVarint(bytes, propertiesAt);
  const propertiesLength = readVarint(bytes, propertiesAt) + ALIAS_BYTES;
  const topicBytes = isSet ? 2 : topicEnd - body;
  const idBytes = propertiesAt - topicEnd;
  const remaining = topicBytes + idBytes + varintSize(propertiesLength) + ALIAS_BYTES + (bytes.length - rest);
  const aliased = Buffer.allocUnsafe(1 + varintSize(remaining) + remaining);
  aliased[0] = bytes[0]!;
  let at = writeVarint(aliased, 1, remaining);
  if (isSet) at = aliased.writeUInt16BE(0, at);
  else at += bytes.copy(aliased, at, body, topicEnd);
  const idAt = at;
  at += bytes.copy(aliased, at, topicEnd, propertiesAt);
  at = writeVarint(aliased, at, propertiesLength);
  aliased[at++] = TOPIC_ALIAS;
  at = aliased.writeUInt16BE(alias, at);
  at += bytes.copy(aliased, at, rest);
  assert(at === aliased.length, 'an aliased PUBLISH has the length that it says');
  return { bytes: aliased, packetIdAt: packetIdAt > 0 ? idAt : 0, queues: 0 };
}

/** The topic of an encoded PUBLISH, as bytes read one to one: a key, not text to show. */
export function topicKeyOf({ bytes }: PublishFrame): string {
  const body = afterVarint(bytes, 1);
  return bytes.toString('latin1', body + 2, body + 2 + bytes.readUInt16BE(body));
}

function afterVarint(bytes: Buffer, at: number): number {
  let end = at;
  while (bytes[end]! >= 0x80) end++;
  return end + 1;
}

function readVarint(bytes: Buffer, at: number): number {
  let value = 0;
  for (let i = at, shift = 0; ; i++, shift += 7) {
    value += (bytes[i]! & 0x7f) << shift;
    if (bytes[i]! < 0x80) return value;
  }
}
