/** A token bucket as a value: `tokens` may be below zero, for calls that wait for theirs. */
export interface Bucket {
  readonly tokens: number;
  /** Monotonic milliseconds. */
  readonly at: number;
}

/** What a bucket holds at most, as a part of a second: so much may come at once. */
const BURST_SECONDS = 0.1;

export function newBucket(perSecond: number, now: number): Bucket {
  return { tokens: burstOf(perSecond), at: now };
}

/**
 * Takes a token, ahead of time if need be: whoever takes it waits so long.
 *
 * @param waitMsMax  when the wait would be longer nothing is taken
 */
export function takeToken(
  bucket: Bucket,
  perSecond: number,
  now: number,
  waitMsMax: number,
): { readonly bucket: Bucket; readonly waitMs: number; readonly taken: boolean } {
  const filled = bucket.tokens + ((now - bucket.at) / 1000) * perSecond;
  const tokens = Math.min(burstOf(perSecond), filled) - 1;
  const waitMs = tokens >= 0 ? 0 : (-tokens / perSecond) * 1000;
  if (waitMs > waitMsMax) return { bucket, waitMs, taken: false };
  return { bucket: { tokens, at: now }, waitMs, taken: true };
}

/** At least one, else nobody would ever get any. */
function burstOf(perSecond: number): number {
  return Math.max(1, perSecond * BURST_SECONDS);
}
