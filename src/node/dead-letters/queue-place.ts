import { createHash } from 'node:crypto';
import { DEFAULT_REGION, DomainError, hasCode, messageOf, parseArn, type Random } from '../../base/index.ts';
import type { DeadLetterOrigin, Delivery, DeliveryService, RetryPolicy } from '../../delivery/index.ts';
import type { DeadLetter, DeadLetterPage, DeadLetterPlace, Redrive } from '../../gateway/console/index.ts';
import type { Lambda } from '../../services/lambda/index.ts';
import type { QueuedMessage, Sqs } from '../../services/sqs/index.ts';
import { newSpanId, newTrace, parseXRay, type TraceContext } from '../../telemetry/index.ts';
import { ofOrigin } from './outbox-place.ts';
import type { Place } from './place.ts';
import { readRecord } from './record.ts';
import type { FailureRelation, Relations } from './relations.ts';

/** A letter that goes back is tried for a while, then it lies in the same queue again. */
const REDRIVE_POLICY: RetryPolicy = {
  attemptsMax: 4,
  ageMsMax: 3_600_000,
  backoffMsBase: 1_000,
  backoffMsMax: 60_000,
};

export interface QueuePlaceOptions {
  readonly sqs: Pick<Sqs, 'describe' | 'letters'>;
  readonly lambda: Pick<Lambda, 'ranLast'>;
  readonly delivery: Pick<DeliveryService, 'send'>;
  readonly random: Random;
  /** Who sends dead letters where. */
  readonly relations: Relations;
}

/** Dead-letter queues: their messages, seen and moved without receiving them. */
export class QueuePlace implements Place {
  readonly #options: QueuePlaceOptions;

  constructor(options: QueuePlaceOptions) {
    this.#options = options;
  }

  places(): readonly DeadLetterPlace[] {
    // Whoever looks at the list has perhaps just made the queue.
    const users = Map.groupBy(this.#options.relations('anew'), ({ to }) => to);
    return this.#options.sqs
      .describe()
      .filter(({ arn }) => users.has(arn))
      .map(({ arn, name, visible, inFlight, delayed, oldestAgeMs }) => ({
        id: arn,
        label: name,
        waiting: visible + inFlight + delayed,
        ...(oldestAgeMs > 0 && { oldestAgeMs }),
        usedBy: [...new Set(users.get(arn)!.map(({ words }) => words))],
      }));
  }

  async browse(place: string, options: { readonly after?: string; readonly limit: number }): Promise<DeadLetterPage> {
    this.#check(place);
    const { messages, next } = await asked(this.#options.sqs.letters.browse(place, options));
    const senderOf = this.#senders(place);
    return { letters: messages.map((message) => this.#letterOf(place, message, senderOf)), more: next !== undefined };
  }

  async read(place: string, key: string): Promise<DeadLetter> {
    this.#check(place);
    return this.#letterOf(place, await asked(this.#options.sqs.letters.read(place, key)));
  }

  async redrive(place: string, key: string, { body, to }: Redrive): Promise<string> {
    this.#check(place);
    const { sqs, delivery } = this.#options;
    const message = await asked(sqs.letters.read(place, key));
    if (to === undefined && message.origin === undefined && message.deadLetterSource !== undefined) {
      const moved = await asked(sqs.letters.redrive(place, key, body === undefined ? {} : { body }));
      if (moved.kind === 'moved') return moved.to;
    }
    const letter = this.#letterOf(place, message);
    const target = to ?? letter.target;
    if (target === undefined) throw targetNeeded();
    await delivery.send([this.#deliveryOf(letter, message, target, body ?? letter.body)]);
    await sqs.letters.remove(place, key).catch((error: unknown) => {
      // Somebody has taken it away meanwhile: it is sent, and no longer here, as was asked.
      if (!hasCode(error, 'message-not-found')) throw error;
    });
    return target;
  }

  async discard(place: string, key: string): Promise<void> {
    this.#check(place);
    await asked(this.#options.sqs.letters.remove(place, key));
  }

  /** Only queues that something names: the other ones are nobody's dead letters. */
  #check(place: string): void {
    const { relations } = this.#options;
    const isNamed = (known: readonly FailureRelation[]) => known.some(({ to }) => to === place);
    if (isNamed(relations()) || isNamed(relations('anew'))) return;
    throw new DomainError('place-unknown', `Nothing names ${place} as its dead-letter queue.`);
  }

  #policyOf(source: string): FailureRelation | undefined {
    return this.#options.relations().find(({ from, receivesMax }) => from === source && receivesMax !== undefined);
  }

  /** Who has sent messages to a queue, as far as their traces tell: a function. Those of one page are often the same one's. */
  #senders(place: string): (message: QueuedMessage) => string | undefined {
    const region = parseArn(place)?.region ?? DEFAULT_REGION;
    const known = new Map<string, string | undefined>();
    return (message) => {
      const lineage = traceOf(message)?.lineage;
      if (lineage === undefined) return undefined;
      if (!known.has(lineage)) known.set(lineage, this.#options.lambda.ranLast(region, lineage));
      return known.get(lineage);
    };
  }

  #letterOf(place: string, message: QueuedMessage, senderOf = this.#senders(place)): DeadLetter {
    const { id, body, sentAt, movedAt, group, deadLetterSource } = message;
    const origin = message.origin as unknown as DeadLetterOrigin | undefined;
    const traceId = origin?.traceId ?? traceOf(message)?.traceId;
    const common = {
      ...{ place, key: id, sentAt, encoding: 'text' as const, attributes: attributesOf(message) },
      ...(group !== undefined && { group }),
      ...(traceId !== undefined && { traceId }),
    };
    if (origin) return { ...common, ...ofOrigin(origin), body, bytes: Buffer.byteLength(body) };
    const sender = senderOf(message);
    const sent = { ...common, ...(sender !== undefined && { source: sender }) };
    if (deadLetterSource !== undefined) {
      const policy = this.#policyOf(deadLetterSource);
      return {
        ...{ ...sent, target: deadLetterSource, body, bytes: Buffer.byteLength(body) },
        ...{ errorCode: 'MaxReceiveCountExceeded', errorMessage: receivedTooOften(policy) },
        ...(movedAt !== undefined && { givenUpAt: movedAt }),
        ...(policy?.receivesMax !== undefined && { attempts: policy.receivesMax }),
      };
    }
    const told = ofRecord(body) ?? { ...ofAttributes(message), body };
    return { ...sent, ...told, bytes: Buffer.byteLength(told.body) };
  }

  #deliveryOf(letter: DeadLetter, message: QueuedMessage, target: string, body: string): Delivery {
    const origin = message.origin as unknown as DeadLetterOrigin | undefined;
    const { place, key, group } = letter;
    // What the target needed the first time: request id, headers, group. Elsewhere, the message's own attributes do.
    const isBack = origin !== undefined && target === origin.arn;
    const attributes = isBack ? origin.attributes : { ...sqsAttributes(message) };
    return {
      arn: target,
      payload: Buffer.from(body),
      ...(attributes && { attributes }),
      policy: REDRIVE_POLICY,
      deadLetterArn: place,
      source: origin?.source ?? place,
      ...(group !== undefined && { orderingGroup: group }),
      // Once, although somebody asks twice or the node ends before the message is taken away.
      idempotencyKey: createHash('sha256').update(`redrive ${place} ${key} ${target} ${body}`).digest('hex'),
      trace: this.#traceOf(message),
    };
  }

  #traceOf(message: QueuedMessage): TraceContext {
    const known = traceOf(message);
    return known ? { ...known, spanId: newSpanId(this.#options.random) } : newTrace(this.#options.random, false);
  }
}

type Told = Pick<DeadLetter, 'target' | 'source' | 'errorCode' | 'errorMessage' | 'attempts' | 'givenUpAt'>;

/** An invocation record stands for the event that it is about; the record of a batch for nothing that could be sent. */
function ofRecord(body: string): (Told & { readonly body: string }) | undefined {
  const record = readRecord(body);
  if (!record) return undefined;
  const { functionArn, condition, invocations, at, errorType, errorMessage, payload, batch } = record;
  return {
    ...(payload === undefined ? { source: functionArn } : { target: functionArn, source: functionArn }),
    errorCode: errorType ?? condition,
    errorMessage: batch ?? errorMessage ?? condition,
    attempts: invocations,
    ...(Number.isFinite(at) && { givenUpAt: at }),
    body: payload ?? body,
  };
}

/** Whoever has sent it may have said why, as Lambda does. */
function ofAttributes({ attributes }: QueuedMessage): Told {
  const text = (name: string) => attributes[name]?.StringValue;
  const [errorCode, errorMessage] = [text('ErrorCode'), text('ErrorMessage')];
  return { ...(errorCode !== undefined && { errorCode }), ...(errorMessage !== undefined && { errorMessage }) };
}

function attributesOf(message: QueuedMessage): DeadLetter['attributes'] {
  const { messageId, state, receiveCount, group, deduplicationId, traceHeader } = message;
  const origin = message.origin as unknown as DeadLetterOrigin | undefined;
  const { messageAttributes } = sqsAttributes(message);
  return {
    ...{ messageId, state, receiveCount },
    ...(messageAttributes && { messageAttributes }),
    ...(group !== undefined && { messageGroupId: group }),
    ...(deduplicationId !== undefined && { messageDeduplicationId: deduplicationId }),
    ...(traceHeader !== undefined && { AWSTraceHeader: traceHeader }),
    ...(origin?.attributes && { delivery: origin.attributes }),
  };
}

/** What a delivery to a queue or topic carries of a message: binary values in base64. */
interface CarriedAttributes {
  readonly messageAttributes?: Readonly<Record<string, unknown>>;
  readonly messageGroupId?: string;
  readonly traceHeader?: string;
}

function sqsAttributes({ attributes, group, traceHeader }: QueuedMessage): CarriedAttributes {
  const stored = Object.entries(attributes).map(([name, { BinaryValue, ...rest }]) => [
    name,
    BinaryValue === undefined ? rest : { ...rest, BinaryValue: Buffer.from(BinaryValue).toString('base64') },
  ]);
  return {
    ...(stored.length > 0 && { messageAttributes: Object.fromEntries(stored) }),
    ...(group !== undefined && { messageGroupId: group }),
    ...(traceHeader !== undefined && { traceHeader }),
  };
}

function traceOf({ traceHeader }: QueuedMessage): TraceContext | undefined {
  return traceHeader === undefined ? undefined : parseXRay(traceHeader);
}

function receivedTooOften({ receivesMax, readers = [] }: Partial<FailureRelation> = {}): string {
  const times = receivesMax === undefined ? 'too often' : receivesMax === 1 ? 'once' : `${receivesMax} times`;
  const by = readers.length > 0 ? ` by ${readers.join(' and ')}` : '';
  return `It was received ${times}${by} and never deleted.`;
}

function targetNeeded(): DomainError {
  return new DomainError('target-needed', 'Nobody has noted where it was meant for: name a target with "to".');
}

const CODES: Readonly<Record<string, string>> = {
  'queue-not-found': 'place-unknown',
  'message-not-found': 'letter-unknown',
  'message-without-source': 'target-needed',
};

/** The queue's errors as those of the console's port. */
async function asked<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    const code = CODES[(error as { readonly code?: string }).code ?? ''];
    if (code === undefined) throw error;
    if (code === 'letter-unknown') {
      throw new DomainError(code, 'It is not here any more: it was redriven, discarded, received or has expired.');
    }
    throw new DomainError(code, messageOf(error), { cause: error });
  }
}
