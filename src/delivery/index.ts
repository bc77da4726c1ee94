/** delivery: the push edges: anything asynchronous to an ARN. */

export type {
  Delivered,
  Delivery,
  DeliveryError,
  DeliveryErrorCode,
  DeliveryService,
  EdgeState,
  GivenUp,
  RetryPolicy,
  RetrySchedule,
  Target,
} from './delivery.ts';
export { DELIVERY_LIMITS } from './delivery.ts';
export { type DeliveryDependencies, openDelivery } from './service.ts';
