import type { TraceContext } from '../telemetry/index.ts';
import type { Egress } from './sandbox/sandbox.ts';

/** What an environment needs to know of one function version. */
export interface FunctionSpec {
  readonly arn: string;
  readonly name: string;
  /** `$LATEST` or a number. */
  readonly version: string;
  /** `nodejs24.x`, `python3.12`, `provided.al2023`, ...: as AWS names them. */
  readonly runtime: string;
  /** `file.export`. */
  readonly handler: string;
  /** Folder with the unpacked code; read-only to the function. */
  readonly codeDirectory: string;
  /** SHA-256 of the package, base64 (`CodeSha256`): keys the code cache. */
  readonly codeHash: string;
  /** Folders with the unpacked layers, in the order of their application. */
  readonly layers: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** 128 to 10,240 MB. */
  readonly memoryMb: number;
  /** 1 to 900,000 ms. */
  readonly timeoutMs: number;
  /** 512 to 10,240 MB. */
  readonly ephemeralStorageMb: number;
  readonly logGroup: string;
  /** Execution role, whose credentials the function gets; empty where it has none. */
  readonly roleArn: string;
  /** Environments at most; absent shares the account's limit. */
  readonly reservedConcurrency?: number;
  /** Environments of this version that are kept initialised whatever the traffic: 0 or more. */
  readonly provisionedConcurrency: number;
  /** Invocations that one environment runs at once: 1 to 1,000; 1 is Lambda's. */
  readonly environmentConcurrency: number;
  /** New environments start from a snapshot that was taken after init (`SnapStart: PublishedVersions`). */
  readonly snapStart: boolean;
  readonly egress: Egress;
  /** Its environments have a door for X-Ray's segments: `TracingConfig` is `Active`. */
  readonly traced?: boolean;
  /** A debugger may attach to its environment at this TCP port of loopback; see `inspection/`. Node's runtimes only. */
  readonly inspectorPort?: number;
  /** Changes whenever anything above does: environments of an older revision are retired. */
  readonly revision: string;
}

export interface Invocation {
  readonly requestId: string;
  /** JSON; at most 6 MB (synchronous) or 1 MB (asynchronous), checked by the service. */
  readonly payload: Uint8Array;
  readonly trace: TraceContext;
  /** ARN as the caller named it, with its alias or version: `context.invokedFunctionArn`. The specification's unless said. */
  readonly invokedArn?: string;
  /** Base64 client context, as the header brings it. */
  readonly clientContext?: string;
  /** Takes the response as it comes, for a handler that streams it; others answer with a payload all the same. */
  readonly stream?: ResponseStream;
  /**
   * Told the answer, once at most, when the runtime is done and extensions are not: the caller need not wait for them. The place is
   * taken until they are, and the result comes then all the same, its log tail without what was told here.
   */
  readonly onAnswer?: (answer: InvocationAnswer) => void;
}

/** Who takes a streamed response. */
export interface ResponseStream {
  /** Called once, before the first chunk. @param contentType  as the handler set it; `application/octet-stream` unless it did */
  start(contentType: string): void;
  /** @returns a promise when the taker is behind: the environment is not read from until it resolves */
  write(chunk: Uint8Array): Promise<void> | void;
}

/** What an invocation cost, as the `REPORT` line gives it. */
export interface Metering {
  /** Present on cold starts, milliseconds; but not where init was repeated, and so is part of the duration. */
  readonly initMs?: number;
  /** Present on starts from a snapshot, milliseconds, hooks included. */
  readonly restoreMs?: number;
  /** Until the runtime has answered and every extension that is told of invocations is done. */
  readonly durationMs: number;
  /** The part of it after the runtime's answer, where extensions are told of invocations. */
  readonly extensionsMs?: number;
  /** Whole, rounded up; init is billed too, as AWS does since August 2025. */
  readonly billedMs: number;
  readonly memoryUsedMb: number;
  /** - `cold`: the code was loaded for this invocation; `restored`: from a snapshot. - `pre-warmed`: the first invocation of an
   *  environment that was started ahead of demand. - `warm`: any later one. */
  readonly start: 'cold' | 'restored' | 'pre-warmed' | 'warm';
  /** The environment is one of the function's provisioned concurrency; an invocation of such a function without it is a spillover. */
  readonly provisioned?: true;
}

/** What the caller gets. A response that was streamed has an empty payload; one that broke off is an error. */
export type InvocationAnswer =
  | { readonly kind: 'success'; readonly payload: Uint8Array; readonly logTail: string }
  | {
      readonly kind: 'error';
      /** `{"errorType":...,"errorMessage":...,"trace":[...]}` as AWS returns it. */
      readonly payload: Uint8Array;
      /** `Runtime.ExitError`, `Sandbox.Timedout`, or the thrown error's name. */
      readonly errorType: string;
      /** True when the handler itself reported it; false when the environment failed around it. */
      readonly handled: boolean;
      readonly logTail: string;
    };

/** An invocation that is over, with what it has cost. */
export type InvocationResult = InvocationAnswer & { readonly metering: Metering };

/** A place in an environment, held by the caller until disposed. */
export interface Slot extends Disposable {
  /** Runs one invocation. The signal only stops the waiting: an invocation that has begun runs to its end or its timeout. */
  invoke(invocation: Invocation, signal?: AbortSignal): Promise<InvocationResult>;
}

/** - `concurrency-limit`: the function's or account's limit is reached (`TooManyRequestsException`). Retry later.
 *  - `runtime-unknown`: no such managed runtime. - `runtime-unavailable`: not on this machine. - `runtime-closed`: the node is draining. */
export type RuntimeErrorCode = 'concurrency-limit' | 'runtime-unknown' | 'runtime-unavailable' | 'runtime-closed';

/**
 * Why a place was refused: `fields.why` of `concurrency-limit`.
 * - `reserved-concurrency`, `account-concurrency`: as many invocations run as may. - `scaling-rate`: 1,000 new environments in 10 s.
 * - `reserved-request-rate`, `request-rate`: more than ten requests a second for each of the function's places.
 * - `machine`: the processors, or the start of further processes, are behind by more than waiting would mend.
 */
export type ThrottleCause =
  | 'reserved-concurrency'
  | 'account-concurrency'
  | 'scaling-rate'
  | 'reserved-request-rate'
  | 'request-rate'
  | 'machine';

/** Where lines that functions write go: `services/logs` implements it. Never blocks; drops are counted, not hidden. */
export interface FunctionLogSink {
  /** @param timestamp epoch milliseconds; @param message without its line end; @param region of the group */
  write(logGroup: string, logStream: string, timestamp: number, message: string, region?: string): void;
}

/** Numbers of the pool, for the flow picture and metrics. */
export interface PoolState {
  readonly functionArn: string;
  readonly busy: number;
  readonly idle: number;
  readonly coldStarts: number;
  readonly invocations: number;
  readonly errors: number;
}

/** What has come of provisioned concurrency, as `GetProvisionedConcurrencyConfig` tells it. */
export interface ProvisionedState {
  readonly requested: number;
  /** Environments that exist for it: those under way as well. */
  readonly allocated: number;
  /** Those that are initialised, busy or idle. */
  readonly available: number;
  /** `failed`: init has failed several times on end; it is tried on, ever more rarely. */
  readonly status: 'in-progress' | 'ready' | 'failed';
  /** Why environments cannot be had; present when it failed. */
  readonly reason?: string;
}

/** Provisioned concurrency. */
export interface Provisioning {
  /**
   * Keeps `spec.provisionedConcurrency` environments of this version initialised, and replaces those that end; 0 ends it, and
   * what is idle of them. Returns at once: {@link provisioned} tells how far it has come. Again with each node start, since
   * nothing of it is kept on disk.
   *
   * The number counts against the function's reserved concurrency or, without one, against the account's, used or not. Whether
   * there is room is the caller's to check before. Invocations beyond the number get environments on demand.
   */
  provision(spec: FunctionSpec): void;
  /** @returns nothing for a version that has none */
  provisioned(functionArn: string): ProvisionedState | undefined;
}

/** - `on`: environments of the version start from a snapshot. - `off`: they start without, for the reason given. */
export type SnapshotOutcome = { readonly kind: 'on' } | { readonly kind: 'off'; readonly reason: string };

/** Whether a caller waits for a place: see {@link Runtime.reserve}. */
export type Wait = boolean | 'processors';

/** The execution environments of a node (DESIGN §5). */
export interface Runtime extends Provisioning, AsyncDisposable {
  /**
   * Takes a place for one invocation at a time.
   *
   * @param wait  `true` waits for a free place (pollers); `false` throws `concurrency-limit` at once (Invoke); `processors` waits a
   *   moment where only the processors are short of time, and else throws at once (APIs, whose callers know no retries)
   */
  reserve(spec: FunctionSpec, options: { readonly wait: Wait; readonly signal?: AbortSignal }): Promise<Slot>;
  /**
   * Runs the init of a version that starts from snapshots (`spec.snapStart`) and keeps what it leaves. Once a version; later calls
   * find what is there.
   *
   * @throws snapshot-init-failed  init has failed or taken too long: the version cannot be used
   */
  snapshot(spec: FunctionSpec): Promise<SnapshotOutcome>;
  /**
   * Retires the environments of a version that was changed or deleted, once they are idle; its provisioned concurrency ends.
   *
   * @param successor  the version as it is now, for those who hold a place or wait for one; absent where it is gone
   */
  retire(functionArn: string, successor?: FunctionSpec): void;
  /**
   * The reserved concurrency of a function is another one: it holds at once, for those who wait too.
   *
   * @param functionArn  without a version; @param reserved  absent: it shares the account's concurrency
   */
  reserveConcurrency(functionArn: string, reserved: number | undefined): void;
  pools(): readonly PoolState[];
}
