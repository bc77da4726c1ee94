/** Scaling, as decisions only: numbers in, a verdict out. `pool.ts` obeys. */

/** What is known of one function when a place is asked for. */
export interface Demand {
  /** Places held now, of this version. */
  readonly granted: number;
  /** Environments of this version that are alive, busy or not. */
  readonly environments: number;
  /** The function's own limit and the places it holds, all versions together; absent shares the account's. */
  readonly reserved: { readonly granted: number; readonly limit: number } | undefined;
  /** Environments that the function may still start in this window. */
  readonly burst: number;
  /** Places held by all functions that share the account's limit, and that limit less what others have reserved. */
  readonly shared: { readonly granted: number; readonly limit: number };
}

/** `grant` with `starts` when the function then holds more places than it has environments. */
export type Verdict =
  | { readonly kind: 'grant'; readonly starts: boolean }
  | { readonly kind: 'refuse'; readonly why: 'reserved-concurrency' | 'account-concurrency' | 'scaling-rate' };

/** May one more invocation of this function run now? */
export function decide({ granted, environments, reserved, burst, shared }: Demand): Verdict {
  if (reserved && reserved.granted >= reserved.limit) return { kind: 'refuse', why: 'reserved-concurrency' };
  if (!reserved && shared.granted >= shared.limit) return { kind: 'refuse', why: 'account-concurrency' };
  const starts = granted >= environments;
  if (starts && burst < 1) return { kind: 'refuse', why: 'scaling-rate' };
  return { kind: 'grant', starts };
}

/** A bucket that refills evenly: what may be started in a burst. */
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
 * Who is next when a place is free: the function that holds the fewest, then the one that has waited longest. So a function
 * with thousands of waiting callers cannot starve one with a single caller.
 */
export function fairest<T extends Waiting>(waiting: Iterable<T>): T | undefined {
  let best: T | undefined;
  for (const one of waiting) {
    if (!best || one.granted < best.granted || (one.granted === best.granted && one.since < best.since)) best = one;
  }
  return best;
}

/** Idle environments, oldest use first: those to shut down at `now`. */
export function expired<T extends { readonly idleSince: number }>(
  idle: readonly T[],
  now: number,
  keepAliveMs: number,
): T[] {
  return idle.filter(({ idleSince }) => now - idleSince >= keepAliveMs);
}
