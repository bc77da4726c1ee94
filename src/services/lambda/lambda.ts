import type { Clock, Random } from '../../base/index.ts';
import type { DeliveryService, Target } from '../../delivery/index.ts';
import type { FunctionInvoker } from '../../pollers/index.ts';
import { type PoolState, RUNTIME_LIMITS, type Runtime } from '../../runtime/index.ts';
import type { Records } from '../../store/index.ts';
import type { Logger, Metrics, Spans } from '../../telemetry/index.ts';
import type { Operation, PermissionsOf, Service, WireAnswer } from '../index.ts';
import { Asynchronous } from './asynchronous.ts';
import { CodeStorage } from './code-storage.ts';
import { LAMBDA_ANSWERS } from './errors.ts';
import { FunctionUrls } from './function-urls.ts';
import { Functions } from './functions.ts';
import { Invocations } from './invocations.ts';
import { Layers } from './layers.ts';
import { Meters } from './metering.ts';
import { functionArn } from './names.ts';
import type { ReadObject } from './operations/code.ts';
import { concurrencyOperations } from './operations/concurrency.ts';
import { eventInvokeOperations } from './operations/event-invoke.ts';
import { functionUrlOperations } from './operations/function-urls.ts';
import { functionOperations } from './operations/functions.ts';
import { invokeOperations } from './operations/invoke.ts';
import { layerOperations } from './operations/layers.ts';
import { managementOperations } from './operations/management.ts';
import { permissionOperations } from './operations/permissions.ts';
import { provisionedOperations } from './operations/provisioned.ts';
import { type TaggedResources, tagOperations } from './operations/tags.ts';
import { versionOperations } from './operations/versions.ts';
import { PackageAddresses } from './package-addresses.ts';
import { Packages } from './packages.ts';
import { type CodeObject, lambdaPermissions } from './permissions.ts';
import { Provisioned } from './provisioned.ts';
import { lastOf, lineageKey } from './recursion.ts';
import { Segments } from './segments.ts';
import { type RefusalToSend, Sending } from './sending.ts';
import { Snapshots } from './snapshots.ts';
import { InvocationTracing } from './tracing.ts';
import { Usage, type UsageSink } from './usage.ts';

/** The operations that another room adds to the API: those of event source mappings. */
export interface MoreOperations {
  readonly operations: Readonly<Record<string, Operation>>;
  readonly permissions: Readonly<Record<string, PermissionsOf>>;
  readonly errors: Readonly<Record<string, WireAnswer>>;
  readonly tagged: TaggedResources;
}

export interface LambdaOptions {
  readonly records: Records;
  readonly runtime: Runtime;
  readonly delivery: DeliveryService;
  /** Unpacked packages stand here, a folder each. */
  readonly codeDirectory: string;
  /** Code that a request names by bucket and key. */
  readonly readObject: ReadObject;
  /** What it takes to read such code. */
  readonly readObjectRights: PermissionsOf<CodeObject>;
  /** Whether execution roles may send to dead-letter queues and destinations; absent asks nobody. */
  readonly refusalToSend?: RefusalToSend;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Where sampled invocations are traced; absent traces nothing. */
  readonly spans?: Spans;
  /** Where usage is kept; absent keeps none. */
  readonly usage?: UsageSink;
  /** Concurrency over all functions, as the runtime has it. */
  readonly accountConcurrency?: number;
  /** Made with the invoker, since mappings invoke. */
  readonly eventSourceMappings?: (
    invoker: FunctionInvoker & Pick<Invocations, 'roleOf'>,
  ) => Promise<MoreOperations & AsyncDisposable>;
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

/** Where asynchronous events go that a function has given up: a dead-letter queue or topic, a destination for failures. */
export interface FailureTarget {
  readonly functionArn: string;
  readonly functionName: string;
  readonly targetArn: string;
}

/** What the parts of the service are, once they are open. */
interface Parts {
  readonly service: Service;
  readonly invocations: Invocations;
  readonly asynchronous: Asynchronous;
  readonly functions: Functions;
  readonly provisioned: Provisioned;
  readonly snapshots: Snapshots;
  readonly addresses: PackageAddresses;
  readonly usage: Usage;
  readonly segments: Segments;
  readonly urls: FunctionUrls;
}

/** The Lambda service of a node. */
export class Lambda implements AsyncDisposable {
  readonly service: Service;
  /** For pollers. */
  readonly invoker: Invocations;
  /** For deliveries to function ARNs. */
  readonly target: Target;
  /** Answers requests for packages, by the addresses that GetFunction and GetLayerVersion give. */
  readonly packages: Pick<PackageAddresses, 'prefix' | 'handle'>;
  /** What is called by HTTP requests of its own. */
  readonly urls: FunctionUrls;
  readonly #parts: Parts;
  readonly #runtime: Runtime;
  readonly #scope: AsyncDisposableStack;

  private constructor(parts: Parts, runtime: Runtime, scope: AsyncDisposableStack) {
    this.service = parts.service;
    this.invoker = parts.invocations;
    this.target = parts.asynchronous;
    this.packages = parts.addresses;
    this.urls = parts.urls;
    this.#parts = parts;
    this.#runtime = runtime;
    this.#scope = scope;
  }

  static async open(options: LambdaOptions): Promise<Lambda> {
    await using scope = new AsyncDisposableStack();
    const { records, runtime, delivery, clock, random, logger, metrics, readObject } = options;
    const accountConcurrency = options.accountConcurrency ?? RUNTIME_LIMITS.accountConcurrency;
    const packages = await Packages.open(options.codeDirectory, random);
    const addresses = new PackageAddresses(packages, clock, random);
    const usage = scope.use(new Usage({ sink: options.usage, clock, logger }));
    const meters = new Meters(metrics, usage);
    const segments = new Segments({ spans: options.spans, clock, logger, metrics });
    const layers = await Layers.open({ records, clock, random });
    const functions = await Functions.open({
      records,
      clock,
      random,
      onChange: (region, name) => {
        invocations.changed(region, name);
        provisioned.changed(region, name);
      },
    });
    const invocations = new Invocations({
      functions,
      packages,
      runtime,
      random,
      meters,
      tracing: new InvocationTracing({ spans: options.spans, clock, random, segments }),
      provisionedOf: (region, name, version) => provisioned.ofVersion(region, name, version),
      onFirstUse: (version) => snapshots.renew(version),
    });
    const provisioned = await Provisioned.open({
      records,
      functions,
      provisioning: runtime,
      clock,
      accountConcurrency,
      specOf: (region, name, version) => invocations.specOf(region, name, version),
      onChange: (region, name) => invocations.changed(region, name),
    });
    const snapshots = scope.use(
      new Snapshots({
        functions,
        runtime,
        logger,
        specOf: ({ region, name, version }) => invocations.specOf(region, name, version),
      }),
    );
    const asynchronous = new Asynchronous({ functions, invocations, delivery, clock, random, meters });
    scope.defer(delivery.onGivenUp((givenUp) => asynchronous.givenUp(givenUp)));
    const urls = new FunctionUrls({ functions, invocations, clock, random });
    const storage = new CodeStorage(packages, functions, layers);
    await storage.sweep();
    const mappings = await options.eventSourceMappings?.(invocations);
    if (mappings) scope.use(mappings);
    const published = snapshots.make.bind(snapshots);
    const sending = new Sending(options.refusalToSend);
    const service: Service = {
      name: 'lambda',
      operations: {
        ...functionOperations(functions, { layers, storage, addresses, provisioned, readObject, published, sending }),
        ...versionOperations(functions, provisioned, published),
        ...layerOperations(layers, storage, addresses, readObject),
        ...invokeOperations(functions, invocations, asynchronous),
        ...concurrencyOperations(functions, storage, provisioned, accountConcurrency),
        ...provisionedOperations(functions, provisioned),
        ...managementOperations(functions),
        ...permissionOperations(functions, random),
        ...tagOperations(functions, mappings ? [mappings.tagged] : []),
        ...eventInvokeOperations(functions, clock, sending),
        ...functionUrlOperations(urls),
        ...mappings?.operations,
      },
      permissions: { ...lambdaPermissions(functions, layers, options.readObjectRights), ...mappings?.permissions },
      errors: { ...LAMBDA_ANSWERS, ...mappings?.errors },
    };
    const more = { provisioned, snapshots, addresses, usage, segments, urls };
    const parts = { service, invocations, asynchronous, functions, ...more };
    return new Lambda(parts, runtime, scope.move());
  }

  /** Begins what starts environments of itself: provisioned concurrency and snapshots, whose init may call the node. */
  resume(): void {
    this.#parts.provisioned.start();
    this.#parts.snapshots.start();
  }

  /** Takes what a traced function has sent to X-Ray's daemon. Never throws. */
  takeSegment(datagram: Uint8Array): void {
    this.#parts.segments.take(datagram);
  }

  /** Writes the usage that has been counted so far, rather than at the end of the minute. */
  flushUsage(): Promise<void> {
    return this.#parts.usage.flush();
  }

  /**
   * ARN of the function that ran last in a chain of requests; `undefined` where none did, or it is gone or in another region.
   * @param lineage  {@link TraceContext}.lineage
   */
  ranLast(region: string, lineage: string): string | undefined {
    const key = lastOf(lineage);
    if (key === undefined) return undefined;
    const arns = this.#parts.functions.list(region).map(({ latest }) => functionArn(region, latest.name));
    return arns.find((arn) => lineageKey(arn) === key);
  }

  /** All functions of a region with the numbers of their `$LATEST` environments. */
  describe(region: string): readonly FunctionState[] {
    const pools = new Map(this.#runtime.pools().map((pool) => [pool.functionArn, pool]));
    return this.#parts.functions.list(region).map(({ latest }) => {
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

  /** Of all functions of a region and their versions, each once. */
  failureTargets(region: string): readonly FailureTarget[] {
    const { functions } = this.#parts;
    const letters = functions.versionsOf(region).map(({ name, deadLetterArn }) => ({ name, to: deadLetterArn }));
    const configs = functions.eventInvokeConfigs.list(`${region}/`);
    const failures = configs.map(({ functionName: name, onFailure }) => ({ name, to: onFailure }));
    const targets = [...letters, ...failures].flatMap(({ name, to }) => (to === undefined ? [] : [{ name, to }]));
    return [...new Map(targets.map((target) => [`${target.name} ${target.to}`, target])).values()].map(
      ({ name, to }) => ({ functionArn: functionArn(region, name), functionName: name, targetArn: to }),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#scope.disposeAsync();
  }
}

/** Opens the Lambda service. The runtime and the outbox belong to the caller. */
export function openLambda(options: LambdaOptions): Promise<Lambda> {
  return Lambda.open(options);
}
