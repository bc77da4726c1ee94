import { MqttError, malformed, protocolError } from './errors.ts';
import { NO_PROPERTIES, type Packet, PacketType, type Properties, type UserProperty } from './packets.ts';
import type { PacketReader } from './reader.ts';
import { Reason } from './reasons.ts';
import type { PacketWriter } from './writer.ts';

/** Numbers of property lists (S5). */
export const PROPERTY_LIMITS = {
  /** User properties, and subscription identifiers, of one packet: each becomes objects many times its size. AWS takes 8 KB of them. */
  repeatedMax: 500,
} as const;

/** Where a property list stands: a packet, or the will inside a CONNECT. */
export type PropertyPlace = Packet['type'] | 'will';

type Kind = 'byte' | 'flag' | 'two' | 'four' | 'varints' | 'string' | 'binary' | 'pairs';

interface Definition {
  readonly id: number;
  readonly name: keyof Properties;
  readonly kind: Kind;
  /** One bit per place. */
  readonly places: number;
  /** Smallest and largest value of a number. */
  readonly min: number;
  readonly max: number;
}

const bitOf = (place: PropertyPlace) => (place === 'will' ? 1 : 1 << PacketType[place]);

const define = (
  id: number,
  name: keyof Properties,
  kind: Kind,
  places: readonly PropertyPlace[],
  min = 0,
  max = Number.POSITIVE_INFINITY,
): Definition => ({ id, name, kind, places: places.reduce((bits, place) => bits | bitOf(place), 0), min, max });

const ACKS = ['connack', 'puback', 'pubrec', 'pubrel', 'pubcomp', 'suback', 'unsuback', 'disconnect', 'auth'] as const;
const ALL = [...ACKS, 'connect', 'publish', 'will', 'subscribe', 'unsubscribe'] as const;

/** MQTT 5, table 2-4, in order of the identifiers. */
const DEFINITIONS: readonly Definition[] = [
  define(1, 'payloadFormatIndicator', 'byte', ['publish', 'will'], 0, 1),
  define(2, 'messageExpiryInterval', 'four', ['publish', 'will']),
  define(3, 'contentType', 'string', ['publish', 'will']),
  define(8, 'responseTopic', 'string', ['publish', 'will']),
  define(9, 'correlationData', 'binary', ['publish', 'will']),
  define(11, 'subscriptionIdentifiers', 'varints', ['publish', 'subscribe'], 1),
  define(17, 'sessionExpiryInterval', 'four', ['connect', 'connack', 'disconnect']),
  define(18, 'assignedClientIdentifier', 'string', ['connack']),
  define(19, 'serverKeepAlive', 'two', ['connack']),
  define(21, 'authenticationMethod', 'string', ['connect', 'connack', 'auth']),
  define(22, 'authenticationData', 'binary', ['connect', 'connack', 'auth']),
  define(23, 'requestProblemInformation', 'flag', ['connect']),
  define(24, 'willDelayInterval', 'four', ['will']),
  define(25, 'requestResponseInformation', 'flag', ['connect']),
  define(26, 'responseInformation', 'string', ['connack']),
  define(28, 'serverReference', 'string', ['connack', 'disconnect']),
  define(31, 'reasonString', 'string', ACKS),
  define(33, 'receiveMaximum', 'two', ['connect', 'connack'], 1),
  define(34, 'topicAliasMaximum', 'two', ['connect', 'connack']),
  define(35, 'topicAlias', 'two', ['publish'], 1),
  define(36, 'maximumQos', 'byte', ['connack'], 0, 1),
  define(37, 'retainAvailable', 'flag', ['connack']),
  define(38, 'userProperties', 'pairs', ALL),
  define(39, 'maximumPacketSize', 'four', ['connect', 'connack'], 1),
  define(40, 'wildcardSubscriptionAvailable', 'flag', ['connack']),
  define(41, 'subscriptionIdentifiersAvailable', 'flag', ['connack']),
  define(42, 'sharedSubscriptionAvailable', 'flag', ['connack']),
];

const BY_ID: (Definition | undefined)[] = [];
for (const definition of DEFINITIONS) BY_ID[definition.id] = definition;

/**
 * Reads a property list with its length.
 *
 * @throws MqttError  an unknown or misplaced property is malformed; one given twice or out of range a protocol error (2.2.2.2)
 */
export function readProperties(reader: PacketReader, place: PropertyPlace): Properties {
  const length = reader.varint();
  if (length === 0) return NO_PROPERTIES;
  const packetEnd = reader.end;
  const end = reader.position + length;
  if (end > packetEnd) throw malformed('the properties are longer than the packet');
  const properties: Record<string, unknown> = {};
  const placeBit = bitOf(place);
  reader.end = end;
  while (reader.position < end) {
    const id = reader.varint();
    const definition = BY_ID[id];
    if (!definition || (definition.places & placeBit) === 0) throw malformed(`property ${id} in ${place}`);
    readProperty(reader, definition, place, properties);
  }
  reader.end = packetEnd;
  return properties as Properties;
}

function readProperty(
  reader: PacketReader,
  definition: Definition,
  place: PropertyPlace,
  properties: Record<string, unknown>,
): void {
  const { name, kind } = definition;
  if (kind === 'pairs') {
    const pair: UserProperty = [reader.string(), reader.string()];
    append(reader, properties, name, pair);
    return;
  }
  const value = readValue(reader, kind);
  if (typeof value === 'number') checkRange(definition, value);
  if (kind === 'varints' && place === 'publish') return append(reader, properties, name, value);
  if (name in properties) throw protocolError(`property ${name} is given twice`);
  properties[name] = kind === 'varints' ? [value] : value;
}

function append(
  { repeatedMax }: PacketReader,
  properties: Record<string, unknown>,
  name: string,
  value: unknown,
): void {
  const list = properties[name] as unknown[] | undefined;
  if (!list) properties[name] = [value];
  else if (list.length < repeatedMax) list.push(value);
  else throw new MqttError('packet-too-large', Reason.quotaExceeded, `more than ${list.length} of ${name}`);
}

function readValue(reader: PacketReader, kind: Exclude<Kind, 'pairs'>): unknown {
  switch (kind) {
    case 'byte':
      return reader.u8();
    case 'flag': {
      const byte = reader.u8();
      if (byte > 1) throw protocolError('a flag is neither 0 nor 1');
      return byte === 1;
    }
    case 'two':
      return reader.u16();
    case 'four':
      return reader.u32();
    case 'varints':
      return reader.varint();
    case 'string':
      return reader.string();
    case 'binary':
      return reader.binary();
  }
}

function checkRange({ name, min, max }: Definition, value: number): void {
  if (value >= min && value <= max) return;
  if (name === 'topicAlias') throw new MqttError('topic-invalid', Reason.topicAliasInvalid, 'topic alias 0');
  throw protocolError(`property ${name} is ${value}`);
}

/** Writes the properties with their length, in order of their identifiers. Members the place does not allow are refused. */
export function writeProperties(writer: PacketWriter, properties: Properties, place: PropertyPlace): void {
  if (properties === NO_PROPERTIES) return writer.u8(0);
  const placeBit = bitOf(place);
  const start = writer.position;
  for (const definition of DEFINITIONS) {
    const value = properties[definition.name];
    if (value === undefined) continue;
    if ((definition.places & placeBit) === 0) throw malformed(`property ${definition.name} in ${place}`);
    writeProperty(writer, definition, value);
  }
  writer.insertVarint(start, writer.position - start);
}

function writeProperty(writer: PacketWriter, { id, kind }: Definition, value: unknown): void {
  if (kind === 'pairs') {
    for (const [name, text] of value as readonly UserProperty[]) {
      writer.u8(id);
      writer.string(name);
      writer.string(text);
    }
    return;
  }
  if (kind === 'varints') {
    for (const identifier of value as readonly number[]) {
      writer.u8(id);
      writer.varint(identifier);
    }
    return;
  }
  writer.u8(id);
  if (kind === 'byte') writer.u8(value as number);
  else if (kind === 'flag') writer.u8(value ? 1 : 0);
  else if (kind === 'two') writer.u16(value as number);
  else if (kind === 'four') writer.u32(value as number);
  else if (kind === 'string') writer.string(value as string);
  else writer.binary(value as Buffer);
}
