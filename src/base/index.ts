/** base: clock, agenda, random, ids, errors, abort, bounded queue, pieces, memo of texts, turns, sockets read and written past their streams. Imports nothing of ours. */
export { abortable, isAbort, onAbort } from './abort.ts';
export { Agenda, type Dated } from './agenda.ts';
export { type Clock, SimulatedClock, SteadyClock, systemClock, type Timer } from './clock.ts';
export { CLOCK_LIMITS, ClockJumps } from './clock-jumps.ts';
export { DirectWriter } from './direct-writer.ts';
export { assert, DomainError, hasCode, InternalError, messageOf, type Remedy } from './errors.ts';
export { ACCOUNT_ID, type Arn, DEFAULT_REGION, formatArn, parseArn, uuid } from './ids.ts';
export { siblingModule } from './modules.ts';
export { Pieces } from './pieces.ts';
export { BoundedQueue, QueueFull } from './queue.ts';
export { type Random, seededRandom, systemRandom } from './random.ts';
export { endReadShared, readShared } from './shared-reads.ts';
export { TextMemo } from './text-memo.ts';
export { Turns } from './turns.ts';
