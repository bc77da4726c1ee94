/**
 * Whether an edge may try, as values: a target that fails whatever it is given is probed, one delivery at a time, instead of
 * being tried with all that waits for it; when it is back it gets one delivery more at a time with each that succeeds.
 *
 *     closed --so many failures in a row--> open --its time comes--> probing --success--> closed, slowly
 *       ^                                    ^                          '--failure--> open, for longer
 *       '------ retry-after of the target ---'
 */
export type Circuit =
  | {
      readonly kind: 'closed';
      /** In a row. */
      readonly failures: number;
      /** Tries at once; infinite once the target has proved itself. */
      readonly limit: number;
    }
  | {
      readonly kind: 'open';
      /** Times it was opened in a row by failures; 0 where it was only asked to wait. */
      readonly trips: number;
      readonly probeAt: number;
      /** The target has asked for the pause: what was begun before that, and succeeds, does not end it. */
      readonly isAsked?: true;
    }
  | { readonly kind: 'probing'; readonly trips: number };

/** Numbers of the circuit of an edge (S5). */
export const CIRCUIT_LIMITS = {
  /** Failures of the target in a row that open it. */
  failuresMax: 20,
  /** The first probe comes within this time, half of it at the earliest; each next one within the double. */
  probeMsBase: 500,
  probeMsMax: 30_000,
} as const;

export const CLOSED: Circuit = { kind: 'closed', failures: 0, limit: Number.POSITIVE_INFINITY };

/** A failed try, as far as it tells about the target. */
export interface TargetFailure {
  /** The target fails whatever it is given. */
  readonly unavailable: boolean;
  /** It has asked to be left alone so long; zero asks for nothing. */
  readonly retryAfterMs?: number;
}

/** The target fails; one that has only asked for a pause does not. */
export function isBroken(circuit: Circuit): boolean {
  return circuit.kind !== 'closed' && circuit.trips > 0;
}

/** How many tries may be under way at `now`. */
export function triesAllowed(circuit: Circuit, now: number, concurrencyMax: number): number {
  if (circuit.kind === 'closed') return Math.min(circuit.limit, concurrencyMax);
  return circuit.kind === 'open' && now >= circuit.probeAt ? 1 : 0;
}

/** A try begins. */
export function onTry(circuit: Circuit): Circuit {
  return circuit.kind === 'open' ? { kind: 'probing', trips: circuit.trips } : circuit;
}

/** A try has succeeded, or has shown that the target looks at what it is given. */
export function onAnswer(circuit: Circuit, concurrencyMax: number): Circuit {
  if (circuit.kind === 'open' && circuit.isAsked) return circuit;
  if (circuit.kind !== 'closed') return { kind: 'closed', failures: 0, limit: 1 };
  if (circuit.failures === 0 && circuit.limit === Number.POSITIVE_INFINITY) return circuit;
  const limit = circuit.limit + 1;
  return { kind: 'closed', failures: 0, limit: limit >= concurrencyMax ? Number.POSITIVE_INFINITY : limit };
}

/** @param jitter  in [0, 1) */
export function onFailure(
  circuit: Circuit,
  failure: TargetFailure,
  now: number,
  jitter: number,
  concurrencyMax: number,
): Circuit {
  const trips = circuit.kind === 'closed' ? 0 : circuit.trips;
  if (failure.retryAfterMs) {
    const probeAt = Math.max(now + failure.retryAfterMs, circuit.kind === 'open' ? circuit.probeAt : 0);
    return { kind: 'open', trips: Math.max(failure.unavailable ? 1 : 0, trips), probeAt, isAsked: true };
  }
  if (!failure.unavailable) return onAnswer(circuit, concurrencyMax);
  if (circuit.kind === 'probing') return opened(trips + 1, now, jitter);
  // What was begun before it opened says nothing new.
  if (circuit.kind === 'open') return circuit;
  const failures = circuit.failures + 1;
  return failures >= CIRCUIT_LIMITS.failuresMax ? opened(1, now, jitter) : { ...circuit, failures };
}

function opened(trips: number, now: number, jitter: number): Circuit {
  const most = Math.min(CIRCUIT_LIMITS.probeMsMax, CIRCUIT_LIMITS.probeMsBase * 2 ** Math.min(trips - 1, 30));
  // Never less than half: a full jitter could probe at once, again and again.
  return { kind: 'open', trips, probeAt: now + Math.ceil((most / 2) * (1 + jitter)) };
}
