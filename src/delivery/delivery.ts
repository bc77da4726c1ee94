import { DomainError } from '../base/index.ts';
import type { TraceContext } from '../telemetry/index.ts';

/** When to try again, and when to give up. Whichever limit comes first ends the delivery. */
export interface RetryPolicy {
  /** Tries in all, the first one included: 1 to 100,000. */
  readonly attemptsMax: number;
  /** Age at which it is given up, milliseconds from `send`. */
  readonly ageMsMax: number;
  /** Backoff with full jitter: a wait is drawn from 0 to `min(backoffMsMax, backoffMsBase * 2 ** attempt)`. */
  readonly backoffMsBase: number;
  readonly backoffMsMax: number;
  /** Waits by phases instead of the backoff. */
  readonly schedule?: RetrySchedule;
}

/**
 * The four phases of an SNS delivery policy, each a number of retries: at once, after `minDelayMs` each, after waits that grow
 * from `minDelayMs` to `maxDelayMs`, after `maxDelayMs` each. A wait is up to a tenth longer, by chance.
 *
 * @see Amazon SNS developer guide, "Delivery policy stages"
 */
export interface RetrySchedule {
  readonly noDelay: number;
  readonly minDelay: number;
  readonly backoff: number;
  readonly maxDelay: number;
  readonly minDelayMs: number;
  readonly maxDelayMs: number;
  readonly backoffFunction: 'linear' | 'arithmetic' | 'exponential' | 'geometric';
}

/** Something to be handed to an ARN, asynchronously and at least once. */
export interface Delivery {
  /**
   * Given by the outbox to whoever delivers: the same at every attempt, another for every delivery. What `send` is given is
   * not looked at.
   */
  readonly id?: string;
  /** Function, queue, topic, stream, log group ..., or a URL: `https://...`, `mailto:ADDRESS`. */
  readonly arn: string;
  readonly payload: Uint8Array;
  /**
   * What the target needs beside the payload: JSON, at most 512 KiB. By kind of target, all optional:
   * sqs and sns `messageAttributes` (as SendMessage spells them, binary values in base64), `messageGroupId`,
   * `messageDeduplicationId`, `subject`, `messageSystemAttributes`; kinesis `partitionKey`; http(s) `headers` and
   * `connection` (a name: see {@link Connection}) and `ratePerSecond` (of this source to this URL); mailto `subject`,
   * `contentType` (`text/plain` unless given), `from`, `fromName`; logs `logStreamName`. A dead letter has `deadLetter`
   * besides: {@link DeadLetterOrigin}.
   */
  readonly attributes?: Readonly<Record<string, unknown>>;
  readonly policy: RetryPolicy;
  /**
   * Queue or topic ARN that takes it when it is given up; without one it is kept as a lost letter ({@link LostLetters}). The
   * dead letter has the same payload and attributes, the message attributes that the service of `source` gives it on AWS,
   * and `attributes.deadLetter` ({@link DeadLetterOrigin}).
   */
  readonly deadLetterArn?: string;
  /** Where it comes from, for dead letters, metrics and the flow picture: an ARN of a topic, rule, mapping or function. */
  readonly source: string;
  /** Deliveries of one group to one ARN are made one after the other, in order of `send`. */
  readonly orderingGroup?: string;
  /** A second `send` to the same ARN with the same key within 5 minutes is dropped. 1 to 256 characters. */
  readonly idempotencyKey?: string;
  readonly trace: TraceContext;
}

/** What went before a try, beside the tries that count. */
export interface Tried {
  /** When the delivery was sent, epoch milliseconds. */
  readonly sentAt: number;
  /** Tries that did not count, since the last one that did. */
  readonly uncounted: number;
}

/** Where a dead letter comes from: what is needed to show it, and to send it there again. */
export interface DeadLetterOrigin {
  /** Who should have had it. */
  readonly arn: string;
  readonly source: string;
  /** Tries made; 0 when it grew too old before the first. */
  readonly attempts: number;
  readonly errorCode: string;
  /** At most 1,024 characters. */
  readonly errorMessage: string;
  /** Epoch milliseconds. */
  readonly sentAt: number;
  readonly givenUpAt: number;
  readonly traceId: string;
  /** The delivery's own attributes. */
  readonly attributes?: Readonly<Record<string, unknown>>;
}

/** A kind of target, by the service in its ARN. */
export interface Target {
  /**
   * It is on this node, durable itself, and quick: a delivery that nothing waits before is handed over within `send`, all of
   * one `send` at the same time, and a row of the outbox is written only for one that fails.
   */
  readonly durable?: true;
  /** Time for one attempt, after which it has failed whatever the target does; default {@link DELIVERY_LIMITS}.attemptMsMax. */
  readonly attemptMsMax?: number;
  /** It is given deliveries that are too old for their policy too, and says itself what becomes of them. */
  readonly judgesAge?: true;
  /**
   * Hands over one delivery; resolving means the target has it (durably, where the target is durable).
   *
   * @param delivery  with its `id`; the trace is that of the attempt
   * @param attempt  1 for the first try; those that did not count are left out
   * @param tried  absent for one that the outbox has not kept
   * @returns deliveries that follow from it, if any: they are sent in the transaction that removes this one
   * @throws DomainError with `remedy: 'retry'` to try again by the policy, `'never'` to give up at once. Its `fields` may have
   *   - `retryAfterMs`: not to be tried before, at most {@link DELIVERY_LIMITS}.waitMsMax; the whole edge waits so long
   *   - `uncounted: true`: the target has not looked at it: only its age ends it, not its attempts
   *   - `unavailable: true`: it is the target that fails, whatever it is given: after some of these the edge only probes
   * @throws DeliveryFailure to decide itself what follows
   */
  deliver(delivery: Delivery, attempt: number, signal: AbortSignal, tried?: Tried): Promise<void | readonly Delivery[]>;
}

/**
 * What follows from a failed try, where the target knows it better than the delivery's policy does.
 * - `again`: it is tried again after that time. A try that does not count uses up no attempt of the policy.
 * - `given-up`: what is sent in its stead, in the transaction that removes it; it takes the place of the delivery's own dead
 *   letter. Where that is nothing, it is kept as a lost letter.
 */
export type Aftermath =
  | { readonly kind: 'again'; readonly afterMs: number; readonly counts: boolean }
  | { readonly kind: 'given-up'; readonly instead: readonly Delivery[] };

/** A failed try whose target decides itself what follows: neither attempts nor age of the policy are looked at. */
export class DeliveryFailure extends DomainError {
  readonly aftermath: Aftermath;

  constructor(code: string, message: string, aftermath: Aftermath) {
    super(code, message, { remedy: aftermath.kind === 'again' ? 'retry' : 'never' });
    this.aftermath = aftermath;
  }
}

/** - `permanent`: an error that said `never`; - `attempts`, `age`: a limit of the policy was reached. */
export type GivenUpReason = 'permanent' | 'attempts' | 'age';

/** A delivery that was given up, and why. */
export interface GivenUp {
  readonly delivery: Delivery;
  readonly reason: GivenUpReason;
  /** Of the last failure. */
  readonly errorCode: string;
  readonly errorMessage: string;
  /** Tries made. */
  readonly attempts: number;
}

/** A delivery that its target has. */
export interface Delivered {
  readonly delivery: Delivery;
  /** Tries it took. */
  readonly attempts: number;
}

/** - `delivery-full`: too many deliveries wait (S5); - `target-unknown`: no target is registered for the ARN's service.
 *  - `delivery-too-large`: payload or attributes exceed their limits.
 *  - `letter-not-found`: no lost letter has the id (any more). */
export type DeliveryErrorCode = 'delivery-full' | 'target-unknown' | 'delivery-too-large' | 'letter-not-found';
export type DeliveryError = DomainError<DeliveryErrorCode>;

/** Numbers of the outbox (S5). */
export const DELIVERY_LIMITS = {
  /** Deliveries of one call of `send`. */
  sendMax: 1000,
  /**
   * Bytes that one transaction takes over, unless it has one delivery only, or deliveries that must keep their order. Of a call with more, the
   * rest follows in further ones; far below what the store takes from all who write.
   */
  transactionBytesMax: 16 * 1024 * 1024,
  /** An invocation record holds an event of 1 MB and a response of 6 MB. */
  payloadBytesMax: 8 * 1024 * 1024,
  attributesBytesMax: 512 * 1024,
  /** Deliveries that wait, all edges together; they cost disk. */
  pendingMax: 10_000_000,
  /** Deliveries of one edge in memory; the others wait on disk. */
  windowMax: 1000,
  windowBytesMax: 4 * 1024 * 1024,
  /** Bytes of all edges in memory; beyond it each has one delivery there. */
  windowsBytesMax: 64 * 1024 * 1024,
  concurrencyMax: 32,
  /** Longest wait between two attempts, whatever the policy or the target asks for. */
  waitMsMax: 3_600_000,
  /** One attempt, where the kind of target says nothing else: then it has failed, and the target is not waited for. */
  attemptMsMax: 60_000,
  /** How long an idempotency key is remembered. */
  idempotencyMs: 300_000,
  /** How long closing waits for deliveries under way; what is not done is delivered again later. */
  drainMsMax: 2_000,
  /** Lost letters kept, and their bytes in all: beyond it the oldest go. */
  lettersMax: 100_000,
  lettersBytesMax: 2 * 1024 * 1024 * 1024,
  /** How long a lost letter is kept: 14 days. */
  letterMsMax: 14 * 86_400_000,
  /** Letters of one page. */
  letterPageMax: 100,
  /** Sources of one edge that are counted apart; the others are counted together. */
  sourcesMax: 50,
  /** Edges that have metrics of their own; the others are counted together under `other`. */
  edgeMetricsMax: 200,
} as const;

/** Deliveries of an edge by outcome, since the node started. */
export interface EdgeCounts {
  readonly delivered: number;
  /** Failed tries that were or will be followed by another. */
  readonly retried: number;
  /** Given up, with a dead-letter ARN. */
  readonly deadLettered: number;
  /** Given up without one: kept as a lost letter. */
  readonly lost: number;
}

/** Numbers of one ARN's edge, for metrics and the flow picture. */
export interface EdgeState extends EdgeCounts {
  readonly arn: string;
  /** Deliveries that wait or are under way. After a crash it is what was last noted, until the edge has run empty once. */
  readonly pending: number;
  /** Milliseconds since the oldest pending one was sent; 0 when there is none. */
  readonly oldestAgeMs: number;
  /** Under way now. */
  readonly inFlight: number;
  /** Nothing waits and nothing is under way. */
  readonly isIdle: boolean;
  /** The target fails whatever it is given: it is probed only, with growing pauses. */
  readonly isBroken: boolean;
  /** The last failure, while nothing has been delivered since. */
  readonly lastError?: { readonly code: string; readonly message: string; readonly at: number };
  /** The same counts by {@link Delivery.source}; at most {@link DELIVERY_LIMITS}.sourcesMax, `other` holds the rest. */
  readonly sources: readonly (EdgeCounts & { readonly source: string })[];
}

/** The push edge: one durable outbox for everything sent to an ARN (DESIGN §2). */
export interface DeliveryService extends AsyncDisposable {
  /**
   * Names the target for ARNs of `service` (`sqs`, `lambda`, ...) or a URL scheme (`http`, `https` and `mailto` are built in).
   */
  register(service: string, target: Target, options?: TargetOptions): void;
  /**
   * Takes deliveries over; each is durable when it resolves, in the outbox or with its target. At most 1,000 at a time.
   *
   * @throws DeliveryErrorCode: none was taken into the outbox; those of the records store: none was, unless the call has more than
   *   {@link DELIVERY_LIMITS}.transactionBytesMax. Those to durable targets of the same call may have been handed over
   */
  send(deliveries: readonly Delivery[]): Promise<void>;
  edges(): readonly EdgeState[];
  /** Receives every delivery that is given up from now on, dead letters included; returns the way to stop. */
  onGivenUp(listener: (givenUp: GivenUp) => void): () => void;
  /** Receives every delivery that its target takes from now on; returns the way to stop. */
  onDelivered(listener: (delivered: Delivered) => void): () => void;
}

export interface TargetOptions {
  /** Deliveries under way at once to one ARN; default {@link DELIVERY_LIMITS}.concurrencyMax. */
  readonly concurrencyMax?: number;
  /** One edge for all ARNs of the kind: name it so that it begins as they do (`mailto:`). Each has its own unless given. */
  readonly edge?: string;
}

/** A delivery that was given up and had no dead-letter ARN, as a list shows it. */
export interface LetterSummary {
  /** Opaque; letters are listed in order of their ids, the oldest first. */
  readonly id: string;
  /** Without its attributes. */
  readonly origin: DeadLetterOrigin;
  readonly reason: GivenUpReason;
  readonly payloadBytes: number;
}

/** A whole one. */
export interface Letter extends LetterSummary {
  readonly payload: Uint8Array;
  /** {@link Delivery.orderingGroup} */
  readonly orderingGroup?: string;
}

export interface LetterFilter {
  /** ARN that sent them. */
  readonly source?: string;
  /** ARN that should have had them. */
  readonly arn?: string;
  /** Given up at or after, before: epoch milliseconds. */
  readonly from?: number;
  readonly to?: number;
}

/** What was given up without a dead-letter ARN. Kept for 14 days, at most {@link DELIVERY_LIMITS}.lettersMax. */
export interface LostLetters {
  /** How many there are. */
  readonly letterCount: number;
  /**
   * Letters, the oldest first. A page may be empty and yet have a `next`: so many have been looked through.
   *
   * @param query.after  `next` of the page before
   * @param query.limit  1 to {@link DELIVERY_LIMITS}.letterPageMax
   */
  letters(query: LetterFilter & { readonly after?: string; readonly limit: number }): Promise<{
    readonly letters: readonly LetterSummary[];
    readonly next?: string;
  }>;
  letter(id: string): Promise<Letter | undefined>;
  /**
   * Sends a letter to its ARN again, as a new delivery with the same policy; it is no letter any more when this resolves.
   * @throws letter-not-found, delivery-full, target-unknown, delivery-too-large
   */
  redrive(id: string, change?: { readonly payload?: Uint8Array }): Promise<void>;
  /** Sends all that the filter takes again, the oldest first. @returns how many; an error leaves the others as they were */
  redriveAll(filter: LetterFilter): Promise<number>;
  /** Throws a letter away. @throws letter-not-found */
  discard(id: string): Promise<void>;
}

/** The outbox as its owner has it. */
export interface Outbox extends DeliveryService, LostLetters {
  /**
   * Begins nothing any more and lets what is under way end, for at most {@link DELIVERY_LIMITS}.drainMsMax: to be called
   * before the targets close. Deliveries are still taken, for the next run.
   */
  stop(): Promise<void>;
}
