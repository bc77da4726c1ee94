import type { Clock, Random } from '../../base/index.ts';
import type { DeliveryService, Target } from '../../delivery/index.ts';
import type { FunctionInvoker } from '../../pollers/index.ts';
import { type PoolState, RUNTIME_LIMITS, type Runtime } from '../../runtime/index.ts';
import type { Records } from '../../store/index.ts';
import type { Logger, Metrics } from '../../telemetry/index.ts';
import type { Operation, Service, WireAnswer } from '../index.ts';
import { Asynchronous } from './asynchronous.ts';
import { LAMBDA_ANSWERS } from './errors.ts';
import { Functions } from './functions.ts';
import { Invocations } from './invocations.ts';
import { functionArn } from './names.ts';
import { concurrencyOperations } from './operations/concurrency.ts';
import { eventInvokeOperations } from './operations/event-invoke.ts';
import { functionOperations, type ReadObject } from './operations/functions.ts';
import { invokeOperations } from './operations/invoke.ts';
import { permissionOperations } from './operations/permissions.ts';
import { tagOperations } from './operations/tags.ts';
import { versionOperations } from './operations/versions.ts';
import { Packages } from './packages.ts';

/** The operations that another room adds to the API: those of event source mappings. */
export interface MoreOperations {
  readonly operations: Readonly<Record<string, Operation>>;
  readonly errors: Readonly<Record<string, WireAnswer>>;
}

export interface LambdaOptions {
  readonly records: Records;
  readonly runtime: Runtime;
  readonly delivery: DeliveryService;
  /** Unpacked packages stand here, a folder each. */
  readonly codeDirectory: string;
  /** Code that a request names by bucket and key. */
  readonly readObject: ReadObject;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Concurrency over all functions, as the runtime has it. */
  readonly accountConcurrency?: number;
  /** Made with the invoker, since mappings invoke. */
  readonly eventSourceMappings?: (invoker: FunctionInvoker) => Promise<MoreOperations & AsyncDisposable>;
}

/** A function as the console shows it. */
export interface FunctionState {
  readonly arn: string;
  readonly name: string;
  readonly runtime: string;
  readonly memoryMb: number;
  readonly timeoutMs: number;
  readonly logGroup: string;
  readonly pool?: PoolState;
}

/** The Lambda service of a node. */
export class Lambda implements AsyncDisposable {
  readonly service: Service;
  /** For pollers. */
  readonly invoker: Invocations;
  /** For deliveries to function ARNs. */
  readonly target: Target;
  readonly #functions: Functions;
  readonly #runtime: Runtime;
  readonly #scope: AsyncDisposableStack;

  private constructor(
    service: Service,
    invocations: Invocations,
    asynchronous: Asynchronous,
    functions: Functions,
    runtime: Runtime,
    scope: AsyncDisposableStack,
  ) {
    this.service = service;
    this.invoker = invocations;
    this.target = asynchronous;
    this.#functions = functions;
    this.#runtime = runtime;
    this.#scope = scope;
  }

  static async open(options: LambdaOptions): Promise<Lambda> {
    await using scope = new AsyncDisposableStack();
    const { records, runtime, delivery, clock, random, logger, metrics, readObject } = options;
    const packages = await Packages.open(options.codeDirectory, random);
    const functions = await Functions.open({
      records,
      clock,
      random,
      onChange: (region, name) => invocations.changed(region, name),
    });
    const invocations = new Invocations({ functions, packages, runtime, random, metrics });
    const asynchronous = new Asynchronous({ functions, invocations, delivery, clock, logger });
    await packages.sweep(functions.packages());
    const mappings = await options.eventSourceMappings?.(invocations);
    if (mappings) scope.use(mappings);
    const service: Service = {
      name: 'lambda',
      operations: {
        ...functionOperations(functions, packages, readObject),
        ...versionOperations(functions),
        ...invokeOperations(functions, invocations, asynchronous),
        ...concurrencyOperations(functions, options.accountConcurrency ?? RUNTIME_LIMITS.accountConcurrency),
        ...permissionOperations(functions, random),
        ...tagOperations(functions),
        ...eventInvokeOperations(functions, clock),
        ...mappings?.operations,
      },
      errors: { ...LAMBDA_ANSWERS, ...mappings?.errors },
    };
    return new Lambda(service, invocations, asynchronous, functions, runtime, scope.move());
  }

  /** All functions of a region with the numbers of their `$LATEST` environments. */
  describe(region: string): readonly FunctionState[] {
    const pools = new Map(this.#runtime.pools().map((pool) => [pool.functionArn, pool]));
    return this.#functions.list(region).map(({ latest }) => {
      const arn = functionArn(region, latest.name);
      const pool = pools.get(arn);
      return {
        arn,
        name: latest.name,
        runtime: latest.runtime,
        memoryMb: latest.memoryMb,
        timeoutMs: latest.timeoutSeconds * 1000,
        logGroup: latest.logging.group,
        ...(pool ? { pool } : {}),
      };
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#scope.disposeAsync();
  }
}

/** Opens the Lambda service. The runtime and the outbox belong to the caller. */
export function openLambda(options: LambdaOptions): Promise<Lambda> {
  return Lambda.open(options);
}
