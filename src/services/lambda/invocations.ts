import { DEFAULT_REGION, DomainError, hasCode, messageOf, type Random, uuid } from '../../base/index.ts';
import type { FunctionInvoker, InvocationOutcome, Reservation } from '../../pollers/index.ts';
import type { FunctionSpec, Invocation, InvocationResult, Runtime, Slot } from '../../runtime/index.ts';
import { type Metrics, newTrace, type TraceContext } from '../../telemetry/index.ts';
import { LambdaError } from './errors.ts';
import type { Functions } from './functions.ts';
import type { Alias, FunctionRecord, FunctionVersion } from './model.ts';
import { functionArn, parseReference } from './names.ts';
import type { Packages } from './packages.ts';
import { throttleReason } from './throttles.ts';

/** A function version ready to be run. */
export interface Runnable {
  readonly spec: FunctionSpec;
  /** As the caller named it: with its alias or version. */
  readonly invokedArn: string;
  readonly dimensions: { readonly FunctionName: string };
}

/** What came of an invocation, with the version that ran. */
export interface Invoked {
  readonly result: InvocationResult;
  readonly executedVersion: string;
}

/** The error type by which the runtime says that the payload is no JSON. */
const EVENT_INVALID = 'Millrace.EventInvalid';

export interface InvocationsOptions {
  readonly functions: Functions;
  readonly packages: Packages;
  readonly runtime: Runtime;
  readonly random: Random;
  readonly metrics: Metrics;
}

/** Runs functions by name: for Invoke, for asynchronous events and for pollers. */
export class Invocations implements FunctionInvoker {
  readonly #options: InvocationsOptions;
  /** By `region/name/qualifier`. Everything that may change an entry clears its function's ones. */
  readonly #runnables = new Map<string, Runnable>();
  /** Invocations under way, by function. */
  readonly #running = new Map<string, number>();

  constructor(options: InvocationsOptions) {
    this.#options = options;
  }

  /** Forgets what was looked up of a function, and retires the environments that are out of date. */
  changed(region: string, name: string): void {
    const { functions, runtime } = this.#options;
    const latest = functions.find(region, name)?.latest;
    const prefix = `${region}/${name}/`;
    for (const [key, { spec }] of this.#runnables) {
      if (!key.startsWith(prefix)) continue;
      this.#runnables.delete(key);
      const current = latest && (spec.version !== '$LATEST' || spec.revision === latest.revisionId);
      if (!current) runtime.retire(spec.arn);
    }
  }

  /** Looks a function up. @throws function-not-found */
  runnable(region: string, name: string, qualifier: string | undefined): Runnable {
    const key = `${region}/${name}/${qualifier ?? ''}`;
    const known = this.#runnables.get(key);
    if (known) return known;
    const { record, version, alias } = this.#options.functions.resolve(region, name, qualifier);
    const runs = alias ? this.#routed(alias, version) : version;
    const runnable = this.#describe(record, runs, functionArn(region, name, qualifier));
    // An alias that splits its traffic is drawn anew each time.
    if (!alias || Object.keys(alias.weights).length === 0) this.#runnables.set(key, runnable);
    return runnable;
  }

  /** The same by ARN. @throws function-not-found, invalid-parameter */
  runnableOf(arn: string): Runnable {
    const { region, name, qualifier } = parseReference(arn);
    return this.runnable(region ?? DEFAULT_REGION, name, qualifier);
  }

  /**
   * Runs once and waits for the result.
   *
   * @param wait  whether to wait for a free place; else @throws throttled
   * @throws request-content-invalid: the payload is no JSON
   */
  async invoke(
    runnable: Runnable,
    invocation: {
      readonly requestId: string;
      readonly payload: Uint8Array;
      readonly trace: TraceContext;
      readonly clientContext?: string;
    },
    options: { readonly wait: boolean; readonly signal?: AbortSignal },
  ): Promise<Invoked> {
    const { spec, invokedArn } = runnable;
    using slot = await this.#reserve(runnable, options);
    const result = await this.#run(slot, runnable, { ...invocation, invokedArn });
    if (result.kind === 'error' && result.errorType === EVENT_INVALID) throw contentInvalid(result.payload);
    return { result, executedVersion: spec.version };
  }

  exists(arn: string): boolean {
    try {
      return this.runnableOf(arn) !== undefined;
    } catch (error) {
      if (error instanceof DomainError) return false;
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
  async invokeIn(slot: Slot, runnable: Runnable, payload: Uint8Array): Promise<InvocationOutcome> {
    const { random } = this.#options;
    const { invokedArn, spec } = runnable;
    const identity = { requestId: uuid(random), executedVersion: spec.version };
    const { requestId } = identity;
    const result = await slot.invoke({ requestId, payload, trace: newTrace(random), invokedArn });
    this.#measure(runnable, result);
    if (result.kind === 'success') return { kind: 'success', payload: result.payload, ...identity };
    return { kind: 'function-error', payload: result.payload, errorType: result.errorType, ...identity };
  }

  async #reserve(
    { spec, dimensions }: Runnable,
    options: { readonly wait: boolean; readonly signal?: AbortSignal },
  ): Promise<Slot> {
    try {
      return await this.#options.runtime.reserve(spec, options);
    } catch (error) {
      if (!hasCode(error, 'concurrency-limit')) throw error;
      const count = { namespace: 'AWS/Lambda', dimensions, value: 1, unit: 'Count' } as const;
      this.#options.metrics.put({ ...count, name: 'Throttles' });
      throw throttled(error as DomainError);
    }
  }

  async #run(slot: Slot, runnable: Runnable, invocation: Invocation): Promise<InvocationResult> {
    const { dimensions, spec } = runnable;
    const running = (this.#running.get(spec.arn) ?? 0) + 1;
    this.#running.set(spec.arn, running);
    const concurrency = { namespace: 'AWS/Lambda', name: 'ConcurrentExecutions', unit: 'Count' } as const;
    this.#options.metrics.put({ ...concurrency, dimensions, value: running });
    try {
      const result = await slot.invoke(invocation);
      this.#measure(runnable, result);
      return result;
    } finally {
      const left = this.#running.get(spec.arn)! - 1;
      if (left === 0) this.#running.delete(spec.arn);
      else this.#running.set(spec.arn, left);
    }
  }

  #measure({ dimensions }: Runnable, { kind, metering }: InvocationResult): void {
    const { metrics } = this.#options;
    const put = (name: string, value: number, unit: 'Count' | 'Milliseconds') =>
      metrics.put({ namespace: 'AWS/Lambda', name, dimensions, value, unit });
    put('Invocations', 1, 'Count');
    put('Errors', kind === 'error' ? 1 : 0, 'Count');
    put('Duration', metering.durationMs, 'Milliseconds');
    if (metering.initMs !== undefined) put('InitDuration', metering.initMs, 'Milliseconds');
  }

  #routed(alias: Alias, version: FunctionVersion): FunctionVersion {
    let draw = this.#options.random.next();
    for (const [other, weight] of Object.entries(alias.weights)) {
      if (draw < weight) return this.#options.functions.version(alias.region, alias.functionName, other);
      draw -= weight;
    }
    return version;
  }

  #describe(record: FunctionRecord, version: FunctionVersion, invokedArn: string): Runnable {
    const { region, name, logging } = version;
    const { reservedConcurrency } = record;
    const levels: Record<string, string> =
      logging.format === 'JSON'
        ? { AWS_LAMBDA_LOG_FORMAT: 'JSON', AWS_LAMBDA_LOG_LEVEL: logging.applicationLevel ?? 'INFO' }
        : {};
    const spec: FunctionSpec = {
      arn: functionArn(region, name, version.version === '$LATEST' ? undefined : version.version),
      name,
      version: version.version,
      runtime: version.runtime,
      handler: version.handler,
      codeDirectory: this.#options.packages.pathOf(version.code),
      codeHash: version.code.sha256,
      environment: { ...version.environment, ...levels },
      memoryMb: version.memoryMb,
      timeoutMs: version.timeoutSeconds * 1000,
      ephemeralStorageMb: version.ephemeralStorageMb,
      logGroup: logging.group,
      roleArn: version.role,
      layers: [],
      provisionedConcurrency: 0,
      environmentConcurrency: 1,
      snapStart: false,
      egress: { kind: 'all' },
      revision: version.revisionId,
      ...(reservedConcurrency === undefined ? {} : { reservedConcurrency }),
    };
    return { spec, invokedArn, dimensions: { FunctionName: name } };
  }
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

  async invoke(payload: Uint8Array, signal: AbortSignal): Promise<InvocationOutcome> {
    signal.throwIfAborted();
    const runnable = this.#runnable;
    if (typeof runnable === 'string') return { kind: 'not-invoked', reason: runnable };
    try {
      return await this.#invocations.invokeIn(this.#slot!, runnable, payload);
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
