import { SqsError } from './errors.ts';
import type { Place } from './message.ts';

/** What a receipt handle says: which message, and which of its receives gave it. */
export interface Receipt extends Place {
  readonly queueId: string;
  readonly receive: number;
}

/** Writes a receipt handle: opaque to clients, and good after a restart, since the place is in it. */
export function formatReceipt({ queueId, delayUntil, sequence, receive }: Receipt): string {
  return Buffer.from(`1 ${queueId} ${delayUntil} ${sequence} ${receive}`).toString('base64');
}

/** @throws receipt-invalid: none of ours, or of another queue */
export function parseReceipt(handle: string, queueId: string): Receipt {
  const text = Buffer.from(handle, 'base64').toString('latin1');
  const match = /^1 ([0-9a-f-]{36}) (\d{1,16}) (\d{1,16}) (\d{1,16})$/.exec(text);
  if (!match || match[1] !== queueId) {
    throw new SqsError('receipt-invalid', `The input receipt handle "${handle}" is not a valid receipt handle.`);
  }
  return { queueId, delayUntil: Number(match[2]), sequence: Number(match[3]), receive: Number(match[4]) };
}
