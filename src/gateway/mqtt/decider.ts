import { Reason } from '../../codec/mqtt/index.ts';
import type { AuthenticationStep } from '../../services/iot/index.ts';
import type { ConnectionHost } from './host.ts';
import type { Pauses } from './pauses.ts';

/** A connection on whose client something is being decided. */
export interface Decider {
  readonly host: Pick<ConnectionHost, 'logger'>;
  readonly pauses: Pauses;
  /** Handles the packets that have waited. */
  process(): void;
  /** A bug of ours. */
  broken(error: unknown): void;
}

/** Goes on with the next step of the authentication, at once if it is there; reads no further until it is. */
export function follow(
  step: AuthenticationStep | Promise<AuthenticationStep>,
  decider: Decider,
  next: (step: AuthenticationStep) => void,
): void {
  if (step instanceof Promise) void followLater(step, decider, next);
  else next(step);
}

async function followLater(
  step: Promise<AuthenticationStep>,
  decider: Decider,
  next: (step: AuthenticationStep) => void,
): Promise<void> {
  const { pauses, host } = decider;
  pauses.pause('deciding');
  let outcome: AuthenticationStep;
  try {
    outcome = await step;
  } catch (error) {
    host.logger.warn('mqtt access could not be decided', { error });
    outcome = { kind: 'refused', reasonCode: Reason.serverUnavailable };
  }
  try {
    next(outcome);
  } catch (error) {
    decider.broken(error);
  }
  pauses.resume('deciding');
  decider.process();
}
