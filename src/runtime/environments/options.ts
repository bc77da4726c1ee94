import type { Clock } from '../../base/index.ts';
import type { FunctionSpec } from '../runtime.ts';
import type { Placement } from '../sandbox/sandbox.ts';
import type { CodeCaches } from '../starts/code-caches.ts';
import type { Launch } from '../starts/launch.ts';
import type { RuntimeConnection } from './connection.ts';
import type { Environment } from './environment.ts';
import type { FunctionCredentials } from './function-variables.ts';
import type { Failure } from './life-cycle.ts';
import type { EnvironmentLog } from './report.ts';

/** A start from a snapshot. */
export interface SnapshotStart {
  /** Holds its file; absent where it is a process that forks. */
  readonly directory: string | undefined;
  /** Told when a process does not come up from it, so that none is started from it again. */
  readonly onFailed: (failure: Failure) => void;
}

/** Why an environment is started for which no invocation waits. */
export type Ahead = 'provisioned' | 'pre-warmed';

export interface EnvironmentOptions {
  readonly spec: FunctionSpec;
  readonly launch: Launch;
  readonly connection: RuntimeConnection;
  readonly clock: Clock;
  readonly log: EnvironmentLog;
  readonly codeCaches: CodeCaches;
  /** Awaited before the code is loaded: a rejection is nobody's till then, and is handled by whoever gives the promise. */
  readonly credentials: FunctionCredentials | Promise<FunctionCredentials>;
  /** Variables of the function and those that Lambda adds. */
  readonly variables: (credentials: FunctionCredentials, placement: Placement) => Readonly<Record<string, string>>;
  /** Init has failed once and is repeated within the invocation, bounded by the function's timeout as that is. */
  readonly repeatsInit: boolean;
  /** What it starts from. */
  readonly snapshot?: SnapshotStart | undefined;
  /** Absent when an invocation waits for it. */
  readonly ahead?: Ahead | undefined;
  /** Told when the process has come up, and when the handler is loaded. */
  readonly onProgress: (environment: Environment) => void;
  /** Told once, when the environment will not serve again. */
  readonly onShutdown: (environment: Environment) => void;
}
