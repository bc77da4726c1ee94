import { join } from 'node:path';
import { type Clock, hasCode, messageOf, type Timer } from '../../base/index.ts';
import { RUNTIME_LIMITS } from '../limits.ts';
import type { FunctionSpec, Invocation, InvocationResult, Metering } from '../runtime.ts';
import type { Placement, Tenant } from '../sandbox/sandbox.ts';
import type { CodeCaches } from '../starts/code-caches.ts';
import type { Launch } from '../starts/launch.ts';
import { SNAPSHOT_FILE } from '../starts/snapshots.ts';
import type { EndReason, RuntimeConnection } from './connection.ts';
import { type FailureReport, reportFailure } from './failures.ts';
import type { AnswerFrame, Frame } from './frames.ts';
import type { FunctionCredentials } from './function-variables.ts';
import { type Command, type Event, type Failure, type Phase, STARTING, step } from './life-cycle.ts';
import { type FirstInvocation, firstInvocation, type LoadConfig, loadConfig } from './load-config.ts';
import {
  billedMs,
  type Ending,
  type EnvironmentLog,
  initReportLine,
  initStartLine,
  reportLine,
  restoreReportLine,
  restoreStartLine,
} from './report.ts';
import { StreamedResponse } from './streaming.ts';

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

/** An invocation that runs. */
interface Running {
  readonly sequence: number;
  readonly invocation: Invocation;
  readonly startedAt: number;
  readonly initMs: number | undefined;
  readonly resolve: (result: InvocationResult) => void;
  /** Of its timeout. */
  timer: Timer | undefined;
  /** Its response, once the first piece of one that comes in pieces is there. */
  stream: StreamedResponse | undefined;
}

/** Nothing has run yet: init failed or took longer than it may. It is to be repeated, in a new process, within the invocation. */
export const INIT_FAILED = Symbol('init failed');

/** Why an environment was not placed, as its caller is told. */
const PLACING_FAILED = 'Sandbox.Failure';
const ROLE_REFUSED = 'AccessDeniedException';

const KILLED: Failure = { kind: 'exit', code: null, signal: 'SIGKILL' };

/** What a process is told to become the environment of a function. */
type Order = readonly [config: LoadConfig, first: FirstInvocation | undefined];

type Piece = Extract<Frame, { kind: 'stream-start' | 'stream-chunk' }>;
type Outcome =
  | { readonly kind: 'success'; readonly payload: Uint8Array }
  | { readonly kind: 'error'; readonly payload: Uint8Array; readonly errorType: string; readonly handled: boolean };

/** One execution environment: drives its process as `life-cycle.ts` decides. */
export class Environment {
  readonly spec: FunctionSpec;
  phase: Phase = STARTING;
  readonly ahead: Ahead | undefined;
  /** When it last became idle, by the monotonic clock. */
  idleSince = 0;
  /** Places that hold it; counted by its pool. */
  places = 0;
  /** The handler has been loaded. */
  initialised = false;
  /** What its start took, once it is initialised. */
  coldStartMs = 0;
  readonly #options: EnvironmentOptions;
  /** Settles with the failure, or with nothing when the handler is loaded. */
  readonly #init = Promise.withResolvers<Failure | undefined>();
  readonly #initStartedAt: number;
  /** Known from init to the first invocation, whose report it belongs to. */
  #initMs: number | undefined;
  /** Sent along with the load frame; kept to the end of init. */
  #first: Invocation | undefined;
  /** What becomes of it, once the process has begun it. */
  #begun: Promise<InvocationResult> | undefined;
  /** The invocations that run, by sequence number. */
  readonly #running = new Map<number, Running>();
  /** Those that ran out of time while others went on: what the process still says of them is not heard. */
  readonly #overdue = new Set<number>();
  readonly #invoke: Extract<Event, { kind: 'invoke' }>;
  /** Why it was shut down, when it was not by an answer. */
  #failure: Failure | undefined;
  #sequence = 0;
  #memoryKb = 0;
  #timer: Timer | undefined;
  /** When its credentials could expire under an invocation that begins, epoch milliseconds. */
  #staleAt = Number.POSITIVE_INFINITY;
  /** When another one is to be started in its place, epoch milliseconds. */
  renewAt = Number.POSITIVE_INFINITY;

  constructor(options: EnvironmentOptions) {
    this.#options = options;
    this.spec = options.spec;
    this.ahead = options.ahead;
    this.#invoke = { kind: 'invoke', limit: options.spec.environmentConcurrency };
    this.#initStartedAt = options.clock.monotonic();
  }

  /** It has served for long enough, or its credentials could expire under an invocation that began now. */
  get stale(): boolean {
    // Under a debugger an invocation has a day: no credentials last so long, and a fresh environment would take the debugger's away.
    if (this.#isInspected) return false;
    if (this.#sequence >= RUNTIME_LIMITS.invocationsMax) return true;
    return this.#staleAt !== Number.POSITIVE_INFINITY && this.#options.clock.now() >= this.#staleAt;
  }

  /** It will be stale soon: what is kept ahead of calls has another one started in its place. */
  get ages(): boolean {
    return this.renewAt !== Number.POSITIVE_INFINITY && this.#options.clock.now() >= this.renewAt;
  }

  /** It takes no further invocation but the one that it was started for. */
  get retiring(): boolean {
    return this.phase.kind === 'shutdown' || this.phase.retiring;
  }

  get pid(): number | undefined {
    return this.#options.connection.process.pid;
  }

  /** What it held when it was last looked at. */
  get memoryBytes(): number {
    return this.#memoryKb * 1024;
  }

  /** Invocations that may begin now beside those that run; 0 unless it is initialised and has not been retired. */
  get room(): number {
    const { phase } = this;
    if (phase.kind === 'idle') return phase.retiring ? 0 : this.#invoke.limit;
    return phase.kind === 'busy' && !phase.retiring ? this.#invoke.limit - phase.running : 0;
  }

  get #restores(): boolean {
    return this.#options.snapshot !== undefined;
  }

  get log(): EnvironmentLog {
    return this.#options.log;
  }

  /**
   * Takes the process over and begins init.
   *
   * @param first  the invocation that waits for it; {@link invoke} follows in this turn of the event loop
   */
  start(first?: Invocation): void {
    const { connection, repeatsInit, snapshot } = this.#options;
    // A repeated init takes its part of the time; several begin when all of them may.
    if (!repeatsInit && !snapshot && this.spec.environmentConcurrency === 1) this.#first = first;
    this.#deadline(repeatsInit ? this.spec.timeoutMs : RUNTIME_LIMITS.startMsMax);
    connection.listen({
      onFrame: (frame) => this.#onFrame(frame),
      onAnswer: (answer) => this.#onEarlyAnswer(answer),
      onOutput: (line) => this.#options.log.write(line),
      onEnd: (failure) => this.#apply({ kind: 'failed', failure }),
    });
    if (connection.ready) this.#apply({ kind: 'ready' });
  }

  /** Runs one invocation to its end, once init is over. Never rejects. Not where there is no room for it (E1). */
  invoke(invocation: Invocation): Promise<InvocationResult | typeof INIT_FAILED> {
    if (this.phase.kind === 'idle' || this.phase.kind === 'busy') return this.#run(invocation);
    if (this.#options.repeatsInit) this.#writeStart(invocation);
    return this.#init.promise.then((failure) => {
      if (this.#begun !== undefined) return this.#begun;
      // It may have been killed between the end of init and now.
      const cause = failure ?? this.#failure;
      return cause ? this.#failedInit(invocation, cause) : this.#run(invocation);
    });
  }

  /** Shuts it down: at once when it is idle, else after the invocations that it runs or was started for. */
  retire(): void {
    this.#apply({ kind: 'retire' });
  }

  /** Kills it whatever it does; what waits for it gets the failure. */
  kill(): void {
    this.#apply({ kind: 'failed', failure: KILLED });
  }

  /** Resolves when the process is gone. */
  async ended(): Promise<void> {
    await this.#options.connection.process.exited;
  }

  /** Looks at memory and idle time. @returns whether it needs to be watched on */
  watch(): boolean {
    const { clock, connection } = this.#options;
    if (this.phase.kind === 'shutdown') return false;
    if (this.phase.kind === 'idle') {
      // A debugger talks to it between invocations too.
      if (this.#isInspected) return false;
      if (clock.monotonic() - this.idleSince >= RUNTIME_LIMITS.lingerMs) this.#apply({ kind: 'lingered' });
      return !this.phase.frozen;
    }
    const usedKb = connection.process.memoryBytes() / 1024;
    this.#memoryKb = Math.max(this.#memoryKb, usedKb);
    const exceeded = usedKb > this.spec.memoryMb * 1024 || connection.process.outOfMemory;
    if (exceeded) this.#apply({ kind: 'failed', failure: { kind: 'out-of-memory' } });
    return true;
  }

  #writeStart({ requestId }: Invocation): void {
    this.#options.log.write(`START RequestId: ${requestId} Version: ${this.spec.version}`);
  }

  /** @param begun  the process has begun it already */
  #run(invocation: Invocation, begun = false): Promise<InvocationResult> {
    const { promise, resolve } = Promise.withResolvers<InvocationResult>();
    const sequence = this.#sequence++;
    const within = sequence === 0 && this.#options.repeatsInit;
    if (!within) this.#writeStart(invocation);
    const startedAt = within ? this.#initStartedAt : this.#options.clock.monotonic();
    const { clock, connection } = this.#options;
    const running: Running = {
      sequence,
      invocation,
      startedAt,
      initMs: this.#initMs,
      resolve,
      timer: undefined,
      stream: undefined,
    };
    this.#initMs = undefined;
    this.#running.set(sequence, running);
    this.#apply(this.#invoke);
    const leftMs = this.#leftMs(startedAt);
    running.timer = clock.timer(leftMs, () => this.#onOverdue(running));
    const deadlineMs = clock.now() + leftMs;
    if (begun) connection.begun(sequence, deadlineMs, this.spec.arn, invocation);
    else connection.invoke(sequence, deadlineMs, this.spec.arn, invocation);
    return promise;
  }

  /** Not later than in this turn: its answer may have come with the same bytes. */
  #onInitialised(frame: Extract<Frame, { kind: 'initialised' }>): void {
    const first = this.#first;
    this.#first = undefined;
    this.#apply(frame);
    if (!frame.begun || this.phase.kind === 'shutdown') return;
    if (!first) return this.#broken('an invocation begun that it was not given');
    this.#begun = this.#run(first, true);
  }

  #onFrame(frame: Frame): void {
    switch (frame.kind) {
      case 'response':
      case 'error':
      case 'stream-end':
        return this.#onAnswer(frame);
      case 'stream-start':
      case 'stream-chunk':
        return this.#onPiece(frame);
      case 'log':
        return this.#options.log.write(frame.line);
      case 'ready':
        return this.#apply(frame);
      case 'initialised':
        return this.#onInitialised(frame);
      case 'init-error':
        return this.#apply({ kind: 'failed', failure: { kind: 'init-error', payload: frame.payload } });
      case 'code-cache':
        return this.#options.codeCaches.take(this.spec, this.#options.launch.version, frame.name, frame.bytes);
      case 'clone-ended':
      case 'snapshot-part':
        return this.#broken(`unexpected ${frame.kind}`);
    }
  }

  /** The caller goes on; the environment is busy until the extensions are done. */
  #onEarlyAnswer(answer: AnswerFrame): void {
    const running = this.#running.get(answer.sequence);
    // What breaks the rules is told when the environment ends for it.
    if (!running?.invocation.onAnswer || isOfTwoKinds(answer, running.stream)) return;
    running.invocation.onAnswer({ ...outcomeOf(answer, running.stream), logTail: this.#options.log.takeTail() });
  }

  #onAnswer(answer: AnswerFrame): void {
    const running = this.#running.get(answer.sequence);
    if (!running) {
      if (!this.#overdue.delete(answer.sequence)) this.#broken('an answer to no invocation');
      return;
    }
    if (isOfTwoKinds(answer, running.stream)) return this.#broken('an answer of two kinds');
    this.#memoryKb = Math.max(this.#memoryKb, answer.memoryKb);
    this.#running.delete(answer.sequence);
    const fatal = answer.kind === 'error' && answer.fatal;
    this.#apply(fatal ? ANSWERED_LAST : ANSWERED);
    const outcome = outcomeOf(answer, running.stream);
    this.#settle(running, outcome, fatal ? { status: 'error', errorType: answer.errorType } : undefined);
  }

  #onPiece(piece: Piece): void {
    const running = this.#running.get(piece.sequence);
    if (!running) {
      if (!this.#overdue.has(piece.sequence)) this.#broken('a part of the response to no invocation');
      return;
    }
    if ((piece.kind === 'stream-start') === (running.stream !== undefined)) {
      return this.#broken('a streamed response out of order');
    }
    if (piece.kind === 'stream-start') {
      running.stream = new StreamedResponse(running.invocation.stream, piece.contentType);
      return;
    }
    const behind = running.stream!.write(piece.bytes);
    if (behind) this.#options.connection.hold(behind);
  }

  #broken(reason: string): void {
    this.#apply({ kind: 'failed', failure: { kind: 'broken', reason } });
  }

  /** Hard: the process ends with it, but not before what others have begun (see life-cycle.ts). */
  #onOverdue(running: Running): void {
    if (this.#options.connection.overdue(running.sequence)) return;
    this.#running.delete(running.sequence);
    this.#overdue.add(running.sequence);
    this.#apply({ kind: 'overdue' });
    this.#fail(running, { kind: 'timeout' });
  }

  #apply(event: Event): void {
    const { phase, commands } = step(this.phase, event);
    const before = this.phase;
    this.phase = phase;
    if (phase.kind !== before.kind) this.#entered(phase);
    for (const command of commands) this.#obey(command, event);
    if (phase.kind === 'shutdown' && before.kind !== 'shutdown') this.#options.onShutdown(this);
    else if (phase.kind === 'init' && before.kind === 'starting') this.#options.onProgress(this);
    else if (phase.kind === 'idle' && before.kind === 'init') this.#options.onProgress(this);
  }

  #entered(phase: Phase): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (phase.kind === 'idle') this.idleSince = this.#options.clock.monotonic();
    if (phase.kind === 'init') {
      this.#deadline(this.#initLeftMs());
    }
  }

  /** A breakpoint in init holds it as one in the handler does. */
  #initLeftMs(): number {
    const { repeatsInit } = this.#options;
    return repeatsInit || this.#isInspected ? this.#leftMs(this.#initStartedAt) : RUNTIME_LIMITS.initMsMax;
  }

  get #isInspected(): boolean {
    return this.spec.inspectorPort !== undefined;
  }

  /** What an invocation may still take: a repeated init has taken its part. */
  #leftMs(startedAt: number): number {
    return Math.max(0, Math.ceil(this.spec.timeoutMs - (this.#options.clock.monotonic() - startedAt)));
  }

  /** Of the start and of init. */
  #deadline(ms: number): void {
    this.#timer = this.#options.clock.timer(ms, () => this.#apply({ kind: 'failed', failure: { kind: 'timeout' } }));
  }

  #obey(command: Command, event: Event): void {
    const { connection } = this.#options;
    switch (command.kind) {
      case 'load':
        return this.#load();
      case 'thaw':
        return connection.process.thaw();
      case 'freeze':
        return this.#isInspected ? undefined : connection.process.freeze();
      case 'kill':
        return connection.end(endReasonOf(event));
      case 'resolve-init':
        this.initialised = true;
        this.coldStartMs = this.#options.clock.monotonic() - this.#initStartedAt;
        // One that was started ahead has cost the invocation nothing.
        if (!this.#options.repeatsInit && !this.ahead) this.#initMs = this.coldStartMs;
        if (this.#restores) this.#options.log.write(restoreReportLine(this.coldStartMs));
        return this.#init.resolve(undefined);
      case 'reject':
        return this.#reject(command.failure);
    }
  }

  /** Gets what the code needs: credentials, and its place in the sandbox. */
  #load(): void {
    const { credentials, spec, codeCaches, launch } = this.#options;
    const { codeDirectory, layers, memoryMb, ephemeralStorageMb, egress } = spec;
    const cacheDirectory = this.#options.snapshot?.directory ?? codeCaches.directoryOf(spec, launch.version);
    const limits = { memoryMb, ephemeralStorageMb, egress };
    const told = this.#prepare();
    const placement = this.#assign({ codeDirectory, layers, cacheDirectory, ...limits });
    // Most have both at once: a cold start does not wait for a turn of the event loop then.
    if (!(credentials instanceof Promise) && !(placement instanceof Promise)) {
      return this.#loadWith(credentials, placement, told);
    }
    Promise.all([credentials, placement]).then(
      ([granted, placed]) => {
        if (this.phase.kind === 'init') this.#loadWith(granted, placed, told);
      },
      (error: unknown) => this.#notPlaced(error, hasCode(error, 'placement-failed') ? PLACING_FAILED : ROLE_REFUSED),
    );
  }

  /**
   * Tells the process all before the function has its place, where that is known: it wakes up and makes itself ready meanwhile.
   *
   * @returns what it was told
   */
  #prepare(): Order | undefined {
    const { connection, launch, credentials, snapshot } = this.#options;
    const { placement } = connection.process;
    const isPlain = launch.prepares && !launch.speaks && !launch.supervised && !snapshot;
    if (!isPlain || !placement || credentials instanceof Promise) return undefined;
    try {
      const order = this.#orderOf(credentials, placement);
      connection.prepare(...order);
      return order;
    } catch {
      // The same is said when it is loaded, to who can tell the caller.
      return undefined;
    }
  }

  #notPlaced(error: unknown, errorType: string): void {
    const payload = Buffer.from(JSON.stringify({ errorType, errorMessage: messageOf(error) }));
    this.#apply({ kind: 'failed', failure: { kind: 'not-placed', payload } });
  }

  /** What it throws comes the way of what it rejects with. */
  #assign(tenant: Tenant): Placement | Promise<Placement> {
    try {
      return this.#options.connection.process.assign(tenant);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** @param told  what the process has been told already */
  #loadWith(credentials: FunctionCredentials, placement: Placement, told?: Order): void {
    const { connection, launch, spec, log } = this.#options;
    this.#hold(credentials);
    log.write(this.#restores ? restoreStartLine(spec, launch) : initStartLine(spec, launch));
    if (launch.notice) log.write(`INIT_NOTICE ${launch.notice}`);
    if (placement.notice !== undefined) log.write(placement.notice);
    try {
      connection.load(...(told ?? this.#orderOf(credentials, placement)));
    } catch (error) {
      // Out of descriptors a door has no listener, and a bootstrap cannot be looked at: nobody above could tell the caller.
      this.#notPlaced(error, PLACING_FAILED);
    }
  }

  /** From now on it has these credentials. */
  #hold({ expiresAt }: FunctionCredentials): void {
    if (expiresAt === undefined || this.#isInspected) return;
    this.#staleAt = expiresAt - this.spec.timeoutMs - RUNTIME_LIMITS.credentialsMarginMs;
    const usableMs = this.#staleAt - this.#options.clock.now();
    // Those that never serve are not followed by others without end.
    if (usableMs > 0) this.renewAt = this.#staleAt - Math.min(RUNTIME_LIMITS.renewAheadMs, usableMs / 2);
  }

  #orderOf(credentials: FunctionCredentials, placement: Placement): Order {
    const { spec, variables, log, snapshot } = this.#options;
    const file = snapshot?.directory === undefined ? undefined : join(placement.cacheDirectory, SNAPSHOT_FILE);
    const config = loadConfig(spec, placement, variables(credentials, placement), log.stream, file);
    return [config, this.#first && firstInvocation(spec, this.#first)] as const;
  }

  #reject(failure: Failure): void {
    this.#failure = failure;
    this.#init.resolve(failure);
    if (failure.kind === 'out-of-memory') this.#memoryKb = this.spec.memoryMb * 1024;
    const failed = [...this.#running.values()];
    this.#running.clear();
    for (const running of failed) this.#fail(running, failure);
  }

  #fail(running: Running, failure: Failure): void {
    const { clock, log } = this.#options;
    const report = reportFailure(failure, this.spec, running.invocation.requestId, clock.now());
    if (report.line) log.write(report.line);
    this.#settleFailure(running, report);
  }

  #settleFailure(running: Running, { payload, errorType, status }: FailureReport): void {
    const ending = status === 'timeout' ? { status } : { status, errorType };
    this.#settle(running, { kind: 'error', payload, errorType, handled: false }, ending);
  }

  /** The code could not be loaded: the invocation that asked for it fails as AWS has it fail. */
  #failedInit(invocation: Invocation, failure: Failure): InvocationResult | typeof INIT_FAILED {
    const { clock, log, repeatsInit } = this.#options;
    const took = clock.monotonic() - this.#initStartedAt;
    const report = reportFailure(failure, this.spec, invocation.requestId, clock.now());
    const { status, errorType } = report;
    if (this.#restores && failure.kind !== 'not-placed' && failure.kind !== 'init-error')
      this.#options.snapshot!.onFailed(failure);
    const phase = repeatsInit ? 'invoke' : this.#restores ? 'restore' : 'init';
    log.write(initReportLine(took, phase, status === 'timeout' ? { status } : { status, errorType }));
    if (failure.kind !== 'not-placed' && !repeatsInit) return INIT_FAILED;
    if (!repeatsInit) this.#writeStart(invocation);
    if (report.line) log.write(report.line);
    let result: InvocationResult | undefined;
    const resolve = (settled: InvocationResult) => {
      result = settled;
    };
    const times = repeatsInit
      ? { startedAt: this.#initStartedAt, initMs: undefined }
      : { startedAt: clock.monotonic(), initMs: took };
    const running = { sequence: 0, invocation, ...times, resolve, timer: undefined, stream: undefined };
    this.#settleFailure(running, report);
    return result!;
  }

  /** Writes the last lines of an invocation and hands over its result. */
  #settle(
    { sequence, invocation, startedAt, initMs, resolve, timer }: Running,
    outcome: Outcome,
    ending?: Ending,
  ): void {
    timer?.cancel();
    const { clock, log, connection } = this.#options;
    const { memoryMb } = this.spec;
    const durationMs = clock.monotonic() - startedAt;
    const started = initMs === undefined ? {} : this.#restores ? { restoreMs: initMs } : { initMs };
    const metering: Metering = {
      ...started,
      durationMs,
      ...(connection.extensionsMs === undefined ? {} : { extensionsMs: connection.extensionsMs }),
      billedMs: billedMs({ durationMs, ...started }),
      memoryUsedMb: Math.min(memoryMb, Math.ceil(this.#memoryKb / 1024)),
      start: sequence > 0 ? 'warm' : this.ahead ? 'pre-warmed' : this.#restores ? 'restored' : 'cold',
      ...(this.ahead === 'provisioned' ? { provisioned: true } : {}),
    };
    log.write(`END RequestId: ${invocation.requestId}`);
    log.write(reportLine(invocation.requestId, memoryMb, metering, invocation.trace, ending));
    connection.report(invocation, metering, outcome.kind === 'success', ending);
    resolve({ ...outcome, metering, logTail: log.takeTail() });
  }
}

/** As extensions are told why it ends. */
function endReasonOf(event: Event): EndReason {
  if (event.kind === 'overdue') return 'timeout';
  if (event.kind !== 'failed') return 'spindown';
  const { failure } = event;
  if (failure.kind === 'timeout') return 'timeout';
  return failure === KILLED ? 'spindown' : 'failure';
}

const ANSWERED: Event = { kind: 'answered', last: false };
const ANSWERED_LAST: Event = { kind: 'answered', last: true };

/** One that came in pieces ends as such, and no other; an error may come in place of both. */
function isOfTwoKinds({ kind }: AnswerFrame, stream: StreamedResponse | undefined): boolean {
  return (kind === 'stream-end') !== (stream !== undefined) && kind !== 'error';
}

function outcomeOf(answer: AnswerFrame, stream: StreamedResponse | undefined): Outcome {
  switch (answer.kind) {
    case 'response':
      return { kind: 'success', payload: answer.payload };
    case 'error':
      return { kind: 'error', payload: answer.payload, errorType: answer.errorType, handled: true };
    case 'stream-end': {
      const streamed = stream!.end(answer.errorType, answer.payload);
      return streamed.kind === 'success' ? streamed : { ...streamed, handled: true };
    }
  }
}
