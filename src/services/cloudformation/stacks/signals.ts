import { invalid } from '../errors.ts';
import { evaluate, isKnown, type Scope } from '../template/evaluate.ts';
import { isObject, type Json } from '../template/value.ts';

/** What a `CreationPolicy` waits for. */
export interface SignalPolicy {
  readonly count: number;
  readonly timeoutMs: number;
}

const DEFAULT_TIMEOUT = 'PT5M';
const TIMEOUT_MS_MAX = 12 * 3_600_000;

/** The `ResourceSignal` of a resource's `CreationPolicy`, if it has one. @throws validation */
export function signalPolicyOf(policy: Json | undefined, scope: Scope): SignalPolicy | undefined {
  if (policy === undefined) return undefined;
  const value = evaluate(policy, scope, '/Resources');
  if (value === undefined || !isKnown(value)) return undefined;
  const signal = isObject(value) ? value.ResourceSignal : undefined;
  if (!isObject(signal)) return undefined;
  const count = Number(signal.Count ?? 1);
  if (!Number.isInteger(count) || count < 0) throw invalid('CreationPolicy: Count must be a whole number');
  return { count, timeoutMs: durationMs(String(signal.Timeout ?? DEFAULT_TIMEOUT)) };
}

/** An ISO 8601 duration of hours, minutes and seconds, at most twelve hours. */
function durationMs(text: string): number {
  const [, hours, minutes, seconds] = /^PT(?=\d)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?$/.exec(text) ?? [];
  const ms = ((Number(hours ?? 0) * 60 + Number(minutes ?? 0)) * 60 + Number(seconds ?? 0)) * 1_000;
  if (ms <= 0 || ms > TIMEOUT_MS_MAX) throw invalid(`CreationPolicy: Timeout ${text} is not between PT1S and PT12H`);
  return ms;
}
