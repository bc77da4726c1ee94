import { setFlagsFromString } from 'node:v8';

/**
 * Tells V8, for this process, to make all objects young.
 *
 * Where most objects of a place in the code have outlived a collection of the young ones, be it while a burst was under way, V8 makes
 * all that come from there old from then on. Those of a request die with it; but an old one lies about until the next full collection,
 * and until then each collection of the young ones takes all that it points to for alive: 5 to 11 MB of 50 were copied then, for 20
 * ms and a fifth of the processor time of a write to a table.
 */
export function makeAllYoung(): void {
  setFlagsFromString('--no-allocation-site-pretenuring');
}
