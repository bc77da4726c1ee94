import type { ProvisionedState } from '../runtime.ts';
import { SCALING_LIMITS } from './limits.ts';

/** Environments that are there for one version's provisioned concurrency. */
export interface Stock {
  /** Places that were asked for. */
  readonly requested: number;
  /** Environments that have been started, those whose init runs included. */
  readonly environments: number;
  readonly ready: number;
  /** Environments that wait to be started. */
  readonly starting: number;
  /** Inits that have failed since the last one that has not. */
  readonly failures: number;
  /** Places of one environment. */
  readonly concurrency: number;
}

/** Environments to start; below 0, how many are too many. */
export function missing(requested: number, environments: number, concurrency: number): number {
  return Math.ceil(requested / concurrency) - environments;
}

/** Places, not environments: what AWS's API counts. */
export function stateOf({ requested, environments, ready, starting, failures, concurrency }: Stock): ProvisionedState {
  const places = (count: number) => Math.min(requested, count * concurrency);
  const available = places(ready);
  const base = { requested, allocated: places(environments + starting), available };
  if (available >= requested) return { ...base, status: 'ready' };
  if (failures < SCALING_LIMITS.provisionFailuresMax) return { ...base, status: 'in-progress' };
  return { ...base, status: 'failed', reason: 'FUNCTION_ERROR_INIT_FAILURE' };
}

/** Wait before the next attempt after so many failures on end. */
export function retryMs(failures: number): number {
  const { provisionRetryMs, provisionRetryMsMax } = SCALING_LIMITS;
  return Math.min(provisionRetryMsMax, provisionRetryMs * 2 ** Math.max(0, failures - 1));
}
