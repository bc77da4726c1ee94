import type { Socket } from 'node:net';
import { abortable, type Clock, DomainError, onAbort, type Random, type Timer } from '../base/index.ts';
import type { Counter, Logger, Metrics } from '../telemetry/index.ts';
import { Environment } from './environments/environment.ts';
import { type FunctionCredentials, functionVariables, startVariables } from './environments/function-variables.ts';
import { EnvironmentLog, logStreamName } from './environments/report.ts';
import { RUNTIME_LIMITS } from './limits.ts';
import type { FunctionLogSink, FunctionSpec, PoolState, Runtime, RuntimeErrorCode, Slot } from './runtime.ts';
import type { Sandbox, SandboxEngine } from './sandbox/sandbox.ts';
import { Place, type PlaceHost } from './scaling/place.ts';
import { Pool, type Share } from './scaling/pool.ts';
import { decide, expired, fairest, refill, type Verdict } from './scaling/scaling.ts';
import type { BlankPools } from './starts/blank-pools.ts';
import type { CodeCaches } from './starts/code-caches.ts';
import type { Launch } from './starts/launch.ts';
import type { Launches } from './starts/launches.ts';

export interface RuntimeOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly logs: FunctionLogSink;
  /** Code caches and the private folders of environments; what stands in its `tmp` is removed. */
  readonly directory: string;
  /** `AWS_ENDPOINT_URL` of functions; asked when an environment starts, since the port may not be known before. */
  readonly endpoint: () => string;
  /**
   * Credentials of the function's role, asked for each environment; one whose credentials are about to expire is retired, and one
   * for which there are none fails its invocation with the reason. The default ones are those that `dev` accepts.
   */
  readonly credentials?: (spec: FunctionSpec) => FunctionCredentials | Promise<FunctionCredentials>;
  /** Which walls functions run in; `auto`, the strongest that the machine runs, unless said. */
  readonly engine?: SandboxEngine | 'auto';
  /** Where sandboxes find the APIs of the node; without it those with a network of their own do not reach them. */
  readonly nodeDoor?: NodeDoor;
  /** Blank environments kept ready: 0 to 100; 2 unless said. */
  readonly blanks?: number;
  /** Quiet time after the start before the first blank one is started; 500 ms unless said. */
  readonly blanksAfterMs?: number;
  readonly accountConcurrency?: number;
  readonly environmentsMax?: number;
  readonly keepAliveMs?: number;
  /** How long `dispose` waits for invocations that run before it kills them; 10 s unless said. */
  readonly drainMs?: number;
}

/** The door through which functions reach the APIs of the node. */
export interface NodeDoor {
  /** Port of the door, and where the node listens itself; until it does, no blank environment is started ahead. */
  address(): { readonly port: number; readonly hostAddress: string } | undefined;
  /** Takes a connection that comes from a sandbox, and is to be served as one. */
  accept(socket: Socket): void;
}

const DEV_CREDENTIALS: FunctionCredentials = {
  accessKeyId: 'ASIAMILLRACEFUNCTION',
  secretAccessKey: 'millrace',
  sessionToken: 'millrace',
};

/** What starts environments. */
export interface Starts {
  readonly sandbox: Sandbox;
  readonly codeCaches: CodeCaches;
  readonly launches: Launches;
  readonly blanks: BlankPools;
}

/** The execution environments of a node: pools, scaling and the fair queue. */
export class ManagedRuntime implements Runtime, PlaceHost {
  readonly #options: RuntimeOptions;
  readonly #starts: Starts;
  readonly #pools = new Map<string, Pool>();
  /** Environments that run or have not been frozen yet: those that are watched. */
  readonly #awake = new Set<Environment>();
  /** Pools whose callers wait. */
  readonly #contended = new Set<Pool>();
  readonly #accountConcurrency: number;
  readonly #keepAliveMs: number;
  readonly #environmentsMax: number;
  readonly #coldStarts: Counter;
  /** Places by function, all versions together. */
  readonly #shares = new Map<string, Share>();
  #environments = 0;
  #waitingCount = 0;
  #arrivals = 0;
  /** Places held by functions without a reservation. */
  #sharedGranted = 0;
  /** Concurrency that functions with a reservation hold back from the rest. */
  #reserved = 0;
  #watchTimer: Timer | undefined;
  #keepAliveTimer: Timer | undefined;
  #closed = false;
  #onDrained: (() => void) | undefined;

  constructor(options: RuntimeOptions, starts: Starts) {
    this.#options = options;
    this.#starts = starts;
    this.#accountConcurrency = options.accountConcurrency ?? RUNTIME_LIMITS.accountConcurrency;
    this.#keepAliveMs = options.keepAliveMs ?? RUNTIME_LIMITS.keepAliveMs;
    this.#environmentsMax = options.environmentsMax ?? RUNTIME_LIMITS.environmentsMax;
    this.#coldStarts = options.metrics.counter('millrace_cold_starts_total', 'Execution environments started');
  }

  async reserve(
    spec: FunctionSpec,
    { wait, signal }: { readonly wait: boolean; readonly signal?: AbortSignal },
  ): Promise<Slot> {
    if (this.#closed) throw refusal('runtime-closed', 'the node is draining', 'retry');
    signal?.throwIfAborted();
    const launching = this.#starts.launches.of(spec.runtime);
    const launch = launching instanceof Promise ? await this.#prepared(launching, signal) : launching;
    const pool = this.#poolOf(spec, launch);
    const verdict = this.#decide(pool);
    if (verdict.kind === 'grant') return this.#grant(pool, verdict.starts);
    if (!wait) throw refusal('concurrency-limit', 'Rate Exceeded.', 'retry', { why: verdict.why });
    return this.#enqueue(pool, signal);
  }

  retire(functionArn: string): void {
    const pool = this.#pools.get(functionArn);
    pool?.retireAll();
    if (!pool || pool.granted > 0 || pool.waiting.length > 0) return;
    this.#pools.delete(functionArn);
    if ([...this.#pools.values()].some(({ share }) => share === pool.share)) return;
    this.#reserveShare(pool.share, undefined);
    this.#shares.delete(shareName(functionArn));
  }

  pools(): readonly PoolState[] {
    return Array.from(this.#pools.values(), (pool) => pool.state());
  }

  /** The walls that functions run in. */
  get engine(): SandboxEngine {
    return this.#starts.sandbox.engine;
  }

  /** Blank environments that wait for code. */
  get blanksReady(): number {
    return this.#starts.blanks.ready;
  }

  /** Accepts nothing more, lets what runs end (for `drainMs` at most), then ends every process. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const pool of this.#contended) {
      for (const { fail } of pool.waiting.splice(0)) fail(refusal('runtime-closed', 'the node is draining', 'retry'));
    }
    this.#contended.clear();
    await this.#drain(this.#options.drainMs ?? 10_000);
    const environments = [...this.#pools.values()].flatMap((pool) => [...pool.environments]);
    for (const environment of environments) environment.kill();
    this.#watchTimer?.cancel();
    this.#keepAliveTimer?.cancel();
    await Promise.all([this.#starts.blanks.close(), ...environments.map((environment) => environment.ended())]);
    await this.#starts.codeCaches.flush();
    await this.#starts.sandbox[Symbol.asyncDispose]();
  }

  /** A runtime may be installed first; the node may close meanwhile. */
  async #prepared(launching: Promise<Launch>, signal: AbortSignal | undefined): Promise<Launch> {
    const launch = await (signal ? abortable(launching, signal) : launching);
    if (this.#closed) throw refusal('runtime-closed', 'the node is draining', 'retry');
    return launch;
  }

  #poolOf(spec: FunctionSpec, launch: Launch): Pool {
    let pool = this.#pools.get(spec.arn);
    if (!pool) {
      pool = new Pool(spec, launch, this.#shareOf(spec), {
        tokens: RUNTIME_LIMITS.scalingBurst,
        at: this.#options.clock.monotonic(),
      });
      this.#pools.set(spec.arn, pool);
    }
    if (pool.spec.revision !== spec.revision) {
      // The new specification first: environments that come back from now on are compared with it.
      pool.spec = spec;
      pool.launch = launch;
      pool.retireAll();
    }
    if (pool.share.reserved !== spec.reservedConcurrency) this.#reserveShare(pool.share, spec.reservedConcurrency);
    return pool;
  }

  #shareOf({ arn }: FunctionSpec): Share {
    const name = shareName(arn);
    let share = this.#shares.get(name);
    if (!share) {
      share = { granted: 0, reserved: undefined };
      this.#shares.set(name, share);
    }
    return share;
  }

  /** A function whose reservation comes or goes moves its places from one account to the other. */
  #reserveShare(share: Share, reserved: number | undefined): void {
    this.#reserved += (reserved ?? 0) - (share.reserved ?? 0);
    if (share.reserved === undefined && reserved !== undefined) this.#sharedGranted -= share.granted;
    if (share.reserved !== undefined && reserved === undefined) this.#sharedGranted += share.granted;
    share.reserved = reserved;
  }

  #decide(pool: Pool): Verdict {
    const { granted, share, environments } = pool;
    const { scalingBurst, scalingWindowMs } = RUNTIME_LIMITS;
    if (pool.burst.tokens < scalingBurst) {
      pool.burst = refill(pool.burst, this.#options.clock.monotonic(), scalingBurst, scalingWindowMs);
    }
    return decide({
      granted,
      environments: environments.size,
      reserved: share.reserved === undefined ? undefined : { granted: share.granted, limit: share.reserved },
      burst: pool.burst.tokens,
      shared: { granted: this.#sharedGranted, limit: this.#accountConcurrency - this.#reserved },
    });
  }

  #grant(pool: Pool, starts: boolean): Slot {
    if (starts) pool.burst = { tokens: pool.burst.tokens - 1, at: this.#options.clock.monotonic() };
    pool.granted++;
    pool.share.granted++;
    if (pool.share.reserved === undefined) this.#sharedGranted++;
    return new Place(this, pool);
  }

  #enqueue(pool: Pool, signal: AbortSignal | undefined): Promise<Slot> {
    if (this.#waitingCount >= RUNTIME_LIMITS.waitingMax) throw refusal('concurrency-limit', 'Rate Exceeded.', 'retry');
    return new Promise<Slot>((resolve, reject) => {
      const leave = () => {
        forget();
        this.#waitingCount--;
      };
      const waiter = {
        grant: () => {
          leave();
          resolve(this.#grant(pool, pool.granted >= pool.environments.size));
        },
        fail: (error: unknown) => {
          leave();
          reject(error);
        },
      };
      if (pool.waiting.length === 0) pool.since = this.#arrivals++;
      pool.waiting.push(waiter);
      this.#contended.add(pool);
      this.#waitingCount++;
      const forget = signal
        ? onAbort(signal, (reason) => {
            pool.waiting.splice(pool.waiting.indexOf(waiter), 1);
            waiter.fail(reason);
          })
        : () => {};
      this.#watchSoon();
    });
  }

  /** Gives free places to those who wait, the fairest first. */
  #serve(): void {
    while (this.#contended.size > 0) {
      const able = [...this.#contended].filter(
        (pool) => pool.waiting.length > 0 && this.#decide(pool).kind === 'grant',
      );
      const next = fairest(able);
      if (!next) break;
      next.waiting.shift()!.grant();
      if (next.waiting.length > 0) next.since = this.#arrivals++;
    }
    for (const pool of this.#contended) if (pool.waiting.length === 0) this.#contended.delete(pool);
  }

  acquire(pool: Pool): Environment {
    return this.#wake(pool.takeIdle() ?? this.#start(pool));
  }

  repeatInit(pool: Pool, { log }: Environment): Environment {
    return this.#wake(this.#start(pool, log));
  }

  #wake(environment: Environment): Environment {
    this.#awake.add(environment);
    this.#watchSoon();
    return environment;
  }

  release(pool: Pool, environment: Environment | undefined): void {
    pool.granted--;
    pool.share.granted--;
    if (pool.share.reserved === undefined) this.#sharedGranted--;
    if (environment) pool.giveBack(environment);
    if (this.#contended.size > 0) this.#serve();
    if (this.#onDrained && this.#granted() === 0) this.#onDrained();
  }

  /** @param repeated  the log of the environment whose init is repeated: to the function's owner the two are one */
  #start(pool: Pool, repeated?: EnvironmentLog): Environment {
    const { spec, launch } = pool;
    const { clock, random, logs, endpoint, nodeDoor, credentials } = this.#options;
    const blanks = this.#starts.blanks.of(launch);
    if (this.#environments >= this.#environmentsMax) this.#evictIdle();
    const log = repeated ?? new EnvironmentLog(logs, clock, spec, newStreamName(spec, clock, random));
    const fresh = startVariables(spec);
    const connection = fresh ? blanks.startFresh(fresh) : blanks.take();
    const reached = () => (nodeDoor ? `http://${connection.process.addressOf('node')}` : endpoint());
    const environment = new Environment({
      spec,
      clock,
      launch,
      connection,
      log,
      repeatsInit: repeated !== undefined,
      codeCaches: this.#starts.codeCaches,
      credentials: credentials?.(spec) ?? DEV_CREDENTIALS,
      variables: (granted, placement) => functionVariables(spec, log.stream, reached(), granted, placement),
      onShutdown: (ended) => {
        this.#environments--;
        pool.remove(ended);
      },
    });
    this.#environments++;
    pool.environments.add(environment);
    pool.coldStarts++;
    this.#coldStarts.add();
    environment.start();
    this.#expireLater();
    return environment;
  }

  /** Makes room for another process: the environment that has been idle for longest goes. */
  #evictIdle(): void {
    let oldest: Environment | undefined;
    for (const { idle } of this.#pools.values()) {
      if (idle[0] && (!oldest || idle[0].idleSince < oldest.idleSince)) oldest = idle[0];
    }
    oldest?.retire();
  }

  #watchSoon(): void {
    if (this.#closed && this.#granted() === 0) return;
    this.#watchTimer ??= this.#options.clock.timer(RUNTIME_LIMITS.watchMs, () => this.#watch());
  }

  #watch(): void {
    this.#watchTimer = undefined;
    for (const environment of this.#awake) if (!environment.watch()) this.#awake.delete(environment);
    this.#serve();
    if (this.#awake.size > 0 || this.#contended.size > 0) this.#watchSoon();
  }

  /** Looks for idle ones to shut down, as long as there are environments at all. */
  #expireLater(): void {
    const every = Math.min(30_000, Math.max(1_000, this.#keepAliveMs / 10));
    this.#keepAliveTimer ??= this.#options.clock.timer(every, () => {
      this.#keepAliveTimer = undefined;
      const now = this.#options.clock.monotonic();
      for (const pool of this.#pools.values()) {
        for (const environment of expired(pool.idle, now, this.#keepAliveMs)) environment.retire();
      }
      if (this.#environments > 0 && !this.#closed) this.#expireLater();
    });
  }

  #granted(): number {
    let sum = 0;
    for (const { granted } of this.#pools.values()) sum += granted;
    return sum;
  }

  async #drain(limitMs: number): Promise<void> {
    if (this.#granted() === 0) return;
    const drained = new Promise<void>((resolve) => {
      this.#onDrained = resolve;
    });
    const limit = new AbortController();
    const timer = this.#options.clock.timer(limitMs, () => limit.abort());
    await abortable(drained, limit.signal).catch(() => {});
    timer.cancel();
  }
}

function newStreamName({ version }: FunctionSpec, clock: Clock, random: Random): string {
  return logStreamName(clock.now(), version, random.bytes(16).toString('hex'));
}

/** ARN of the function without its version. */
function shareName(arn: string): string {
  return arn.split(':', 7).join(':');
}

function refusal(
  code: RuntimeErrorCode,
  message: string,
  remedy: 'retry' | 'never',
  fields?: Readonly<Record<string, unknown>>,
): DomainError<RuntimeErrorCode> {
  return new DomainError(code, message, { remedy, ...(fields ? { fields } : {}) });
}
