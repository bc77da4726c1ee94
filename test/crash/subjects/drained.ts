import type { Outbox } from '../../../src/delivery/index.ts';
import { aMoment } from '../../support/eventually.ts';

/** Looks in a row that find nothing: edges count their rows in the background, and what one passes on may make another. */
const QUIET_LOOKS = 5;

/** Waits until nothing is under way or put off at any edge. */
export async function drained(delivery: Pick<Outbox, 'edges'>): Promise<void> {
  for (let quiet = 0; quiet < QUIET_LOOKS; ) {
    await aMoment();
    quiet = delivery.edges().every((edge) => edge.pending === 0 && edge.isIdle) ? quiet + 1 : 0;
  }
}
