import { PacketDecoder } from './decoder.ts';
import { encodePacket } from './encode.ts';
import type { PublishPacket } from './packets.ts';

const NOTHING = Buffer.alloc(0);

/**
 * Whether a PUBLISH that has not come as one (by HTTPS, from a rule) can be sent: written and read again as a client's is. One that cannot
 * would be found out where it does harm: by a client, in a session's queue, or among the retained messages at the next start.
 */
export function isSendable(packet: PublishPacket): boolean {
  const decoder = new PacketDecoder({ version: 5 });
  try {
    decoder.push(encodePacket({ ...packet, payload: NOTHING }, 5));
    return decoder.next() !== undefined;
  } catch {
    return false;
  }
}
