import type { Timer } from '../../base/index.ts';
import { RUNTIME_LIMITS } from '../limits.ts';
import type { FunctionSpec, Invocation, InvocationResult } from '../runtime.ts';
import type { EndReason } from './connection.ts';
import type { AnswerFrame, Frame } from './frames.ts';
import type { FunctionCredentials } from './function-variables.ts';
import { type Command, type Event, type Failure, type Phase, STARTING, step } from './life-cycle.ts';
import { type LoadingOwner, load } from './loading.ts';
import type { Ahead, EnvironmentOptions } from './options.ts';
import { isOfTwoKinds, outcomeOf } from './outcomes.ts';
import { type EnvironmentLog, restoreReportLine } from './report.ts';
import { type INIT_FAILED, type Running, settle, settleFailed, settleFailedInit, writeStart } from './settling.ts';
import { StreamedResponse } from './streaming.ts';

const KILLED: Failure = { kind: 'exit', code: null, signal: 'SIGKILL' };

type Piece = Extract<Frame, { kind: 'stream-start' | 'stream-chunk' }>;

/**
 * One execution environment: drives its process as `life-cycle.ts` decides. How it gets its code is in `loading.ts`, how its invocations
 * end in `settling.ts`.
 */
export class Environment implements LoadingOwner {
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
    if (this.#options.repeatsInit) writeStart(this.#options, invocation);
    return this.#init.promise.then((failure) => {
      if (this.#begun !== undefined) return this.#begun;
      // It may have been killed between the end of init and now.
      const cause = failure ?? this.#failure;
      if (!cause) return this.#run(invocation);
      return settleFailedInit(this.#options, this.#memoryKb, this.#initStartedAt, invocation, cause);
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

  /** @param begun  the process has begun it already */
  #run(invocation: Invocation, begun = false): Promise<InvocationResult> {
    const { promise, resolve } = Promise.withResolvers<InvocationResult>();
    const sequence = this.#sequence++;
    const within = sequence === 0 && this.#options.repeatsInit;
    if (!within) writeStart(this.#options, invocation);
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
    const ending = fatal ? ({ status: 'error', errorType: answer.errorType } as const) : undefined;
    settle(this.#options, this.#memoryKb, running, outcome, ending);
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
    settleFailed(this.#options, this.#memoryKb, running, { kind: 'timeout' });
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
        return load(this.#options, this.#first, this);
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

  get awaitsLoading(): boolean {
    return this.phase.kind === 'init';
  }

  notPlaced(failure: Failure): void {
    this.#apply({ kind: 'failed', failure });
  }

  holds({ expiresAt }: FunctionCredentials): void {
    if (expiresAt === undefined || this.#isInspected) return;
    this.#staleAt = expiresAt - this.spec.timeoutMs - RUNTIME_LIMITS.credentialsMarginMs;
    const usableMs = this.#staleAt - this.#options.clock.now();
    // Those that never serve are not followed by others without end.
    if (usableMs > 0) this.renewAt = this.#staleAt - Math.min(RUNTIME_LIMITS.renewAheadMs, usableMs / 2);
  }

  #reject(failure: Failure): void {
    this.#failure = failure;
    this.#init.resolve(failure);
    if (failure.kind === 'out-of-memory') this.#memoryKb = this.spec.memoryMb * 1024;
    const failed = [...this.#running.values()];
    this.#running.clear();
    for (const running of failed) settleFailed(this.#options, this.#memoryKb, running, failure);
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
