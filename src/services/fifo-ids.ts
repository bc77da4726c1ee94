import { hash } from 'node:crypto';
import type { Delivery } from '../delivery/index.ts';

/** What FIFO queues and topics want of every message, as their APIs spell it. */
export interface FifoIds {
  readonly MessageGroupId: string;
  readonly MessageDeduplicationId: string;
}

/**
 * The ids of a delivery to a FIFO queue or topic: those that its attributes `messageGroupId` and `messageDeduplicationId` name,
 * else its ordering group or source, and what makes it happen once.
 */
export function fifoIdsOf(delivery: Delivery): FifoIds {
  const { attributes = {}, orderingGroup, idempotencyKey, source, id, trace } = delivery;
  const group = (attributes.messageGroupId as string | undefined) ?? orderingGroup ?? source;
  const once = (attributes.messageDeduplicationId as string | undefined) ?? idempotencyKey ?? id ?? trace.spanId;
  return { MessageGroupId: asId(group), MessageDeduplicationId: asId(once) };
}

/** What is no allowed id (spaces, other scripts, too long) becomes one that is as unique. */
function asId(text: string): string {
  if (/^[\x21-\x7e]{1,128}$/.test(text)) return text;
  const encoded = Buffer.from(text).toString('base64url') || '-';
  return encoded.length <= 128 ? encoded : hash('sha256', text, 'hex');
}
