import type { Clock } from '../../../base/index.ts';
import type { Log } from '../../../store/index.ts';
import type { Streams } from '../streams.ts';
import type { Subscriptions } from '../subscriptions.ts';

/** What the operations of the service work on. */
export interface KinesisParts {
  readonly streams: Streams;
  readonly subscriptions: Subscriptions;
  readonly log: Log;
  readonly clock: Clock;
}
