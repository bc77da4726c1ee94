import type { DomainError } from '../base/index.ts';
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
  /** What the target needs beside the payload (message attributes, partition key, headers): JSON, at most 64 KiB. */
  readonly attributes?: Readonly<Record<string, unknown>>;
  readonly policy: RetryPolicy;
  /** Queue or topic ARN that takes it when it is given up; without one it is logged and counted. */
  readonly deadLetterArn?: string;
  /** Where it comes from, for dead letters, metrics and the flow picture: an ARN of a topic, rule, mapping or function. */
  readonly source: string;
  /** Deliveries of one group to one ARN are made one after the other, in order of `send`. */
  readonly orderingGroup?: string;
  /** A second `send` with the same key within 5 minutes is dropped. */
  readonly idempotencyKey?: string;
  readonly trace: TraceContext;
}

/** A kind of target, by the service in its ARN. */
export interface Target {
  /**
   * Hands over one delivery; resolving means the target has it (durably, where the target is durable).
   *
   * @param attempt  1 for the first try
   * @throws DomainError with `remedy: 'retry'` to try again by the policy, `'never'` to give up at once
   */
  deliver(delivery: Delivery, attempt: number, signal: AbortSignal): Promise<void>;
}

/** - `delivery-full`: too many deliveries wait (S5); - `target-unknown`: no target is registered for the ARN's service. */
export type DeliveryErrorCode = 'delivery-full' | 'target-unknown';
export type DeliveryError = DomainError<DeliveryErrorCode>;

/** Numbers of one ARN's edge, for metrics and the flow picture. */
export interface EdgeState {
  readonly arn: string;
  readonly pending: number;
  /** Milliseconds since the oldest pending one was sent. */
  readonly oldestAgeMs: number;
  readonly delivered: number;
  readonly retried: number;
  readonly deadLettered: number;
}

/** The push edge: one durable outbox for everything sent to an ARN (DESIGN §2). */
export interface DeliveryService extends AsyncDisposable {
  /** Names the target for ARNs of `service` (`sqs`, `lambda`, ...) or a URL scheme (`http`, `https`, `mailto`). */
  register(service: string, target: Target): void;
  /** Takes deliveries over, all or none; they are durable when it resolves. */
  send(deliveries: readonly Delivery[]): Promise<void>;
  edges(): readonly EdgeState[];
}
