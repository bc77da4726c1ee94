import type { DeadLetterOrigin } from '../../delivery/index.ts';
import { type Attributes, attributesSize } from './digest.ts';

/** A message as it is stored: nothing in it changes after it was sent. */
export interface Message {
  readonly id: string;
  readonly body: string;
  readonly bodyMd5: string;
  readonly attributes: Attributes;
  readonly senderId: string;
  /** Epoch milliseconds. */
  readonly sentAt: number;
  readonly group?: string;
  readonly deduplicationId?: string;
  /** FIFO queues: 20 digits, growing. */
  readonly sequenceNumber?: string;
  readonly traceHeader?: string;
  /** Queue that it was moved from by the redrive policy. */
  readonly deadLetterSource?: string;
  /** When that was, epoch milliseconds: its age in this queue counts from then, its retention from `sentAt`. */
  readonly movedAt?: number;
  /** Of a delivery that was given up: where it was to go, and why it did not get there. The SQS API does not show it. */
  readonly origin?: DeadLetterOrigin;
}

/** Where a message stands on disk: by when it may be seen first (0: at once), then in order of arrival. */
export interface Place {
  readonly delayUntil: number;
  readonly sequence: number;
}

/** Where to go on behind a message. */
export function beyond({ delayUntil, sequence }: Place): Place {
  return { delayUntil, sequence: sequence + 1 };
}

/** A message to be sent, complete but for its place. */
export interface Outgoing {
  readonly message: Omit<Message, 'sequenceNumber'>;
  readonly delayMs: number;
  /** Of body and attributes, bytes. */
  readonly sizeBytes: number;
}

export interface Sent {
  readonly messageId: string;
  readonly sequenceNumber?: string;
}

/** A message as it was received. */
export interface Received {
  readonly message: Message;
  readonly receiptHandle: string;
  readonly receiveCount: number;
  readonly firstReceivedAt: number;
}

/** A message as it stands in its queue. */
export interface Found {
  readonly place: Place;
  readonly message: Message;
  readonly state: 'visible' | 'in-flight' | 'delayed';
  readonly receiveCount: number;
}

/** A message that its queue knows of in memory. */
export interface Entry extends Place {
  readonly sentAt: number;
  /** When it came to this queue. */
  readonly arrivedAt: number;
  readonly sizeBytes: number;
  readonly group: string | undefined;
  /** Held while it waits to be received; read from disk again when it is needed and not here. */
  message: Message | undefined;
  state: 'ready' | 'in-flight' | 'gone';
  /** It is being deleted or moved: nobody gets it while that goes on. */
  leaving: boolean;
  /** Of messages in flight: when they are seen again, epoch milliseconds of the steady clock. */
  visibleAt: number;
  /** When that began; of what was found in flight, when it was found. */
  receivedAt: number;
  receiveCount: number;
  firstReceivedAt: number | undefined;
  /** Its place in the line of those that may be received; -1 when it stands in none. */
  slot: number;
  /** Its lease stands on disk and must be deleted with it. */
  leased: boolean;
}

/** What is written of a message that was received, beside the message. */
export interface Lease {
  readonly visibleAt: number;
  readonly receiveCount: number;
  readonly firstReceivedAt: number;
}

/** What a message takes in memory while its body is held, roughly. */
function sizeInMemory({ body, attributes }: Message): number {
  return 2 * body.length + 512 + attributesSize(attributes);
}

export function newEntry(place: Place, message: Message, lease?: Lease): Entry {
  return {
    delayUntil: place.delayUntil,
    sequence: place.sequence,
    sentAt: message.sentAt,
    arrivedAt: message.movedAt ?? message.sentAt,
    sizeBytes: sizeInMemory(message),
    group: message.group,
    message,
    state: 'ready',
    leaving: false,
    visibleAt: lease?.visibleAt ?? 0,
    receivedAt: 0,
    receiveCount: lease?.receiveCount ?? 0,
    firstReceivedAt: lease?.firstReceivedAt,
    slot: -1,
    leased: lease !== undefined,
  };
}
