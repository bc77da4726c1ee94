import type { Socket } from 'node:net';
import { abortable, type Clock, DomainError, hasCode, messageOf, type Random } from '../base/index.ts';
import type { Counter, Logger, Metrics } from '../telemetry/index.ts';
import { ApiConnection } from './api/api-connection.ts';
import type { ApiServer } from './api/api-server.ts';
import { Environment } from './environments/environment.ts';
import { type FunctionCredentials, functionVariables } from './environments/function-variables.ts';
import type { Failure } from './environments/life-cycle.ts';
import { EnvironmentLog, logStreamName } from './environments/report.ts';
import { RUNTIME_LIMITS } from './limits.ts';
import type { Machine } from './machine/machine.ts';
import type {
  FunctionLogSink,
  FunctionSpec,
  Invocation,
  PoolState,
  ProvisionedState,
  Runtime,
  RuntimeErrorCode,
  Slot,
  SnapshotOutcome,
  Wait,
} from './runtime.ts';
import type { Placement, Sandbox, SandboxEngine, SandboxProcess } from './sandbox/sandbox.ts';
import { Admission } from './scaling/admission.ts';
import { IdleTimes } from './scaling/idle-times.ts';
import { SCALING_LIMITS } from './scaling/limits.ts';
import { Place, type PlaceHost } from './scaling/place.ts';
import { Pool } from './scaling/pool.ts';
import { type Birth, Population } from './scaling/population.ts';
import { Processors } from './scaling/processors.ts';
import { Provisioner } from './scaling/provisioner.ts';
import { Tending } from './scaling/tending.ts';
import type { BlankPools } from './starts/blank-pools.ts';
import type { CodeCaches } from './starts/code-caches.ts';
import type { Launch } from './starts/launch.ts';
import type { Launches } from './starts/launches.ts';
import { SEGMENT_DOOR, type SegmentDoor } from './starts/segment-door.ts';
import type { Snapshot } from './starts/snapshots.ts';

export interface RuntimeOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly logs: FunctionLogSink;
  /** Code caches and the private folders of environments; what stands in its `tmp` is removed. */
  readonly directory: string;
  /** Where runtimes that are installed when they are needed are kept; a folder of the user's cache unless said. */
  readonly runtimesDirectory?: string;
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
  /** Takes the datagrams that traced functions send to X-Ray's daemon; absent takes none. Never throws. */
  readonly takeSegment?: (datagram: Buffer) => void;
  /** Blank environments kept ready of each runtime in use: 0 to 100; by memory and processors unless said, see `starts/reserve.ts`. */
  readonly blanks?: number | undefined;
  /** Quiet time after the start before the first blank one is started; 500 ms unless said. */
  readonly blanksAfterMs?: number;
  readonly accountConcurrency?: number;
  readonly environmentsMax?: number;
  /** Every function's environments are kept for that long; unless said, for as long as its own idle times suggest. */
  readonly keepAliveMs?: number;
  /** What memory and processors there are; those of Linux unless said. */
  readonly machine?: Machine;
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
  readonly segments: SegmentDoor | undefined;
  readonly apis: ApiServer;
}

/**
 * The execution environments of a node. This is the door; `scaling/` has the parts: `admission` says who may run, `population` starts
 * and hands out environments, `tending` decides how long idle ones stay, `provisioner` keeps provisioned concurrency.
 */
export class ManagedRuntime implements Runtime, PlaceHost {
  readonly #options: RuntimeOptions;
  readonly #starts: Starts;
  readonly #pools = new Map<string, Pool>();
  /** Of versions whose pool may be gone: a deployment shall not make a function forget when it is called. */
  readonly #idleTimes = new Map<string, IdleTimes>();
  readonly #admission: Admission;
  readonly #population: Population;
  readonly #tending: Tending;
  readonly #provisioner: Provisioner;
  readonly #coldStarts: Counter;
  #closed = false;
  #onDrained: (() => void) | undefined;

  constructor(options: RuntimeOptions & { readonly machine: Machine }, starts: Starts) {
    this.#options = options;
    this.#starts = starts;
    const { clock, metrics, machine } = options;
    const { accountConcurrency = RUNTIME_LIMITS.accountConcurrency } = options;
    const environmentsMax = options.environmentsMax ?? RUNTIME_LIMITS.environmentsMax;
    const processors = new Processors(clock, machine);
    this.#admission = new Admission({
      clock,
      accountConcurrency,
      overloaded: (pool, waits) =>
        this.#population.isBehind(pool, this.#admission.granted) || processors.refuse(pool, waits),
      onGrant: (pool) => processors.admit(pool),
      onWaiting: () => this.#population.watchSoon(),
    });
    this.#population = new Population({
      clock,
      blanks: starts.blanks,
      snapshotOf: (pool) => this.#snapshotOf(pool),
      processors,
      environmentsMax,
      make: (pool, birth) => this.#make(pool, birth),
      makeRoom: () => this.#tending.makeRoom(),
      onChange: (pool, environment) => this.#onChange(pool, environment),
      onWatch: () => {
        this.#admission.serve();
        return this.#admission.hasWaiting;
      },
    });
    this.#tending = new Tending({
      clock,
      machine,
      population: this.#population,
      pools: () => this.#pools.values(),
      shedBlanks: () => starts.blanks.shed(),
      keepAliveMs: options.keepAliveMs ?? RUNTIME_LIMITS.keepAliveMs,
      isFixed: options.keepAliveMs !== undefined,
      prewarmed: metrics.counter(
        'millrace_environments_prewarmed_total',
        'Environments started ahead of the next call',
      ),
      reclaimed: metrics.counter('millrace_environments_reclaimed_total', 'Idle environments ended for want of memory'),
    });
    this.#provisioner = new Provisioner(clock, this.#population);
    this.#coldStarts = metrics.counter('millrace_cold_starts_total', 'Execution environments started');
    starts.blanks.pauseWhile(() => this.#population.isBusy || this.#tending.isShort);
  }

  async reserve(
    spec: FunctionSpec,
    { wait, signal }: { readonly wait: Wait; readonly signal?: AbortSignal },
  ): Promise<Slot> {
    if (this.#closed) throw closed();
    signal?.throwIfAborted();
    const launching = this.#starts.launches.of(spec.runtime, spec.layers, spec.traced);
    const launch = launching instanceof Promise ? await this.#prepared(launching, signal) : launching;
    const pool = this.#poolOf(spec, launch);
    const waiting = this.#admission.enter(pool, wait, signal);
    if (waiting !== undefined) await waiting.catch((error: unknown) => this.#gaveUp(pool, error));
    return new Place(this, pool, wait !== true);
  }

  provision(spec: FunctionSpec): void {
    if (this.#closed) return;
    const known = this.#pools.get(spec.arn);
    if (spec.provisionedConcurrency === 0 && !known?.provisioned) return;
    const failed = (error: unknown) =>
      this.#options.logger.error('provisioned concurrency cannot be had', { function: spec.arn, error });
    try {
      const launching = known?.launch ?? this.#starts.launches.of(spec.runtime, spec.layers, spec.traced);
      if (launching instanceof Promise) launching.then((launch) => this.#provision(spec, launch)).catch(failed);
      else this.#provision(spec, launching);
    } catch (error) {
      // A runtime that this machine does not have: the other functions of a node that starts are not to go without theirs.
      failed(error);
    }
  }

  provisioned(functionArn: string): ProvisionedState | undefined {
    const pool = this.#pools.get(functionArn);
    return pool && this.#provisioner.stateOf(pool);
  }

  async snapshot(spec: FunctionSpec): Promise<SnapshotOutcome> {
    if (this.#closed) throw closed();
    const launch = await this.#starts.launches.of(spec.runtime, spec.layers, spec.traced);
    const maker = this.#starts.launches.snapshotsOf(spec.runtime);
    if (launch.supervised) return { kind: 'off', reason: 'a snapshot cannot hold external extensions' };
    if (!maker) return { kind: 'off', reason: `there are no snapshots of ${spec.runtime}` };
    const { clock, random, logs } = this.#options;
    const log = new EnvironmentLog(logs, clock, spec, newStreamName(spec, clock, random));
    try {
      await maker.make({
        spec,
        launch,
        log,
        credentials: this.#credentialsOf(spec),
        variables: (granted, placement) => ({
          ...functionVariables(
            spec,
            log.stream,
            this.#doorEndpoint(),
            granted,
            withModules(placement, launch),
            'snap-start',
          ),
          ...expiryVariable(granted),
        }),
      });
      return { kind: 'on' };
    } catch (error) {
      if (this.#closed) throw closed();
      if (!hasCode(error, 'snapshot-unsupported')) throw error;
      const reason = messageOf(error);
      log.write(`SNAPSHOT_NOTICE There is no snapshot of this version, it starts without: ${reason}`);
      this.#options.logger.warn('function starts without a snapshot', { function: spec.arn, reason });
      return { kind: 'off', reason };
    }
  }

  retire(functionArn: string, successor?: FunctionSpec): void {
    this.#starts.launches.retireSnapshots(functionArn);
    const pool = this.#pools.get(functionArn);
    if (!pool) return;
    pool.outdated = true;
    this.#setProvisioned(pool, 0);
    pool.retireAll();
    this.#forgetUnused(pool);
    if (successor && this.#isKept(pool)) this.#succeed(pool, successor);
  }

  reserveConcurrency(functionArn: string, reserved: number | undefined): void {
    this.#admission.changeReservation(functionArn, reserved);
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

  /** All that is kept for starts to come is there. */
  get blanksFull(): boolean {
    return this.#starts.blanks.full;
  }

  /** Accepts nothing more, lets what runs end (for `drainMs` at most), then ends every process. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#admission.close(closed);
    this.#tending.close();
    this.#provisioner.close();
    await this.#drain(this.#options.drainMs ?? 10_000);
    this.#population.close(closed);
    const environments = [...this.#pools.values()].flatMap((pool) => [...pool.environments]);
    for (const environment of environments) environment.kill();
    await Promise.all([
      this.#starts.launches.close(),
      this.#starts.blanks.close(),
      ...environments.map((environment) => environment.ended()),
    ]);
    this.#starts.segments?.[Symbol.dispose]();
    await this.#starts.codeCaches.flush();
    await this.#starts.sandbox[Symbol.asyncDispose]();
  }

  acquire(pool: Pool, first: Invocation): Environment | Promise<Environment> {
    return this.#population.acquire(pool, first);
  }

  repeatInit(pool: Pool, failed: Environment): Environment {
    return this.#population.repeatInit(pool, failed);
  }

  rested(pool: Pool): void {
    this.#tending.rested(pool);
  }

  release(pool: Pool, environment: Environment | undefined): void {
    if (environment) this.#population.giveBack(pool, environment);
    this.#admission.leave(pool);
    if (pool.outdated) this.#forgetUnused(pool);
    if (this.#admission.granted === 0) this.#onDrained?.();
  }

  /** A runtime may be installed first; the node may close meanwhile. */
  async #prepared(launching: Promise<Launch>, signal: AbortSignal | undefined): Promise<Launch> {
    const launch = await (signal ? abortable(launching, signal) : launching);
    if (this.#closed) throw closed();
    return launch;
  }

  #poolOf(spec: FunctionSpec, launch: Launch): Pool {
    const pool = this.#pools.get(spec.arn) ?? this.#newPool(spec, launch);
    if (pool.spec.revision !== spec.revision) {
      // The new specification first: environments that come back from now on are compared with it.
      pool.spec = spec;
      pool.launch = launch;
      pool.retireAll();
    }
    pool.outdated = false;
    this.#admission.reserveShare(pool.share, spec.reservedConcurrency);
    return pool;
  }

  #newPool(spec: FunctionSpec, launch: Launch): Pool {
    const { clock } = this.#options;
    const share = this.#admission.shareOf(spec.arn);
    share.pools++;
    const burst = { tokens: RUNTIME_LIMITS.scalingBurst, at: clock.monotonic() };
    const pool = new Pool({ spec, launch, share, burst, idleTimes: this.#idleTimesOf(spec.arn), clock });
    this.#pools.set(spec.arn, pool);
    return pool;
  }

  /** What waits in the pool runs the version as it is now: nobody may come who brings its specification. */
  #succeed(pool: Pool, spec: FunctionSpec): void {
    const renew = (launch: Launch) => {
      if (pool.outdated && this.#isKept(pool) && !this.#closed) this.#poolOf(spec, launch);
    };
    try {
      const launching = this.#starts.launches.of(spec.runtime, spec.layers, spec.traced);
      if (launching instanceof Promise) launching.then(renew).catch(() => {});
      else renew(launching);
    } catch {
      // A runtime that this machine does not have: who calls the version next is told.
    }
  }

  #isKept(pool: Pool): boolean {
    return this.#pools.get(pool.spec.arn) === pool;
  }

  /** A pool of a version that was changed or deleted goes with its last place: what it reserves is others' then. */
  #forgetUnused(pool: Pool): void {
    if (pool.granted > 0 || pool.waiting.length > 0 || !this.#isKept(pool)) return;
    this.#pools.delete(pool.spec.arn);
    if (--pool.share.pools === 0) this.#admission.forget(pool.share);
  }

  /** Whoever waited for a place waits no more. */
  #gaveUp(pool: Pool, error: unknown): never {
    if (pool.outdated) this.#forgetUnused(pool);
    throw error;
  }

  #idleTimesOf(arn: string): IdleTimes {
    let times = this.#idleTimes.get(arn);
    if (!times) {
      times = new IdleTimes();
      this.#idleTimes.set(arn, times);
      if (this.#idleTimes.size > SCALING_LIMITS.historiesMax) {
        this.#idleTimes.delete(this.#idleTimes.keys().next().value!);
      }
    }
    return times;
  }

  #provision(spec: FunctionSpec, launch: Launch): void {
    if (!this.#closed) this.#setProvisioned(this.#poolOf(spec, launch), spec.provisionedConcurrency);
  }

  #setProvisioned(pool: Pool, provisioned: number): void {
    if (pool.provisioned === provisioned) return;
    this.#admission.provision(pool, provisioned);
    this.#provisioner.changed(pool);
  }

  #make(pool: Pool, { connection, snapshot, ahead, repeated, onProgress, onShutdown }: Birth): Environment {
    const { spec, launch } = pool;
    const { clock, random, logs, endpoint, nodeDoor } = this.#options;
    const log = repeated ?? new EnvironmentLog(logs, clock, spec, newStreamName(spec, clock, random));
    const kind = snapshot ? 'snap-start' : ahead === 'provisioned' ? 'provisioned-concurrency' : 'on-demand';
    const reached = () => (nodeDoor ? `http://${connection.process.addressOf('node')}` : endpoint());
    this.#coldStarts.add();
    if (spec.snapStart && !snapshot && !repeated) this.#snapshotLater(spec);
    const repeatsInit = repeated !== undefined;
    const { apis } = this.#starts;
    return new Environment({
      spec,
      clock,
      launch,
      connection: new ApiConnection(connection, { spec, launch, log, clock, random, repeatsInit, server: apis }),
      log,
      ahead,
      repeatsInit,
      snapshot: snapshot && {
        directory: snapshot.directory,
        onFailed: (failure) => this.#onRestoreFailed(spec, launch, failure),
      },
      codeCaches: this.#starts.codeCaches,
      credentials: this.#credentialsOf(spec),
      variables: (granted, placement) => ({
        ...functionVariables(spec, log.stream, reached(), granted, withModules(placement, launch), kind),
        ...daemonVariables(connection.process),
        ...(snapshot ? expiryVariable(granted) : {}),
      }),
      onProgress,
      onShutdown,
    });
  }

  /** Whoever loads the code is told that there are none, also when they are refused before anybody waits for them. */
  #credentialsOf(spec: FunctionSpec): FunctionCredentials | Promise<FunctionCredentials> {
    const { credentials } = this.#options;
    try {
      const granted = credentials?.(spec) ?? DEV_CREDENTIALS;
      if (granted instanceof Promise) granted.catch(() => {});
      return granted;
    } catch (error) {
      const refused = Promise.reject(error);
      refused.catch(() => {});
      return refused;
    }
  }

  #snapshotOf({ spec, launch }: Pool): Snapshot | undefined {
    // Breakpoints are set before init runs, and extensions start with it.
    if (!spec.snapStart || launch.supervised || spec.inspectorPort !== undefined) return undefined;
    return this.#starts.launches.snapshotsOf(spec.runtime)?.find(spec, launch);
  }

  /** Where init before a snapshot finds the node, as environments will. */
  #doorEndpoint(): string {
    const door = this.#options.nodeDoor?.address();
    if (!door) return this.#options.endpoint();
    return this.engine === 'namespace' ? `http://127.0.0.1:${door.port}` : `http://${door.hostAddress}`;
  }

  /** The node has been started anew, or others have taken the place of the snapshot. */
  #snapshotLater(spec: FunctionSpec): void {
    if (!this.#starts.launches.snapshotsOf(spec.runtime)?.lacks?.(spec)) return;
    this.snapshot(spec).catch((error: unknown) => {
      if (!this.#closed) this.#options.logger.warn('snapshot cannot be made again', { function: spec.arn, error });
    });
  }

  /** No process starts from this file: another binary, other flags, a damaged disk. */
  #onRestoreFailed(spec: FunctionSpec, launch: Launch, failure: Failure): void {
    this.#options.logger.warn('snapshot dropped: no environment starts from it', { function: spec.arn, failure });
    this.#starts.launches.snapshotsOf(spec.runtime)?.drop(spec, launch);
  }

  #onChange(pool: Pool, environment: Environment): void {
    if (this.#closed) return;
    if (pool.provisioned > 0) this.#provisioner.onChange(pool, environment);
  }

  async #drain(limitMs: number): Promise<void> {
    if (this.#admission.granted === 0) return;
    const drained = new Promise<void>((resolve) => {
      this.#onDrained = resolve;
    });
    const limit = new AbortController();
    const timer = this.#options.clock.timer(limitMs, () => limit.abort());
    await abortable(drained, limit.signal).catch(() => {});
    timer.cancel();
  }
}

const withModules = (placement: Placement, { modules }: Launch) =>
  modules === undefined ? placement : { ...placement, modules };

/** Where it sends its segments. @see Lambda developer guide, "Defined runtime environment variables" */
function daemonVariables(process: SandboxProcess): Readonly<Record<string, string>> {
  if (!process.hasDoor(SEGMENT_DOOR)) return {};
  const address = process.addressOf(SEGMENT_DOOR);
  const [host = '', port = ''] = address.split(':');
  return { AWS_XRAY_DAEMON_ADDRESS: address, _AWS_XRAY_DAEMON_ADDRESS: host, _AWS_XRAY_DAEMON_PORT: port };
}

/**
 * Has an SDK ask for its credentials again when they end: clients that init has made outlive those that it has made them with, and
 * what they ask is the environment, which each start from the snapshot is given its own.
 */
function expiryVariable({ expiresAt }: FunctionCredentials): Readonly<Record<string, string>> {
  return expiresAt === undefined ? {} : { AWS_CREDENTIAL_EXPIRATION: new Date(expiresAt).toISOString() };
}

function newStreamName({ version }: FunctionSpec, clock: Clock, random: Random): string {
  return logStreamName(clock.now(), version, random.bytes(16).toString('hex'));
}

function closed(): DomainError<RuntimeErrorCode> {
  return new DomainError('runtime-closed', 'the node is draining', { remedy: 'retry' });
}
