import type { FunctionSpec, InvocationResult } from '../../runtime/index.ts';
import type { Labels, Meter, Metrics, Unit } from '../../telemetry/index.ts';
import type { Usage, UsageCounter } from './usage.ts';

/** Metrics of an invocation, with their units. @see Lambda developer guide, "Types of metrics for Lambda functions" */
const UNITS = {
  Invocations: 'Count',
  Errors: 'Count',
  Throttles: 'Count',
  RecursiveInvocationsDropped: 'Count',
  Duration: 'Milliseconds',
  PostRuntimeExtensionsDuration: 'Milliseconds',
  InitDuration: 'Milliseconds',
  RestoreDuration: 'Milliseconds',
  ConcurrentExecutions: 'Count',
  UnreservedConcurrentExecutions: 'Count',
  ProvisionedConcurrentExecutions: 'Count',
  ProvisionedConcurrencyUtilization: 'None',
  ProvisionedConcurrencyInvocations: 'Count',
  ProvisionedConcurrencySpilloverInvocations: 'Count',
  AsyncEventsReceived: 'Count',
  AsyncEventAge: 'Milliseconds',
  AsyncEventsDropped: 'Count',
  DeadLetterErrors: 'Count',
  DestinationDeliveryFailures: 'Count',
} as const satisfies Record<string, Unit>;

type MetricName = keyof typeof UNITS;

/** One set of dimensions with its metrics, each made when first used and kept. */
class Scope {
  /** Invocations under way. */
  running = 0;
  readonly #metrics: Metrics;
  readonly #dimensions: Labels;
  readonly #meters = new Map<MetricName, Meter>();

  constructor(metrics: Metrics, dimensions: Labels) {
    this.#metrics = metrics;
    this.#dimensions = dimensions;
  }

  put(name: MetricName, value: number): void {
    let meter = this.#meters.get(name);
    if (!meter) {
      meter = this.#metrics.meter({ namespace: 'AWS/Lambda', name, dimensions: this.#dimensions, unit: UNITS[name] });
      this.#meters.set(name, meter);
    }
    meter.put(value);
  }
}

/** How a function was named in the request, for the dimensions. */
export interface MeteredName {
  readonly region: string;
  readonly name: string;
  /** Version or alias; absent for the function without one. */
  readonly qualifier?: string;
  /** Of an alias that splits its traffic: the version that runs. */
  readonly executedVersion?: string;
}

/** The meters of all functions: by function, by what was named, and over all. */
export class Meters {
  readonly #metrics: Metrics;
  readonly #usage: Usage;
  readonly #all: Scope;
  readonly #scopes = new Map<string, Scope>();
  /** Invocations under way of functions without reserved concurrency. */
  #unreserved = 0;

  constructor(metrics: Metrics, usage: Usage) {
    this.#metrics = metrics;
    this.#usage = usage;
    this.#all = new Scope(metrics, {});
  }

  /** What counts the invocations of a version: got once, kept with what is known of it. */
  of(spec: FunctionSpec, named: MeteredName): FunctionMeter {
    return new FunctionMeter(this, spec, this.#scopesOf(named), this.#usage.counter(spec, named.region));
  }

  /** A metric of a function that no single version has. */
  put(region: string, functionName: string, name: MetricName, value: number): void {
    this.#all.put(name, value);
    this.#scope(`${region}/${functionName}`, { FunctionName: functionName }).put(name, value);
  }

  /** Forgets a function that is gone. */
  forget(region: string, name: string): void {
    const prefix = `${region}/${name}`;
    for (const [key, { running }] of this.#scopes) {
      if ((key === prefix || key.startsWith(`${prefix}:`)) && running === 0) this.#scopes.delete(key);
    }
  }

  /** @internal  For {@link FunctionMeter}. */
  unreserved(change: 1 | -1): void {
    this.#unreserved += change;
    if (change === 1) this.#all.put('UnreservedConcurrentExecutions', this.#unreserved);
  }

  #scopesOf({ region, name, qualifier, executedVersion }: MeteredName): readonly Scope[] {
    const FunctionName = name;
    const Resource = qualifier === undefined ? name : `${name}:${qualifier}`;
    const function_ = `${region}/${name}`;
    // The resource's key has a colon also where it has no qualifier: it is not the function's.
    const resource = `${function_}:${qualifier ?? ''}`;
    const scopes = [
      this.#all,
      this.#scope(function_, { FunctionName }),
      this.#scope(resource, { FunctionName, Resource }),
    ];
    if (executedVersion === undefined) return scopes;
    const ExecutedVersion = executedVersion;
    return [...scopes, this.#scope(`${resource}:${executedVersion}`, { FunctionName, Resource, ExecutedVersion })];
  }

  #scope(key: string, dimensions: Labels): Scope {
    let scope = this.#scopes.get(key);
    if (!scope) {
      scope = new Scope(this.#metrics, dimensions);
      this.#scopes.set(key, scope);
    }
    return scope;
  }
}

/** Counts the invocations of one version under one name. */
export class FunctionMeter {
  readonly #meters: Meters;
  readonly #scopes: readonly Scope[];
  readonly #usage: UsageCounter;
  readonly #reserved: boolean;
  readonly #provisioned: number;

  constructor(meters: Meters, spec: FunctionSpec, scopes: readonly Scope[], usage: UsageCounter) {
    this.#meters = meters;
    this.#scopes = scopes;
    this.#usage = usage;
    this.#reserved = spec.reservedConcurrency !== undefined;
    this.#provisioned = spec.provisionedConcurrency;
  }

  started(): void {
    for (const scope of this.#scopes) scope.put('ConcurrentExecutions', ++scope.running);
    if (!this.#reserved) this.#meters.unreserved(1);
  }

  /** Each `started` has its `ended`, whatever came of it. */
  ended(): void {
    for (const scope of this.#scopes) scope.running--;
    if (!this.#reserved) this.#meters.unreserved(-1);
  }

  throttled(): void {
    this.#each('Throttles', 1);
  }

  /** An invocation that would have gone on with a loop was not made. */
  loopStopped(): void {
    this.#each('RecursiveInvocationsDropped', 1);
  }

  measured({ kind, metering }: InvocationResult): void {
    this.#each('Invocations', 1);
    this.#each('Errors', kind === 'error' ? 1 : 0);
    this.#each('Duration', metering.durationMs);
    const { extensionsMs } = metering;
    if (extensionsMs !== undefined) this.#each('PostRuntimeExtensionsDuration', extensionsMs);
    if (metering.initMs !== undefined) this.#each('InitDuration', metering.initMs);
    if (metering.restoreMs !== undefined) this.#each('RestoreDuration', metering.restoreMs);
    if (this.#provisioned > 0) this.#measureProvisioned(metering.provisioned === true);
    this.#usage.add(metering, kind === 'error');
  }

  #measureProvisioned(used: boolean): void {
    this.#each(used ? 'ProvisionedConcurrencyInvocations' : 'ProvisionedConcurrencySpilloverInvocations', 1);
    // The resource's own scope knows how many of its invocations run: those beyond the number are spillover.
    const running = Math.min(this.#scopes[2]!.running, this.#provisioned);
    this.#each('ProvisionedConcurrentExecutions', running);
    this.#each('ProvisionedConcurrencyUtilization', running / this.#provisioned);
  }

  #each(name: MetricName, value: number): void {
    for (const scope of this.#scopes) scope.put(name, value);
  }
}
