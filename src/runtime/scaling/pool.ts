import type { Environment } from '../environments/environment.ts';
import type { FunctionSpec, PoolState } from '../runtime.ts';
import type { Launch } from '../starts/launch.ts';
import type { Burst } from './scaling.ts';

/** A caller that waits for a place. */
export interface Waiter {
  readonly grant: () => void;
  readonly fail: (error: unknown) => void;
}

/** Places of one function, all its versions together: what reserved concurrency limits. */
export interface Share {
  granted: number;
  /** Absent: the function shares the account's limit. */
  reserved: number | undefined;
}

/** The environments of one function version, and who waits for them. */
export class Pool {
  spec: FunctionSpec;
  launch: Launch;
  readonly share: Share;
  /** Places held: invocations that run, and reservations that have not begun. */
  granted = 0;
  burst: Burst;
  /** Order in which the first of the waiting callers came. */
  since = 0;
  readonly environments = new Set<Environment>();
  /** Last used last: taken from the end, so that the rest stay idle long enough to be shut down. */
  readonly idle: Environment[] = [];
  readonly waiting: Waiter[] = [];
  coldStarts = 0;
  invocations = 0;
  errors = 0;

  constructor(spec: FunctionSpec, launch: Launch, share: Share, burst: Burst) {
    this.spec = spec;
    this.launch = launch;
    this.share = share;
    this.burst = burst;
  }

  /** The idle environment that was used last; those whose credentials are about to expire go on the way. */
  takeIdle(): Environment | undefined {
    let environment = this.idle.pop();
    while (environment?.stale) {
      environment.retire();
      environment = this.idle.pop();
    }
    return environment;
  }

  /** An environment that is no longer used by its slot: kept while it can serve and is of the current revision. */
  giveBack(environment: Environment): void {
    if (environment.phase.kind === 'shutdown') return;
    if (environment.spec.revision !== this.spec.revision || environment.stale) return environment.retire();
    this.idle.push(environment);
  }

  /** Forgets an environment that has shut down. */
  remove(environment: Environment): void {
    this.environments.delete(environment);
    const index = this.idle.indexOf(environment);
    if (index >= 0) this.idle.splice(index, 1);
  }

  /** Shuts down the idle ones now and the others after their invocation. */
  retireAll(): void {
    for (const environment of [...this.environments]) environment.retire();
  }

  state(): PoolState {
    const { granted: busy, coldStarts, invocations, errors } = this;
    return { functionArn: this.spec.arn, busy, idle: this.idle.length, coldStarts, invocations, errors };
  }
}
