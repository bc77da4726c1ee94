/** delivery: the push edges: anything asynchronous to an ARN. */

export type {
  Aftermath,
  Delivery,
  DeliveryError,
  DeliveryErrorCode,
  DeliveryService,
  EdgeState,
  GivenUp,
  RetryPolicy,
  Target,
  Tried,
} from './delivery.ts';
export { DELIVERY_LIMITS, DeliveryFailure } from './delivery.ts';
export { type DeliveryDependencies, openDelivery } from './service.ts';
