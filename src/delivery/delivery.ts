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
}

/** Something to be handed to an ARN, asynchronously and at least once. */
export interface Delivery {
  /** Function, queue, topic, stream, log group ...; `target` in dead letters. */
  readonly arn: string;
  readonly payload: Uint8Array;
  /**
   * What the target needs beside the payload: JSON, at most 512 KiB. By kind of target, all optional:
   * sqs and sns `messageAttributes` (as SendMessage spells them, binary values in base64), `messageGroupId`,
   * `messageDeduplicationId`, `subject`, `messageSystemAttributes`; kinesis `partitionKey`; http(s) `headers`.
   */
  readonly attributes?: Readonly<Record<string, unknown>>;
  readonly policy: RetryPolicy;
  /**
   * Queue or topic ARN that takes it when it is given up; without one it is logged and counted. The dead letter has the
   * same payload and attributes, and message attributes `RequestID`, `ErrorCode` and `ErrorMessage` besides.
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

/** A kind of target, by the service in its ARN. */
export interface Target {
  /**
   * Hands over one delivery; resolving means the target has it (durably, where the target is durable).
   *
   * @param attempt  1 for the first try; those that did not count are left out
   * @param tried  absent for one that the outbox has not kept
   * @returns deliveries that follow from it, if any: they are sent in the transaction that removes this one
   * @throws DomainError with `remedy: 'retry'` to try again by the policy, `'never'` to give up at once
   * @throws DeliveryFailure to decide itself what follows
   */
  deliver(delivery: Delivery, attempt: number, signal: AbortSignal, tried?: Tried): Promise<void | readonly Delivery[]>;
}

/**
 * What follows from a failed try, where the target knows it better than the delivery's policy does.
 * - `again`: it is tried again after that time. A try that does not count uses up no attempt of the policy.
 * - `given-up`: what is sent in its stead, in the transaction that removes it; it takes the place of the delivery's own dead letter.
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

/** A delivery that was given up, and why. */
export interface GivenUp {
  readonly delivery: Delivery;
  readonly errorCode: string;
}

/** - `delivery-full`: too many deliveries wait (S5); - `target-unknown`: no target is registered for the ARN's service.
 *  - `delivery-too-large`: payload or attributes exceed their limits. */
export type DeliveryErrorCode = 'delivery-full' | 'target-unknown' | 'delivery-too-large';
export type DeliveryError = DomainError<DeliveryErrorCode>;

/** Numbers of the outbox (S5). */
export const DELIVERY_LIMITS = {
  /** Deliveries of one call of `send`. */
  sendMax: 1000,
  /** An invocation record holds an event of 1 MB and a response of 6 MB. */
  payloadBytesMax: 8 * 1024 * 1024,
  attributesBytesMax: 512 * 1024,
  /** Deliveries that wait, all edges together; they cost disk. */
  pendingMax: 10_000_000,
  /** Deliveries of one edge in memory; the others wait on disk. */
  windowMax: 1000,
  windowBytesMax: 4 * 1024 * 1024,
  concurrencyMax: 32,
  /** How long an idempotency key is remembered. */
  idempotencyMs: 300_000,
  /** An HTTP target has this long to answer. */
  httpTimeoutMs: 15_000,
  /** How long closing waits for deliveries under way; what is not done is delivered again later. */
  drainMsMax: 5_000,
} as const;

/** Numbers of one ARN's edge, for metrics and the flow picture. */
export interface EdgeState {
  readonly arn: string;
  readonly pending: number;
  /** Milliseconds since the oldest pending one was sent. */
  readonly oldestAgeMs: number;
  readonly delivered: number;
  readonly retried: number;
  readonly deadLettered: number;
  /** Nothing waits and nothing is under way. */
  readonly isIdle: boolean;
}

/** The push edge: one durable outbox for everything sent to an ARN (DESIGN §2). */
export interface DeliveryService extends AsyncDisposable {
  /**
   * Names the target for ARNs of `service` (`sqs`, `lambda`, ...) or a URL scheme (`http` and `https` are built in).
   * @param concurrencyMax  deliveries under way at once to one ARN; default {@link DELIVERY_LIMITS}.concurrencyMax
   */
  register(service: string, target: Target, options?: { readonly concurrencyMax?: number }): void;
  /**
   * Takes deliveries over, all or none; they are durable when it resolves. At most 1,000 at a time.
   * @throws DeliveryErrorCode, and those of the records store: nothing was taken
   */
  send(deliveries: readonly Delivery[]): Promise<void>;
  edges(): readonly EdgeState[];
  /** Receives every delivery that is given up from now on, dead letters included; returns the way to stop. */
  onGivenUp(listener: (givenUp: GivenUp) => void): () => void;
}
