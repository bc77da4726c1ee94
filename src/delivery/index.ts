/** delivery: the push edges: anything asynchronous to an ARN. */

export type { Authorization, Connection, Connections, EgressGuard, SmtpOptions } from './connection.ts';
export type {
  Aftermath,
  DeadLetterOrigin,
  Delivered,
  Delivery,
  DeliveryError,
  DeliveryErrorCode,
  DeliveryService,
  EdgeCounts,
  EdgeState,
  GivenUp,
  GivenUpReason,
  Letter,
  LetterFilter,
  LetterSummary,
  LostLetters,
  Outbox,
  RetryPolicy,
  RetrySchedule,
  Target,
  TargetOptions,
  Tried,
} from './delivery.ts';
export { DELIVERY_LIMITS, DeliveryFailure } from './delivery.ts';
export { DOCUMENT_LIMITS, readDocument } from './documents.ts';
export { type EgressRules, egressGuard, isAllowEntry } from './egress.ts';
export { Outgoing } from './outgoing.ts';
export { type DeliveryDependencies, openDelivery } from './service.ts';
