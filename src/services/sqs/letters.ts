import { type Clock, parseArn, type Random, uuid } from '../../base/index.ts';
import type { DeadLetterOrigin } from '../../delivery/index.ts';
import { FIRST } from './backlog.ts';
import type { Attributes } from './digest.ts';
import { bodyMd5 } from './digest.ts';
import { messageNotFound, queueNotFound, SqsError } from './errors.ts';
import { beyond, type Found, type Place } from './message.ts';
import { checkBody } from './outgoing.ts';
import type { Queue } from './queue.ts';
import type { Queues } from './queues.ts';

/** A message as it stands in a queue, seen without receiving it. */
export interface QueuedMessage {
  /** Names it to the other calls: opaque, and good while the message is there. */
  readonly id: string;
  readonly messageId: string;
  readonly body: string;
  readonly attributes: Attributes;
  /** Epoch milliseconds. */
  readonly sentAt: number;
  readonly receiveCount: number;
  readonly state: 'visible' | 'in-flight' | 'delayed';
  readonly group?: string;
  readonly deduplicationId?: string;
  readonly traceHeader?: string;
  /** Queue that the redrive policy moved it from. */
  readonly deadLetterSource?: string;
  /** When it was moved from there, epoch milliseconds. */
  readonly movedAt?: number;
  /** Delivery that was given up. */
  readonly origin?: DeadLetterOrigin;
}

export interface QueuedMessages {
  readonly messages: readonly QueuedMessage[];
  /** Pass it as `after` for the next page; absent at the end. */
  readonly next?: string;
}

/**
 * - `moved`: it is in the queue that it came from, as a new message, and no longer here.
 * - `origin`: it came from a delivery, and nothing was done: send it to `message.origin`, then remove it.
 */
export type Redriven =
  | { readonly kind: 'moved'; readonly to: string }
  | { readonly kind: 'origin'; readonly message: QueuedMessage };

/** Messages looked at at once: few enough that the largest ones fit into memory. */
const BROWSE_MAX = 50;

/** The messages of queues one by one, for who looks after dead letters. Errors: `queue-not-found`, `message-not-found`. */
export class Letters {
  readonly #queues: Queues;
  readonly #clock: Clock;
  readonly #random: Random;

  constructor(queues: Queues, clock: Clock, random: Random) {
    this.#queues = queues;
    this.#clock = clock;
    this.#random = random;
  }

  /** @param limit  1 to 50; more is as good as 50 */
  async browse(
    queueArn: string,
    { after, limit }: { readonly after?: string; readonly limit: number },
  ): Promise<QueuedMessages> {
    const from = after === undefined ? FIRST : beyond(placeOf(after));
    const found = await this.#queue(queueArn).browse(from, Math.min(BROWSE_MAX, limit));
    const more = found.length === Math.min(BROWSE_MAX, limit);
    return { messages: found.map(shown), ...(more && { next: idOf(found.at(-1)!.place) }) };
  }

  async read(queueArn: string, id: string): Promise<QueuedMessage> {
    return shown(await this.#found(queueArn, id));
  }

  /**
   * Moves a message back to the queue that the redrive policy took it from; `body` replaces its own.
   * @throws message-without-source: it was sent here, or the queue is gone; what SendMessage says of a body
   */
  async redrive(queueArn: string, id: string, { body }: { readonly body?: string } = {}): Promise<Redriven> {
    const { message, place, ...rest } = await this.#found(queueArn, id);
    const changed = body === undefined ? message : { ...message, body, bodyMd5: bodyMd5(body) };
    if (message.origin) return { kind: 'origin', message: shown({ message: changed, place, ...rest }) };
    const to = message.deadLetterSource === undefined ? undefined : this.#queues.byArn(message.deadLetterSource);
    if (!to)
      throw new SqsError('message-without-source', 'No queue is there that the message came from: send it anew.');
    if (body !== undefined) checkBody(body, changed.attributes, to.settings);
    const { deadLetterSource: _, movedAt: __, ...fresh } = changed;
    const renewed = { ...fresh, id: uuid(this.#random), sentAt: this.#clock.now() };
    await to.adopt(renewed, this.#queue(queueArn), place);
    return { kind: 'moved', to: to.arn };
  }

  async remove(queueArn: string, id: string): Promise<void> {
    const { place } = await this.#found(queueArn, id);
    await this.#queue(queueArn).remove(place);
  }

  #queue(arn: string): Queue {
    const queue = parseArn(arn) && this.#queues.byArn(arn);
    if (!queue) throw queueNotFound();
    return queue;
  }

  async #found(queueArn: string, id: string): Promise<Found> {
    const found = await this.#queue(queueArn).read(placeOf(id));
    if (!found) throw messageNotFound();
    return found;
  }
}

function shown({ place, message, state, receiveCount }: Found): QueuedMessage {
  const { id: messageId, sequenceNumber: _, bodyMd5: __, senderId: ___, ...rest } = message;
  return { id: idOf(place), messageId, state, receiveCount, ...rest };
}

function idOf({ delayUntil, sequence }: Place): string {
  return `${delayUntil.toString(36)}-${sequence.toString(36)}`;
}

function placeOf(id: string): Place {
  const match = /^([0-9a-z]{1,10})-([0-9a-z]{1,10})$/.exec(id);
  if (!match) throw messageNotFound();
  return { delayUntil: Number.parseInt(match[1]!, 36), sequence: Number.parseInt(match[2]!, 36) };
}
