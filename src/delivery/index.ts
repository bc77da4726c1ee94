/** delivery: the push edges: anything asynchronous to an ARN. */
export type {
  Delivery,
  DeliveryError,
  DeliveryErrorCode,
  DeliveryService,
  EdgeState,
  RetryPolicy,
  Target,
} from './delivery.ts';
