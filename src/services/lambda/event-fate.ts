/** What becomes of an event after each try: decided here, carried out by {@link Asynchronous}. */
import type { EventInvokeConfig } from './model.ts';

/** Numbers of asynchronous invocations (S5). @see Lambda developer guide, "How Lambda handles errors and retries with asynchronous invocation" */
export const ASYNC_LIMITS = {
  /** Retries after an error of the function, where its configuration says nothing: 0 to 2. */
  retriesMax: 2,
  /** Age at which an event is given up, where the configuration says nothing: 60 s to 6 h. */
  ageMsMax: 21_600_000,
  /** Wait before the first retry; before the second it is twice as long. */
  retryWaitMs: 60_000,
  /** Waits after a throttle or an error of the system: doubled from the first to the longest. */
  backoffMsMin: 1_000,
  backoffMsMax: 300_000,
  /** How long an event waits for a free place before the try counts as throttled. */
  placeWaitMsMax: 60_000,
  /** One try: waiting for a place, a start, init, and the longest timeout of a function. What takes longer is lost, and tried again. */
  tryMsMax: 20 * 60_000,
  /** Events of one function, version or alias under way at once; the others wait in the outbox. */
  concurrencyMax: 128,
  /** Retries of an invocation record or a dead letter, up to the age of its event. */
  recordAttemptsMax: 100,
  /** Error message in a dead letter: its first bytes. */
  letterMessageBytesMax: 1024,
  /** Characters of a response in an invocation record that is no JSON. */
  strayTextMax: 65_536,
} as const;

/** How the events of one function, version or alias are treated. */
export interface EventSettings {
  readonly retriesMax: number;
  readonly ageMsMax: number;
  readonly onSuccess?: string;
  readonly onFailure?: string;
  readonly deadLetterArn?: string;
}

export function settingsOf(config: Partial<EventInvokeConfig> = {}, deadLetterArn: string | undefined): EventSettings {
  const { retriesMax = ASYNC_LIMITS.retriesMax, ageSecondsMax, onSuccess, onFailure } = config;
  return {
    retriesMax,
    ageMsMax: ageSecondsMax === undefined ? ASYNC_LIMITS.ageMsMax : ageSecondsMax * 1000,
    ...(onSuccess !== undefined && { onSuccess }),
    ...(onFailure !== undefined && { onFailure }),
    ...(deadLetterArn !== undefined && { deadLetterArn }),
  };
}

/**
 * What came of a try.
 * - `failed`: the function has failed, or is not there: one of the tries that the configuration allows.
 * - `held-up`: it could not be run now, through no fault of its own. - `impossible`: no further try would help.
 */
export type Ending = 'success' | 'failed' | 'held-up' | 'impossible';

/** Why an event is over, as invocation records name it. */
export type Condition = 'Success' | 'RetriesExhausted' | 'EventAgeExceeded' | 'ZeroReservedConcurrency';

export type Fate =
  | { readonly kind: 'again'; readonly afterMs: number; readonly counts: boolean }
  | { readonly kind: 'over'; readonly condition: Condition };

/**
 * @param attempt  tries made that count, this one included; @param uncounted  tries before it that were held up
 * @param ageMs  of the event by now
 */
export function fateOf(
  ending: Ending,
  { attempt, uncounted, ageMs }: { readonly attempt: number; readonly uncounted: number; readonly ageMs: number },
  { retriesMax, ageMsMax }: EventSettings,
): Fate {
  switch (ending) {
    case 'success':
      return { kind: 'over', condition: 'Success' };
    case 'impossible':
      return { kind: 'over', condition: 'RetriesExhausted' };
    case 'failed': {
      if (attempt > retriesMax) return { kind: 'over', condition: 'RetriesExhausted' };
      const afterMs = ASYNC_LIMITS.retryWaitMs * attempt;
      // A retry that would come too late is not waited for.
      if (ageMs + afterMs >= ageMsMax) return { kind: 'over', condition: 'EventAgeExceeded' };
      return { kind: 'again', afterMs, counts: true };
    }
    case 'held-up': {
      const leftMs = ageMsMax - ageMs;
      if (leftMs <= ASYNC_LIMITS.backoffMsMin) return { kind: 'over', condition: 'EventAgeExceeded' };
      const backoffMs = Math.min(ASYNC_LIMITS.backoffMsMax, ASYNC_LIMITS.backoffMsMin * 2 ** Math.min(uncounted, 30));
      // The last try is just before the end, so that it is known then what the event has lacked.
      return { kind: 'again', afterMs: Math.min(backoffMs, leftMs - ASYNC_LIMITS.backoffMsMin), counts: false };
    }
  }
}
