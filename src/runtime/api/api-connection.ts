import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock, Random } from '../../base/index.ts';
import { formatXRay } from '../../telemetry/index.ts';
import type { Connection, ConnectionListener, EndReason, RuntimeConnection } from '../environments/connection.ts';
import {
  type AnswerFrame,
  encodeAttend,
  encodeExec,
  encodeInvoke,
  encodeLoad,
  encodePrepare,
  type Frame,
} from '../environments/frames.ts';
import type { Failure } from '../environments/life-cycle.ts';
import type { FirstInvocation, LoadConfig } from '../environments/load-config.ts';
import { type Ending, type EnvironmentLog, runtimeVersionOf } from '../environments/report.ts';
import type { FunctionSpec, Invocation, Metering } from '../runtime.ts';
import type { Door, Exit, SandboxProcess } from '../sandbox/sandbox.ts';
import type { Launch } from '../starts/launch.ts';
import { NOT_FOUND, refusal, send } from './answers.ts';
import type { ApiHandler, ApiServer } from './api-server.ts';
import { type Extension, Extensions } from './extensions.ts';
import { type Answered, HttpRuntime, type Outstanding } from './http-runtime.ts';
import { API_LIMITS } from './limits.ts';
import { PlatformEvents, type Status } from './platform-events.ts';
import { programOf, supervisionOf } from './programs.ts';
import { type Resources, route } from './routes.ts';
import { Shutdown } from './shutdown.ts';
import { subscribe } from './subscriptions.ts';
import { SupervisorLink } from './supervisor-link.ts';
import { Telemetry } from './telemetry.ts';

/** The door that the APIs are served at. */
export const RUNTIME_API_DOOR: Door = { name: 'runtime-api', port: 9001 };
const DOOR = RUNTIME_API_DOOR.name;

export interface ApiConnectionOptions {
  readonly spec: FunctionSpec;
  readonly launch: Launch;
  readonly log: EnvironmentLog;
  readonly clock: Clock;
  readonly random: Random;
  readonly repeatsInit: boolean;
  readonly server: ApiServer;
}

/** An invocation that runs, as telemetry tells of it. */
interface Running {
  readonly invocation: Invocation;
  readonly startedAt: number;
  readonly startedOn: number;
  firstByteAt: number | undefined;
  /** The runtime has answered; extensions may still be at work. */
  answer: AnswerFrame | undefined;
  answeredAt: number;
}

/**
 * The way to the code of one environment, with the HTTP APIs around it. To the environment that drives it, all of these look alike:
 *
 *   runtime   of ours: frames over the channel;  any other: the Runtime API (`HttpRuntime`), whose calls become the same frames
 *   extensions  external ones under a supervisor, internal ones in the runtime's process: `initialised` and answers are held
 *             back until they are ready (A1), and the end waits for them (A2)
 *
 * **A1** an invocation is over when the runtime has answered and every extension that is told of invocations has asked for the
 * next event. **A2** whoever registered for SHUTDOWN gets it, and 2 seconds. **A3** after `end` nothing counts that comes in.
 */
export class ApiConnection implements RuntimeConnection, ApiHandler {
  extensionsMs: number | undefined;
  readonly #connection: Connection;
  readonly #options: ApiConnectionOptions;
  readonly #extensions: Extensions;
  readonly #http: HttpRuntime | undefined;
  readonly #telemetry: Telemetry | undefined;
  #events: PlatformEvents | undefined;
  #listener: ConnectionListener | undefined;
  #config: LoadConfig | undefined;
  /** The process has been told all but that it may begin. */
  #prepared = false;
  readonly #startedAt: number;
  #token: string | undefined;
  #supervisor: SupervisorLink | undefined;
  #runtimeStarted = false;
  #runtimeEnded = false;
  readonly #extensionsEnded = new Set<string>();
  /** The runtime waits for its first invocation. */
  #runtimeReady = false;
  #initialised = false;
  /** By sequence number. */
  readonly #running = new Map<number, Running>();
  #restoreStartedAt: number | undefined;
  #ended = false;
  #shutdown: Shutdown | undefined;
  #memoryKb = 0;
  #memoryAt = Number.NEGATIVE_INFINITY;

  constructor(connection: Connection, options: ApiConnectionOptions) {
    this.#connection = connection;
    this.#options = options;
    const { spec, launch, random, clock } = options;
    this.#startedAt = clock.monotonic();
    const { name: functionName, version: functionVersion, handler, arn } = spec;
    const home = { functionName, functionVersion, handler, accountId: arn.split(':')[4]! };
    this.#extensions = new Extensions(home, random, {
      onRegistered: (extension) => this.#onRegistered(extension),
      onReady: () => this.#onExtensionReady(),
      onError: ({ name }, errorType, message) => this.#fault(errorType, message || `extension ${name} gave up`),
    });
    if (launch.speaks === 'http') {
      this.#http = new HttpRuntime(
        {
          onReady: () => this.#onRuntimeReady(),
          onFirstByte: (outstanding, contentType) => this.#onFirstByte(outstanding, contentType),
          onChunk: ({ sequence }, bytes) => this.#listener!.onFrame({ kind: 'stream-chunk', sequence, bytes }),
          onAnswered: (outstanding, answered, bytes) => this.#onAnswered(outstanding, answered, bytes),
          onInitError: (payload, errorType) => this.#onInitError(payload, errorType),
        },
        spec.environmentConcurrency,
      );
    }
    if (launch.supervised) {
      this.#extensions.expect(launch.supervised.extensions);
      this.#telemetry = new Telemetry(clock, (to, body) => this.#supervisor?.post(to, body) ?? Promise.resolve(false));
    }
  }

  get process(): SandboxProcess {
    return this.#connection.process;
  }

  get ready(): boolean {
    return this.#connection.ready;
  }

  listen(listener: ConnectionListener): void {
    this.#listener = listener;
    const { process } = this.#connection;
    if (process.hasDoor(DOOR)) process.accept(DOOR, (socket) => this.#options.server.serve(socket, this));
    this.#connection.listen({
      onFrame: (frame) => this.#onFrame(frame),
      onOutput: (line) => this.#onOutput(line),
      onEnd: (failure) => this.#fail(failure),
    });
  }

  handle(request: IncomingMessage, response: ServerResponse): void {
    route(this.#resources, request, response);
  }

  prepare(given: LoadConfig, first?: FirstInvocation): void {
    const config = this.#withAddress(given);
    this.#config = config;
    this.#prepared = true;
    this.#connection.send([encodePrepare({ ...config, first })]);
  }

  load(given: LoadConfig, first?: FirstInvocation): void {
    const config = this.#withAddress(given);
    const { variables } = config;
    this.#config = config;
    this.#tellInitStart(config);
    if (this.#prepared) return this.#connection.send([encodeLoad({})]);
    if (variables.AWS_LAMBDA_INITIALIZATION_TYPE === 'snap-start') this.#http?.allowRestore();
    const { launch } = this.#options;
    if (!this.#http && !launch.supervised) return this.#connection.send([encodeLoad({ ...config, first })]);
    const program = programOf(config, this.#options.spec, launch);
    if ('kind' in program) return this.#fail(program);
    const supervisor = launch.supervised && this.#supervision(config, launch.supervised.extensions);
    this.#connection.send([encodeExec({ ...program, supervisor })]);
  }

  #withAddress(given: LoadConfig): LoadConfig {
    if (!this.process.hasDoor(DOOR)) return given;
    return { ...given, variables: { ...given.variables, AWS_LAMBDA_RUNTIME_API: this.process.addressOf(DOOR) } };
  }

  invoke(sequence: number, deadlineMs: number, functionArn: string, invocation: Invocation): void {
    this.begun(sequence, deadlineMs, functionArn, invocation);
    if (!this.#http) {
      const trace = formatXRay(invocation.trace);
      return this.#connection.send(encodeInvoke(sequence, deadlineMs, trace, functionArn, invocation));
    }
    if (this.#http.suspended) {
      this.#restoreStartedAt = this.#running.get(sequence)!.startedAt;
      this.#events?.restoreStart();
    }
    this.#http.invoke({ sequence, invocation, functionArn, deadlineMs });
  }

  begun(sequence: number, deadlineMs: number, functionArn: string, invocation: Invocation): void {
    const { clock } = this.#options;
    const startedAt = clock.monotonic();
    this.extensionsMs = undefined;
    const startedOn = clock.now();
    this.#running.set(sequence, {
      invocation,
      startedAt,
      startedOn,
      firstByteAt: undefined,
      answer: undefined,
      answeredAt: 0,
    });
    this.#events?.start(invocation.requestId, invocation.trace);
    if (this.#extensions.any) this.#tellInvoke(deadlineMs, functionArn, invocation);
  }

  hold(taken: Promise<void>): void {
    if (this.#http) this.#http.hold(taken);
    else this.#connection.hold(taken);
  }

  overdue(sequence: number): boolean {
    const running = this.#running.get(sequence);
    if (!running?.answer) {
      if (running) this.#tellUnanswered(running, 'timeout');
      this.#running.delete(sequence);
      return false;
    }
    this.#fail({ kind: 'timeout' });
    return true;
  }

  end(reason: EndReason): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#http?.close();
    this.#tellBroken(reason);
    const { clock } = this.#options;
    const left = this.#extensions.external.some(({ name }) => !this.#extensionsEnded.has(name));
    if (!this.#supervisor || !left || this.process.outOfMemory) {
      this.#telemetry?.stop();
      return this.#connection.kill();
    }
    this.#shutdown = new Shutdown({
      reason,
      clock,
      extensions: this.#extensions,
      supervisor: this.#supervisor,
      process: this.process,
      kill: () => this.#connection.kill(),
      telemetry: this.#telemetry!,
      runtimeEnded: this.#runtimeEnded || !this.#runtimeStarted,
      ended: this.#extensionsEnded,
    });
  }

  report({ requestId, trace }: Invocation, metering: Metering, succeeded: boolean, ending?: Ending): void {
    this.#events?.report(requestId, trace, metering, succeeded, ending);
  }

  readonly #resources: Resources = {
    next: (response) => (this.#http ? this.#http.next(response) : refuseRuntime(response)),
    respond: (id, request, response) =>
      this.#http ? this.#http.respond(id, request, response) : refuseRuntime(response, request),
    fail: (id, request, response) =>
      this.#http ? this.#http.fail(id, request, response) : refuseRuntime(response, request),
    initError: (request, response) =>
      this.#http ? this.#http.initError(request, response) : refuseRuntime(response, request),
    restoreNext: (response) => (this.#http?.restores ? this.#http.restoreNext(response) : send(response, NOT_FOUND)),
    restoreError: (request, response) =>
      this.#http?.restores ? this.#http.restoreError(request, response) : refuseRuntime(response, request),
    register: (request, response) => this.#extensions.register(request, response),
    nextEvent: (request, response) => this.#extensions.next(request, response),
    extensionError: (call, request, response) => this.#extensions.fail(call, request, response),
    subscribe: (api, request, response) => {
      const extension = this.#extensions.identify(request, response);
      if (extension) subscribe(api, this.#telemetry, extension.name, this.#options.log, request, response);
    },
    supervise: (request, response) => this.#supervise(request, response),
  };

  #supervision(config: LoadConfig, extensions: readonly string[]) {
    this.#token = Buffer.from(this.#options.random.bytes(32)).toString('hex');
    return supervisionOf(config, extensions, this.#token);
  }

  #supervise(request: IncomingMessage, response: ServerResponse): void {
    // Once: it comes before anything of the function runs, so nobody else can have used the token.
    if (this.#token === undefined || request.headers.authorization !== this.#token) {
      request.resume();
      return send(response, NOT_FOUND);
    }
    this.#token = undefined;
    this.#supervisor = new SupervisorLink(request, response, {
      onExit: (name, exit, error) => this.#onExit(name, exit, error),
      onLine: (name, line) => this.#onExtensionLine(name, line),
    });
  }

  #onFrame(frame: Frame): void {
    // What it says on its way out is heard, and is nothing but that.
    if (this.#ended && frame.kind !== 'log') return;
    switch (frame.kind) {
      case 'ready':
        // The blank one has said it; this is the runtime that was started beside extensions.
        if (!this.#runtimeStarted) return this.#listener!.onFrame(frame);
        // Its event loop turns between invocations, so that it notices a SIGTERM.
        return this.#connection.send([encodeLoad({ ...this.#config, attends: true })]);
      case 'initialised':
        return this.#onRuntimeReady(frame.begun);
      case 'response':
      case 'error':
      case 'stream-end':
        return this.#onAnswerFrame(frame);
      case 'init-error':
        this.#events?.initRuntimeDone('error');
        return this.#listener!.onFrame(frame);
      case 'log':
        this.#telemetry?.line('function', frame.line);
        return this.#listener!.onFrame(frame);
      default:
        return this.#listener!.onFrame(frame);
    }
  }

  #onOutput(line: string): void {
    this.#telemetry?.line('function', line);
    this.#listener!.onOutput(line);
  }

  #onExtensionLine(name: string, line: string): void {
    if (!this.#extensions.named(name)) return;
    this.#options.log.write(line);
    this.#telemetry?.line('extension', line);
  }

  #onRegistered({ external }: Extension): void {
    // It shares the runtime's process, and gets on between invocations only where that lets it.
    if (!external && !this.#http && this.#options.launch.attends) this.#connection.send([encodeAttend()]);
    // All have begun: now the runtime.
    if (!external || this.#runtimeStarted || !this.#supervisor || !this.#extensions.registered) return;
    this.#runtimeStarted = true;
    this.#supervisor.startRuntime();
  }

  #onExtensionReady(): void {
    if (this.#ended) return;
    if (!this.#initialised) return this.#checkInitialised();
    if (this.#extensions.idle) this.#handOver();
  }

  /** @param begun  the first invocation runs: what has been registered meanwhile, if anything, is too late to be waited for */
  #onRuntimeReady(begun = false): void {
    if (this.#runtimeReady) return this.#listener!.onFrame({ kind: 'initialised', begun });
    this.#runtimeReady = true;
    this.#events?.initRuntimeDone('success');
    this.#checkInitialised(begun);
  }

  #checkInitialised(begun = false): void {
    const extensions = this.#extensions;
    if (!this.#runtimeReady || !(extensions.ready || begun)) return;
    this.#initialised = true;
    extensions.closeRegistration();
    for (const { name, events } of extensions.all) {
      this.#options.log.write(`EXTENSION\tName: ${name}\tState: Ready\tEvents: [${events.join(', ')}]`);
      this.#events?.extensionReady(name, events);
    }
    this.#events?.initReport(this.#options.clock.monotonic() - this.#startedAt, 'success');
    this.#telemetry?.closeSubscriptions();
    this.#listener!.onFrame({ kind: 'initialised', begun });
  }

  #onFirstByte({ sequence }: Outstanding, contentType: string | undefined): void {
    if (this.#restoreStartedAt !== undefined) {
      this.#events?.restoreDone(this.#options.clock.monotonic() - this.#restoreStartedAt, 'success');
      this.#restoreStartedAt = undefined;
    }
    const running = this.#running.get(sequence);
    if (running) running.firstByteAt = this.#options.clock.monotonic();
    if (contentType !== undefined) this.#listener!.onFrame({ kind: 'stream-start', sequence, contentType });
  }

  #onAnswered({ sequence }: Outstanding, answered: Answered, producedBytes: number): void {
    if (this.#ended) return;
    const memoryKb = this.#sampleMemory();
    const { payload } = answered;
    if (answered.kind === 'response') {
      return this.#onAnswerFrame({ kind: 'response', sequence, memoryKb, payload }, producedBytes);
    }
    const { errorType } = answered;
    if (answered.kind === 'stream-end') {
      return this.#onAnswerFrame({ kind: 'stream-end', sequence, memoryKb, errorType, payload }, producedBytes);
    }
    this.#onAnswerFrame({ kind: 'error', sequence, memoryKb, fatal: false, errorType, payload }, producedBytes);
  }

  /** Holds an answer back while extensions are at work on the invocation (A1); its caller is told at once. */
  #onAnswerFrame(frame: AnswerFrame, producedBytes = frame.payload.length): void {
    const running = this.#running.get(frame.sequence);
    if (!running) return this.#listener!.onFrame(frame);
    // Its caller has the first one.
    if (running.answer) return this.#fail({ kind: 'broken', reason: 'a second answer' });
    if (this.#events) {
      const answeredAt = this.#options.clock.monotonic();
      const { invocation, firstByteAt = answeredAt } = running;
      const times = { ...running, firstByteAt, answeredAt, producedBytes };
      const errorType = frame.kind === 'response' ? '' : frame.errorType;
      const failed = frame.kind === 'error' || errorType !== '';
      this.#events.runtimeDone(
        invocation.requestId,
        invocation.trace,
        times,
        failed ? 'error' : 'success',
        errorType || undefined,
      );
    }
    running.answer = frame;
    if (this.#extensions.any) running.answeredAt = this.#options.clock.monotonic();
    if (this.#extensions.idle) this.#handOver();
    else this.#listener!.onAnswer?.(frame);
  }

  #handOver(): void {
    for (const [sequence, { answer, answeredAt }] of this.#running) {
      if (!answer) continue;
      this.#running.delete(sequence);
      if (this.#extensions.any) this.extensionsMs = this.#options.clock.monotonic() - answeredAt;
      this.#listener!.onFrame(answer);
    }
  }

  #onInitError(payload: Uint8Array, errorType: string): void {
    const status: Status = 'error';
    if (this.#restoreStartedAt !== undefined) {
      this.#events?.restoreDone(this.#options.clock.monotonic() - this.#restoreStartedAt, status, errorType);
    } else {
      this.#events?.initRuntimeDone(status, errorType);
    }
    this.#fail({ kind: 'init-error', payload });
  }

  #onExit(name: string | null, exit: Exit, error: string | undefined): void {
    if (name === null) {
      this.#runtimeEnded = true;
      this.#shutdown?.onRuntimeExit();
      if (!error) return this.#fail({ kind: 'exit', ...exit });
      const { supervised } = this.#options.launch;
      const program = this.#http ? `${this.#config!.root}/bootstrap` : supervised!.command[0];
      return this.#fault('Runtime.InvalidEntrypoint', `fork/exec ${program}: ${worded(error)}`);
    }
    if (!this.#extensions.named(name)) return;
    this.#extensionsEnded.add(name);
    this.#shutdown?.onExtensionExit(name);
    if (error) return this.#fault('Extension.LaunchError', `fork/exec /opt/extensions/${name}: ${worded(error)}`);
    const how = exit.signal ? `signal: ${exit.signal}` : `exit status ${exit.code}`;
    this.#fault('Extension.Crash', `extension ${name} ended: ${how}`);
  }

  #fault(errorType: string, message: string): void {
    this.#fail(fault(errorType, message));
  }

  /** Tells the environment; an answer that is there already reaches its caller all the same. */
  #fail(failure: Failure): void {
    if (this.#ended) return;
    this.#handOver();
    this.#listener!.onEnd(failure);
  }

  #tellInitStart(config: LoadConfig): void {
    if (!this.#telemetry) return;
    const { spec, launch, repeatsInit, log } = this.#options;
    const type = config.variables.AWS_LAMBDA_INITIALIZATION_TYPE ?? 'on-demand';
    this.#events = new PlatformEvents(this.#telemetry, spec, repeatsInit ? 'invoke' : 'init', type);
    const { version, arn } = runtimeVersionOf(spec, launch);
    this.#events.initStart(version, arn, log.stream);
  }

  #tellInvoke(deadlineMs: number, functionArn: string, { requestId, invokedArn, trace }: Invocation): void {
    this.#extensions.tell('INVOKE', {
      deadlineMs: Math.ceil(deadlineMs),
      requestId,
      invokedFunctionArn: invokedArn ?? functionArn,
      tracing: { type: 'X-Amzn-Trace-Id', value: formatXRay(trace) },
    });
  }

  /** An invocation or init that ends here has not ended well. */
  #tellBroken(reason: EndReason): void {
    const status = reason === 'timeout' ? 'timeout' : 'failure';
    if (reason !== 'spindown' && !this.#initialised) {
      if (!this.#runtimeReady) this.#events?.initRuntimeDone(status);
      this.#events?.initReport(this.#options.clock.monotonic() - this.#startedAt, status);
      this.#telemetry?.closeSubscriptions();
    }
    for (const running of this.#running.values()) this.#tellUnanswered(running, status);
  }

  #tellUnanswered(running: Running, status: Status): void {
    const { requestId, trace } = running.invocation;
    const times = { ...running, answeredAt: this.#options.clock.monotonic(), producedBytes: 0 };
    this.#events?.runtimeDone(requestId, trace, times, status);
    if (status === 'failure') this.#events?.fault(`RequestId: ${requestId} Process exited before completing request`);
  }

  /** What the processes hold: looked at now and then, since it takes longer than a fast invocation. */
  #sampleMemory(): number {
    const now = this.#options.clock.monotonic();
    if (now - this.#memoryAt >= API_LIMITS.memoryEveryMs) {
      this.#memoryAt = now;
      this.#memoryKb = Math.ceil(this.process.memoryBytes() / 1024);
    }
    return this.#memoryKb;
  }
}

function fault(errorType: string, message: string): Failure {
  return { kind: 'fault', errorType, message };
}

/** Errors of starting a program, as execve(2) words them. */
function worded(code: string): string {
  const words: Readonly<Record<string, string>> = {
    EACCES: 'permission denied',
    ENOENT: 'no such file or directory',
    ENOEXEC: 'exec format error',
  };
  return words[code] ?? code;
}

/** A runtime of ours has a way of its own to the node: who asks here would take its invocations away. */
function refuseRuntime(response: ServerResponse, request?: IncomingMessage): void {
  request?.resume();
  send(
    response,
    refusal(403, 'InvalidStateTransition', 'this environment has a managed runtime: the Runtime API is its own'),
  );
}
