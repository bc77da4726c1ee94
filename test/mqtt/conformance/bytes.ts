import type * as mqtt from '../../../src/codec/mqtt/index.ts';
import { RawClient } from '../harness.ts';

/** A packet made of its first byte and its parts, right or wrong. */
export function packet(first: number, ...parts: readonly (Buffer | number | readonly number[])[]): Buffer {
  const body = Buffer.concat(parts.map((part) => (Buffer.isBuffer(part) ? part : Buffer.from([part].flat()))));
  const length: number[] = [];
  let rest = body.length;
  do {
    length.push((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0));
    rest >>>= 7;
  } while (rest > 0);
  return Buffer.concat([Buffer.from([first, ...length]), body]);
}

/** A string with its length, of text or of any bytes. */
export function str(value: string | readonly number[]): Buffer {
  const bytes = Buffer.from(value as string);
  return Buffer.concat([u16(bytes.length), bytes]);
}

export function u16(value: number): Buffer {
  return Buffer.of(value >>> 8, value & 0xff);
}

/** The empty property list of MQTT 5, nothing in 3.1.1. */
export function none(version: mqtt.ProtocolVersion): Buffer {
  return version === 5 ? Buffer.of(0) : Buffer.alloc(0);
}

/** A CONNECT with these flags and payload. */
export function connectBytes(version: mqtt.ProtocolVersion, flags: number, ...payload: readonly Buffer[]): Buffer {
  return packet(0x10, str('MQTT'), version, flags, u16(0), none(version), ...payload);
}

/** What the server says to bytes on a fresh connection, before it closes. */
export async function answerTo(port: number, version: mqtt.ProtocolVersion, bytes: Buffer): Promise<mqtt.Packet[]> {
  await using client = await RawClient.open(port, version);
  client.write(bytes);
  return await untilClosed(client);
}

/** The reason code that a connected client is given for these bytes, before the server closes; 3.1.1 is given none. */
export async function reasonFor(
  port: number,
  version: mqtt.ProtocolVersion,
  bytes: Buffer,
): Promise<number | undefined> {
  await using client = await RawClient.connected(port, { version, clientId: `bad-${version}` });
  client.write(bytes);
  const last = (await untilClosed(client)).at(-1);
  return last?.type === 'disconnect' ? last.reasonCode : undefined;
}

/** All that comes until the server closes. */
export async function untilClosed(client: RawClient): Promise<mqtt.Packet[]> {
  const packets: mqtt.Packet[] = [];
  for (let next = await client.next(); next; next = await client.next()) packets.push(next);
  return packets;
}
