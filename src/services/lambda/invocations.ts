import { DEFAULT_REGION, DomainError, hasCode, messageOf, type Random, uuid } from '../../base/index.ts';
import type { FunctionInvoker, InvocationOutcome, Reservation } from '../../pollers/index.ts';
import type {
  FunctionSpec,
  Invocation,
  InvocationAnswer,
  InvocationResult,
  Runtime,
  Slot,
  Wait,
} from '../../runtime/index.ts';
import { newTrace, type TraceContext } from '../../telemetry/index.ts';
import { LambdaError } from './errors.ts';
import type { Functions } from './functions.ts';
import type { FunctionMeter, Meters } from './metering.ts';
import type { Alias, FunctionVersion } from './model.ts';
import { type FunctionReference, functionArn, parseReference } from './names.ts';
import type { Packages } from './packages.ts';
import { policyOf } from './permissions.ts';
import { continueLineage, lineageKey, RECURSION_LIMITS, recursiveInvocation } from './recursion.ts';
import { StreamedResponse } from './response-stream.ts';
import { checkArchitecture, revisionOf, specOf } from './specs.ts';
import { throttleReason } from './throttles.ts';
import type { InvocationTracing, TracedFunction } from './tracing.ts';

/** A function version ready to be run. */
export interface Runnable extends TracedFunction {
  readonly spec: FunctionSpec;
  /** As the caller named it: with its alias or version. */
  readonly invokedArn: string;
  /** What stands for the function in the lineage of a chain of requests. */
  readonly lineageKey: string;
  /** A loop through it is stopped. */
  readonly stopsLoops: boolean;
  readonly meter: FunctionMeter;
}

/** What came of an invocation, with the version that ran. */
export interface Invoked {
  readonly result: InvocationAnswer;
  readonly executedVersion: string;
}

/** What an invocation is made of, as a caller brings it. */
export type Request = Omit<Invocation, 'invokedArn'>;

/** ARNs that are known in their parts. */
const REFERENCES_MAX = 10_000;

/** The error type by which the runtime says that the payload is no JSON. */
const EVENT_INVALID = 'Millrace.EventInvalid';

export interface InvocationsOptions {
  readonly functions: Functions;
  readonly packages: Packages;
  readonly runtime: Runtime;
  readonly random: Random;
  readonly meters: Meters;
  readonly tracing: InvocationTracing;
  /** Environments that a version is to have initialised. */
  readonly provisionedOf: (region: string, name: string, version: string) => number;
  /** Told of each version before it is first invoked. */
  readonly onFirstUse: (version: FunctionVersion) => void;
}

/** Runs functions by name: for Invoke, for asynchronous events and for pollers. */
export class Invocations implements FunctionInvoker {
  readonly #options: InvocationsOptions;
  /** By `region/name/qualifier`. Everything that may change an entry clears its function's ones. */
  readonly #runnables = new Map<string, Runnable>();
  /** What the runtime may run of each function, by `region/name` and version: known till it is retired, however often the function changes. */
  readonly #given = new Map<string, Map<string, FunctionSpec>>();
  readonly #references = new Map<string, FunctionReference>();
  /** Texts of policies, which are replaced and never changed. */
  readonly #policies = new WeakMap<object, string>();

  constructor(options: InvocationsOptions) {
    this.#options = options;
  }

  /** Forgets what was looked up of a function, retires the environments that are out of date, and lets in those who wait by what holds now. */
  changed(region: string, name: string): void {
    const { functions, runtime, meters } = this.#options;
    const record = functions.find(region, name);
    if (!record) meters.forget(region, name);
    const prefix = `${region}/${name}/`;
    for (const key of this.#runnables.keys()) if (key.startsWith(prefix)) this.#runnables.delete(key);
    for (const spec of [...(this.#given.get(`${region}/${name}`)?.values() ?? [])]) {
      const version = record && functions.findVersion(region, name, spec.version);
      if (version && revisionOf(record, version) === spec.revision) continue;
      this.#given.get(`${region}/${name}`)!.delete(spec.version);
      runtime.retire(spec.arn, version && this.specOf(region, name, spec.version));
    }
    if (record) runtime.reserveConcurrency(functionArn(region, name), record.reservedConcurrency);
    else this.#given.delete(`${region}/${name}`);
  }

  /** What the runtime needs to know of a version, to run it. @throws function-not-found */
  specOf(region: string, name: string, version: string): FunctionSpec {
    const { functions, packages, provisionedOf } = this.#options;
    const found = functions.version(region, name, version);
    const spec = specOf(functions.get(region, name), found, packages, provisionedOf(region, name, version));
    const given = this.#given.get(`${region}/${name}`) ?? new Map<string, FunctionSpec>();
    this.#given.set(`${region}/${name}`, given.set(version, spec));
    return spec;
  }

  /** Looks a function up. @throws function-not-found, runtime-unavailable, snapshot-pending, snapshot-failed */
  runnable(region: string, name: string, qualifier: string | undefined): Runnable {
    const key = `${region}/${name}/${qualifier ?? ''}`;
    const known = this.#runnables.get(key);
    if (known) return known;
    const { version, alias } = this.#options.functions.resolve(region, name, qualifier);
    if (alias && splits(alias)) return this.#routed(alias);
    const runnable = this.#describe(version, qualifier);
    this.#runnables.set(key, runnable);
    return runnable;
  }

  /** The same by ARN. @throws function-not-found, invalid-parameter */
  runnableOf(arn: string): Runnable {
    const { region, name, qualifier } = this.#referenceOf(arn);
    return this.runnable(region ?? DEFAULT_REGION, name, qualifier);
  }

  /** APIs and pollers name few functions, again and again. @throws invalid-parameter */
  #referenceOf(arn: string): FunctionReference {
    const known = this.#references.get(arn);
    if (known) return known;
    const reference = parseReference(arn);
    if (this.#references.size >= REFERENCES_MAX) this.#references.clear();
    this.#references.set(arn, reference);
    return reference;
  }

  /**
   * Runs once and waits for the answer. Extensions may be at work on the invocation beyond it, and keep its place so long.
   *
   * @param wait  whether to wait for a free place, as a runtime's `reserve` does; else @throws throttled
   * @param signal  stops the waiting, and nothing that has begun; @param onPlace  told when the waiting is over
   * @throws request-content-invalid: the payload is no JSON
   */
  async invoke(
    runnable: Runnable,
    request: Request,
    options: { readonly wait: Wait; readonly signal?: AbortSignal; readonly onPlace?: () => void },
  ): Promise<Invoked> {
    const slot = await this.reserveSlot(runnable, options);
    options.onPlace?.();
    const result = await new Promise<InvocationAnswer>((resolve, reject) => {
      this.#runHeld(slot, runnable, { ...request, onAnswer: resolve }).then(resolve, reject);
    });
    if (result.kind === 'error' && result.errorType === EVENT_INVALID) throw contentInvalid(result.payload);
    return { result, executedVersion: runnable.spec.version };
  }

  /**
   * Begins an invocation whose response is taken as it comes; it runs on when nobody takes it any more.
   *
   * @returns once there is a place for it
   * @throws throttled
   */
  async invokeStreaming(
    runnable: Runnable,
    request: Request,
    { wait, logTail }: { readonly wait: Wait; readonly logTail: boolean },
  ): Promise<StreamedResponse> {
    const slot = await this.reserveSlot(runnable, { wait });
    const response = new StreamedResponse();
    void this.#stream(slot, runnable, { ...request, stream: response }, response, logTail);
    return response;
  }

  /** The policy of a function, as JSON, which says who else may call it; `undefined` where it has none. */
  policyOf(arn: string): string | undefined {
    const { region = DEFAULT_REGION, name, qualifier } = this.#referenceOf(arn);
    const policy = policyOf(this.#options.functions.find(region, name), qualifier);
    if (!policy || policy.statements.length === 0) return undefined;
    let text = this.#policies.get(policy);
    if (text === undefined) {
      text = JSON.stringify({ Version: '2012-10-17', Statement: policy.statements });
      this.#policies.set(policy, text);
    }
    return text;
  }

  exists(arn: string): boolean {
    try {
      return this.runnableOf(arn) !== undefined;
    } catch (error) {
      if (error instanceof DomainError) return false;
      throw error;
    }
  }

  /** Execution role of a function, a version or an alias; `undefined` when there is none. */
  roleOf(arn: string): string | undefined {
    try {
      const { region = DEFAULT_REGION, name, qualifier } = parseReference(arn);
      return this.#options.functions.resolve(region, name, qualifier).version.role;
    } catch (error) {
      if (error instanceof DomainError) return undefined;
      throw error;
    }
  }

  timeoutMs(arn: string): number | undefined {
    try {
      return this.runnableOf(arn).spec.timeoutMs;
    } catch (error) {
      if (error instanceof DomainError) return undefined;
      throw error;
    }
  }

  async reserve(arn: string, signal: AbortSignal): Promise<Reservation> {
    try {
      const runnable = this.runnableOf(arn);
      const slot = await this.#options.runtime.reserve(runnable.spec, { wait: true, signal });
      return new PollerReservation(this, runnable, slot);
    } catch (error) {
      if (!(error instanceof DomainError)) throw error;
      // The function is gone or cannot run here. The poller learns it when it invokes, and backs off as for any failure.
      return new PollerReservation(this, error.message, undefined);
    }
  }

  /** @internal  For {@link PollerReservation}. */
  async invokeIn(
    slot: Slot,
    runnable: Runnable,
    payload: Uint8Array,
    [trace = newTrace(this.#options.random), ...links]: readonly TraceContext[],
  ): Promise<InvocationOutcome> {
    const requestId = uuid(this.#options.random);
    const identity = { requestId, executedVersion: runnable.spec.version };
    const result = await this.run(slot, runnable, { requestId, payload, trace }, links).catch(asStopped);
    if ('stopped' in result) return { ...result.stopped, ...identity };
    if (result.kind === 'success') return { kind: 'success', payload: result.payload, ...identity };
    return { kind: 'function-error', payload: result.payload, errorType: result.errorType, ...identity };
  }

  /** A place for one invocation. @throws throttled */
  async reserveSlot(
    { spec, meter }: Runnable,
    options: { readonly wait: Wait; readonly signal?: AbortSignal },
  ): Promise<Slot> {
    try {
      return await this.#options.runtime.reserve(spec, options);
    } catch (error) {
      if (!hasCode(error, 'concurrency-limit')) throw error;
      meter.throttled();
      throw throttled(error as DomainError);
    }
  }

  /** Runs one invocation in its place, and counts and traces it. @param links  other traces that have caused it */
  async run(
    slot: Slot,
    runnable: Runnable,
    request: Request,
    links: readonly TraceContext[] = [],
  ): Promise<InvocationResult> {
    const { meter, invokedArn } = runnable;
    const trace = this.#continued(runnable, [request.trace, ...links]);
    const traced = this.#options.tracing.begin(runnable, trace, links);
    meter.started();
    try {
      const result = await slot.invoke({ ...request, trace: traced.trace, invokedArn });
      meter.measured(result);
      traced.ended(result, request.requestId);
      return result;
    } finally {
      meter.ended();
    }
  }

  /** The trace that an invocation goes on with. @throws recursive-invocation */
  #continued({ lineageKey, stopsLoops, meter }: Runnable, causes: readonly TraceContext[]): TraceContext {
    const { lineage, invocations } = continueLineage(
      causes.map((cause) => cause.lineage),
      lineageKey,
    );
    if (stopsLoops && invocations > RECURSION_LIMITS.invocationsMax) {
      meter.loopStopped();
      throw recursiveInvocation();
    }
    return { ...causes[0]!, lineage };
  }

  async #runHeld(slot: Slot, runnable: Runnable, request: Request): Promise<InvocationResult> {
    using _held = slot;
    return await this.run(slot, runnable, request);
  }

  /** Never rejects: what fails is told in the stream. */
  async #stream(
    slot: Slot,
    runnable: Runnable,
    request: Request,
    response: StreamedResponse,
    logTail: boolean,
  ): Promise<void> {
    const complete = (result: InvocationAnswer) => {
      const log = logTail ? { LogResult: Buffer.from(result.logTail).toString('base64') } : {};
      if (result.kind === 'success') return response.complete(result.payload, log);
      const details = Buffer.from(result.payload).toString('utf8');
      response.complete(undefined, { ErrorCode: 'Unhandled', ErrorDetails: details, ...log });
    };
    try {
      complete(await this.#runHeld(slot, runnable, { ...request, onAnswer: complete }));
    } catch (error) {
      response.fail(error);
    }
  }

  /** An alias that splits its traffic is drawn anew each time. */
  #routed(alias: Alias): Runnable {
    const { region, functionName, name } = alias;
    const drawn = draw(alias, this.#options.random.next());
    const key = `${region}/${functionName}/${name}/${drawn}`;
    const known = this.#runnables.get(key);
    if (known) return known;
    const version = this.#options.functions.version(region, functionName, drawn);
    const runnable = this.#describe(version, name, drawn);
    this.#runnables.set(key, runnable);
    return runnable;
  }

  /** @param executedVersion  of an alias that splits its traffic */
  #describe(version: FunctionVersion, qualifier: string | undefined, executedVersion?: string): Runnable {
    checkState(version);
    checkArchitecture(version);
    this.#options.onFirstUse(version);
    const { region, name, tracing } = version;
    const spec = this.specOf(region, name, version.version);
    const named = { region, name, ...(qualifier === undefined ? {} : { qualifier }) };
    const executed = executedVersion === undefined ? {} : { executedVersion };
    return {
      spec,
      arn: spec.arn,
      name,
      version: version.version,
      tracing,
      invokedArn: functionArn(region, name, qualifier),
      lineageKey: lineageKey(functionArn(region, name)),
      stopsLoops: !this.#options.functions.find(region, name)?.allowsLoops,
      meter: this.#options.meters.of(spec, { ...named, ...executed }),
    };
  }
}

function splits({ weights }: Alias): boolean {
  return Object.keys(weights).length > 0;
}

/** The version that gets this invocation. @param at  in [0, 1) */
function draw({ version, weights }: Alias, at: number): string {
  let rest = at;
  for (const [other, weight] of Object.entries(weights)) {
    if (rest < weight) return other;
    rest -= weight;
  }
  return version;
}

/** @throws snapshot-pending, snapshot-failed: SnapStart has not made the version ready, or could not */
function checkState({ state }: FunctionVersion): void {
  if (!state || state.kind === 'Active') return;
  if (state.kind === 'Failed') throw new LambdaError('snapshot-failed', state.reason, { remedy: 'never' });
  throw new LambdaError(
    'snapshot-pending',
    'Lambda is initializing your function. It will be ready to invoke once your function state becomes ACTIVE.',
    { remedy: 'retry' },
  );
}

/** What a poller is told of an invocation that would go on with a loop: the function has failed. @throws every other error */
function asStopped(error: unknown) {
  if (!hasCode(error, 'recursive-invocation')) throw error;
  const errorType = 'RecursiveInvocationException';
  const payload = Buffer.from(JSON.stringify({ errorType, errorMessage: messageOf(error) }));
  return { stopped: { kind: 'function-error', payload, errorType } as const };
}

/** A place held for a poller; `runnable` is the reason when there is none. */
class PollerReservation implements Reservation {
  readonly #invocations: Invocations;
  readonly #runnable: Runnable | string;
  readonly #slot: Slot | undefined;

  constructor(invocations: Invocations, runnable: Runnable | string, slot: Slot | undefined) {
    this.#invocations = invocations;
    this.#runnable = runnable;
    this.#slot = slot;
  }

  async invoke(
    payload: Uint8Array,
    signal: AbortSignal,
    traces: readonly TraceContext[] = [],
  ): Promise<InvocationOutcome> {
    signal.throwIfAborted();
    const runnable = this.#runnable;
    if (typeof runnable === 'string') return { kind: 'not-invoked', reason: runnable };
    try {
      return await this.#invocations.invokeIn(this.#slot!, runnable, payload, traces);
    } catch (error) {
      if (!(error instanceof DomainError)) throw error;
      return { kind: 'not-invoked', reason: messageOf(error) };
    }
  }

  [Symbol.dispose](): void {
    this.#slot?.[Symbol.dispose]();
  }
}

function throttled(error: DomainError): LambdaError {
  const fields = { Reason: throttleReason(error.fields?.why), Type: 'User' };
  return new LambdaError('throttled', 'Rate Exceeded.', { cause: error, remedy: 'retry', fields });
}

function contentInvalid(payload: Uint8Array): LambdaError {
  const { errorMessage } = JSON.parse(Buffer.from(payload).toString('utf8')) as { errorMessage: string };
  return new LambdaError(
    'request-content-invalid',
    `Could not parse request body into json: Could not parse payload into json: ${errorMessage}`,
  );
}
