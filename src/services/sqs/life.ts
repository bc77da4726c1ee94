import type { Counts } from './counts.ts';
import type { Known } from './known.ts';
import type { ReadAhead } from './read-ahead.ts';
import type { Rows } from './rows.ts';

/** The messages of a queue from one purge to the next. Whoever began in one that is over ends in it: nobody sees what that changes. */
export interface Life {
  readonly rows: Rows;
  readonly known: Known;
  readonly counts: Counts;
  readonly ahead: ReadAhead;
}
