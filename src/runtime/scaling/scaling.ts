import type { ThrottleCause } from '../runtime.ts';
import { SCALING_LIMITS } from './limits.ts';

/** Scaling, as decisions only: numbers in, a verdict out. `admission.ts` obeys. */

/** Places held and how many may be. */
export interface Share {
  readonly held: number;
  readonly limit: number;
}

/** What is known of one function version when a place is asked for. */
export interface Demand {
  /** Places held now, of this version. */
  readonly granted: number;
  /** Invocations that its environments take at once: those that are alive, busy or not, and those that wait to be started. */
  readonly room: number;
  /** Its provisioned concurrency: places up to here are held already. */
  readonly provisioned: number;
  /** The function's own limit and the places it holds, all versions together; absent shares the account's. */
  readonly reserved: Share | undefined;
  /** Places held by all functions that share the account's limit, and that limit less what others have reserved. */
  readonly shared: Share;
  /** Functions that hold no place of those shared, and are expected to want one. */
  readonly expected: number;
  /** Places that the function holds of those shared, all versions together. */
  readonly held: number;
  /** Requests that may come now by the rate of requests; absent for callers who wait. */
  readonly requests: number | undefined;
  /** Environments that the function may still start in this window. */
  readonly burst: number;
  /** The processors, or the start of processes, are behind. */
  readonly overloaded: boolean;
}

export type Verdict = { readonly kind: 'grant' } | { readonly kind: 'refuse'; readonly why: ThrottleCause };

const GRANT: Verdict = { kind: 'grant' };

/** May one more invocation of this function run now? */
export function decide(demand: Demand): Verdict {
  const { granted, room, provisioned, reserved, requests, burst, overloaded } = demand;
  if (granted >= provisioned) {
    if (reserved && reserved.held >= reserved.limit) return refuse('reserved-concurrency');
    if (!reserved && isAccountFull(demand)) return refuse('account-concurrency');
  }
  if (requests !== undefined && requests < 1) return refuse(reserved ? 'reserved-request-rate' : 'request-rate');
  if (overloaded) return refuse('machine');
  return granted >= room && burst < 1 ? refuse('scaling-rate') : GRANT;
}

/**
 * A function that holds places leaves one for each function that was called a moment ago and holds none: so one that takes all it can
 * get cannot starve another.
 */
function isAccountFull({ shared, held, expected }: Demand): boolean {
  const back = held === 0 ? 0 : Math.min(expected, Math.floor(shared.limit * SCALING_LIMITS.expectedShareMax));
  return shared.held >= shared.limit - back;
}

function refuse(why: ThrottleCause): Verdict {
  return { kind: 'refuse', why };
}

/** A bucket that refills evenly: what may come in a burst. */
export interface Burst {
  readonly tokens: number;
  readonly at: number;
}

/** Tokens at `now`: full after a whole window without use. */
export function refill({ tokens, at }: Burst, now: number, size: number, windowMs: number): Burst {
  return { tokens: Math.min(size, tokens + ((now - at) * size) / windowMs), at: now };
}

/** One function that has callers waiting. */
export interface Waiting {
  readonly granted: number;
  /** Order in which its first caller came. */
  readonly since: number;
}

/**
 * Whether `a` is served before `b`: the function that holds the fewest places, then the one that has waited longest. So a function
 * with thousands of waiting callers cannot starve one with a single caller.
 */
export function isFairer(a: Waiting, b: Waiting): boolean {
  return a.granted < b.granted || (a.granted === b.granted && a.since < b.since);
}
