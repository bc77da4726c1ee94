import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { ACCOUNT_ID, abortable, assert, type Clock, DEFAULT_REGION, parseArn, type Random } from '../base/index.ts';
import type { EmbeddedMetric } from '../codec/emf/index.ts';
import { type EgressGuard, egressGuard, type Outbox, openDelivery } from '../delivery/index.ts';
import type { FunctionInvoker, QueueSource, StreamSource } from '../pollers/index.ts';
import {
  type FunctionLogSink,
  InspectableRuntime,
  type NodeDoor,
  openRuntime,
  type RuntimeOptions,
} from '../runtime/index.ts';
import { type ApiGateway, apiGateway } from '../services/apigateway/index.ts';
import { type ApiGatewayV2, apiGatewayV2 } from '../services/apigatewayv2/index.ts';
import {
  type CallContext,
  type CloudFormation,
  callServices,
  openCloudFormation,
} from '../services/cloudformation/index.ts';
import { openCloudWatch } from '../services/cloudwatch/index.ts';
import { type Dynamodb, openDynamodb } from '../services/dynamodb/index.ts';
import { ecr } from '../services/ecr/index.ts';
import { Authority, type Iam, openIam } from '../services/iam/index.ts';
import { type Credentials, combineCredentials, rootCredentials, type Service } from '../services/index.ts';
import { type InvokeFunction, type Iot, openIot } from '../services/iot/index.ts';
import { type Kinesis, openKinesis } from '../services/kinesis/index.ts';
import {
  ASYNC_LIMITS,
  type EventSourceMappings,
  type Lambda,
  openEventSourceMappings,
  openLambda,
} from '../services/lambda/index.ts';
import { type AskSubscriber, openLogs } from '../services/logs/index.ts';
import { type AskDestination, openS3, type S3 } from '../services/s3/index.ts';
import { secretsManager } from '../services/secretsmanager/index.ts';
import { openSeriesService, type SeriesService } from '../services/series/index.ts';
import { openSns, type Sns } from '../services/sns/index.ts';
import { openSqs, type Sqs } from '../services/sqs/index.ts';
import { ssm } from '../services/ssm/index.ts';
import { openSts } from '../services/sts/index.ts';
import type { Logger, Metrics, Spans } from '../telemetry/index.ts';
import type { NodeConfig } from './config.ts';
import { type DeliveryGuard, guardedTarget } from './delivery-authorization.ts';
import { Denials } from './denials.ts';
import { destinationAuthorization } from './destination-authorization.ts';
import { deviceSigners } from './device-signers.ts';
import { bucketDestinations } from './event-destinations.ts';
import { FunctionCalls } from './function-calls.ts';
import { functionInvoker } from './function-invoker.ts';
import { credentialsOfFunctions, FunctionSessions } from './function-sessions.ts';
import { kinesisPort } from './kinesis-port.ts';
import { logSubscribers } from './log-subscribers.ts';
import { readAuthorization } from './object-authorization.ts';
import { provisioningAuthorization } from './provisioning-authorization.ts';
import { RoleRights } from './role-rights.ts';
import { rotationFunctions } from './rotation-functions.ts';
import { ruleAuthorization } from './rule-authorization.ts';
import { SeriesKeys } from './series-keys.ts';
import { sourceAuthorization } from './source-authorization.ts';
import { stackAuthorization } from './stack-authorization.ts';
import type { Stores } from './stores.ts';
import { SeriesUsage } from './usage.ts';

/** Blank environments that a developer's machine keeps: it has other things to do with its memory. */
const DEV_BLANKS = 2;

/** What every part of a node is given. */
export interface Ground {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly spans: Spans;
}

/** Everything between the stores and the gateways. */
export interface Services extends AsyncDisposable {
  /** What the wire serves. */
  readonly all: readonly Service[];
  readonly apiGateway: ApiGateway;
  readonly apiGatewayV2: ApiGatewayV2;
  /** Where custom resources answer. */
  readonly stackAnswers: CloudFormation['answers'];
  readonly delivery: Outbox;
  /** What functions and APIs of users may be made to call. */
  readonly egress: EgressGuard;
  /** Writes lines into log groups. */
  readonly writeLog: FunctionLogSink['write'];
  readonly dynamodb: Dynamodb;
  readonly kinesis: Kinesis;
  readonly iam: Iam;
  readonly iot: Iot;
  readonly lambda: Lambda;
  readonly mappings: EventSourceMappings;
  readonly s3: S3;
  readonly sns: Sns;
  readonly sqs: Sqs;
  readonly series: SeriesService;
  /** Who decides what users and roles may do. */
  readonly authority: Authority;
  /** Whose keys the wire takes. */
  readonly credentials: Credentials;
  /** Tells of what the authority has refused. */
  readonly denials: Denials;
  /** Whose keys and tokens the time series take. */
  readonly seriesKeys: SeriesKeys;
  /** Who of the functions calls what. */
  readonly calls: FunctionCalls;
  /** Lets a debugger attach to `$LATEST` of a function. @throws function-not-found */
  inspect(functionName: string, port: number): Promise<void>;
  /** Lets everything run that calls the node's own HTTP port: pollers, deliveries, stacks in the middle of a deployment. */
  resume(): void;
  /**
   * Begins no invocation of itself any more and waits for those that run, for a while: to be called while the node's HTTP port
   * is still open, since what functions do there would fail, and count as a try of theirs.
   */
  rest(): Promise<void>;
}

/**
 * Opens the services on their stores, each after those that it uses; disposing closes them in reverse: first who invokes,
 * then who is invoked, and the outbox last.
 *
 * @param endpoint  where the node's HTTP port is; asked only once it listens
 * @param nodeDoor  the same, for functions
 * @param ownPorts  TCP ports that the node listens on, now
 */
export async function openServices(
  config: NodeConfig,
  stores: Stores,
  ground: Ground,
  endpoint: () => string,
  nodeDoor: NodeDoor,
  ownPorts: () => readonly number[],
): Promise<Services> {
  await using scope = new AsyncDisposableStack();
  const stop = new AbortController();
  const { records, secrets, tables, log, objects, series: seriesStore } = stores;
  const calls = new FunctionCalls();

  const secured = config.mode === 'secured';
  const connections = new Map(config.connections?.map((connection) => [connection.name, connection]));
  const egress = egressGuard({
    mode: config.mode,
    allow: config.webhooks?.allow ?? [],
    ownPorts,
    ownAddresses: () => Object.values(networkInterfaces()).flatMap((one) => one?.map(({ address }) => address) ?? []),
  });
  const delivery = scope.use(
    await openDelivery({
      records,
      egress,
      connections: (name) => connections.get(name),
      ...(config.smtp && { smtp: config.smtp }),
      ...(config.webhooks?.ca !== undefined && { ca: config.webhooks.ca }),
      ...ground,
    }),
  );
  let takeMetrics: (metrics: readonly EmbeddedMetric[]) => void = () => {};
  let askSubscriber: AskSubscriber = async () => 'missing';
  const logs = scope.use(
    await openLogs({
      ...{ records, log, delivery, ...ground },
      takeMetrics: (metrics) => takeMetrics(metrics),
      askSubscriber: (...asked) => askSubscriber(...asked),
    }),
  );
  let takeSegment: NonNullable<RuntimeOptions['takeSegment']> = () => {};
  const runtimeOptions: RuntimeOptions = {
    ...ground,
    logs: logs.sink,
    directory: join(config.dataDirectory, 'runtime'),
    endpoint,
    nodeDoor,
    engine: config.sandboxEngine ?? 'auto',
    takeSegment: (datagram) => takeSegment(datagram),
    credentials: (spec) => functionCredentials(spec),
    blanks: config.blankEnvironments ?? (config.mode === 'dev' ? DEV_BLANKS : undefined),
  };
  // The sandbox is tried with processes of its own: they run while the other services are opened.
  const opening = openRuntime(runtimeOptions);
  const opened = opening.then(
    (runtime) => runtime,
    () => undefined,
  );
  scope.defer(async () => (await opened)?.[Symbol.asyncDispose]());
  const iam = scope.use(await openIam({ records: secrets, ...ground }));
  const authority = new Authority({ principals: iam, ...ground });
  const issuers = config.tokenIssuers ?? [];
  const sts = scope.use(await openSts({ records: secrets, iam, authority, issuers, ...ground }));
  const credentials = combineCredentials(
    ...(config.rootCredentials ? [rootCredentials(config.rootCredentials)] : []),
    iam,
    sts,
  );
  const sessions = new FunctionSessions({ sts, calls, clock: ground.clock });
  const functionCredentials = credentialsOfFunctions({ ...config, sessions, calls, iam, ...ground });
  const seriesKeys = new SeriesKeys({ credentials, calls, clock: ground.clock });
  let askDestination: AskDestination = async () => 'missing';
  const s3 = scope.use(
    await openS3({ objects, records, delivery, askDestination: (...asked) => askDestination(...asked), ...ground }),
  );
  const series = scope.use(
    await openSeriesService({
      series: seriesStore,
      authorize: ({ headers: { authorization } }, access) => {
        if (secured && !seriesKeys.allow(authorization)) return false;
        calls.countToken(authorization, access.database);
        return true;
      },
      ...ground,
    }),
  );
  const sqs = scope.use(await openSqs({ records, ...ground }));
  const sns = scope.use(
    await openSns({
      records: secrets,
      delivery,
      endpoint,
      confirmLoopback: secured,
      ...(config.notifications && { webhooks: config.notifications }),
      ...(config.notifications?.url !== undefined && { linkBase: config.notifications.url }),
      ...ground,
    }),
  );
  const kinesis = scope.use(await openKinesis({ log, records, ...ground }));
  const dynamodb = scope.use(
    await openDynamodb({
      ...{ records: tables, objects, kinesis: kinesisPort(kinesis), ...ground },
      checkRead: readAuthorization({ ...config, authority, s3: s3.service, via: 'dynamodb.amazonaws.com' }),
    }),
  );
  const cloudwatch = scope.use(await openCloudWatch({ records, delivery, ...ground }));
  takeMetrics = (metrics) => cloudwatch.take(metrics);
  const { foreign, tokenIssuers, version } = config;
  const denials = new Denials({ calls, writeLog: (...line) => logs.sink.write(...line), ...ground });
  const roleRights = new RoleRights({ ...config, authority, iam, denials });
  // Their rights are asked with roles that services of the node act with.
  const reached: Service[] = [s3.service, sqs.service, sns.service, kinesis.service, ...dynamodb.services];
  const reachedBy = (name: string): Service => reached.find((service) => service.name === name)!;
  let invokeFunction: InvokeFunction = async () => ({ kind: 'failed', reason: 'functions are not open yet' });
  const iot = scope.use(
    await openIot({
      ...{ records: secrets, delivery, kinesis, ...ground },
      ...(foreign && { foreign }),
      ...(tokenIssuers && { tokenIssuers }),
      ...(version !== undefined && { version }),
      invokeFunction: (...call) => invokeFunction(...call),
      signers: deviceSigners({ ...config, authority, credentials, iam, denials }),
      checkProvisioning: provisioningAuthorization({
        ...{ ...config, rights: roleRights, authority, iam, denials },
        iot: () => reachedBy('iot'),
      }),
      ruleRights: ruleAuthorization({
        ...{ ...config, ...ground, rights: roleRights, authority, iam, denials },
        service: reachedBy,
      }),
    }),
  );
  reached.push(...iot.services);
  // Invocations that end while the environments drain are counted after Lambda itself has closed.
  let flushUsage = async (): Promise<void> => {};
  scope.defer(() => flushUsage());
  const managed = await opening;
  const { engine } = managed;
  const runtime = scope.use(
    new InspectableRuntime(managed, () =>
      openRuntime({
        ...runtimeOptions,
        directory: join(config.dataDirectory, 'runtime', 'inspected'),
        engine: 'process',
        blanks: 0,
        // What a breakpoint holds does not end by itself.
        drainMs: 500,
      }),
    ),
  );
  const sourceFor = (arn: string, reader: string): StreamSource | QueueSource => {
    const service = parseArn(arn)?.service;
    if (service === 'mqtt') return iot.foreign.source(arn, reader);
    if (service === 'dynamodb') return dynamodb.source(arn);
    return service === 'sqs' ? sqs.source(arn) : kinesis.source(arn);
  };
  const resumed = Promise.withResolvers<void>();
  let mappings: EventSourceMappings | undefined;
  const refusalToSend = destinationAuthorization({ rights: roleRights, service: reachedBy });
  const lambda = scope.use(
    await openLambda({
      records,
      runtime,
      delivery,
      codeDirectory: join(config.dataDirectory, 'code'),
      readObject: async (bucket, key, versionId) =>
        (await objects.get(bucket, key, versionId === undefined ? {} : { versionId })).body,
      readObjectRights: s3.service.permissions!.GetObject!,
      refusalToSend,
      usage: new SeriesUsage(seriesStore, series),
      ...ground,
      eventSourceMappings: async (invoker) => {
        const reserve: FunctionInvoker['reserve'] = async (functionArn, signal) => {
          await abortable(resumed.promise, signal);
          return invoker.reserve(functionArn, signal);
        };
        const held = sourceAuthorization({
          rights: roleRights,
          service: reachedBy,
          roleOf: (functionArn) => invoker.roleOf(functionArn),
        });
        mappings = await openEventSourceMappings({
          records,
          invoker: {
            exists: (functionArn) => invoker.exists(functionArn),
            timeoutMs: (functionArn) => invoker.timeoutMs(functionArn),
            reserve,
          },
          sourceFor,
          refusalToRead: held.refusalToRead,
          refusalToSend: async (functionArn, targetArn) => {
            const role = invoker.roleOf(functionArn);
            return role === undefined ? undefined : refusalToSend(role, functionArn.split(':')[6]!, targetArn);
          },
          forgetReader: async (arn, reader) => {
            if (parseArn(arn)?.service === 'mqtt') await iot.foreign.forget(arn, reader);
          },
          delivery,
          putObject: async (bucket, key, body, functionArn) => {
            await held.checkPut(functionArn, bucket, key);
            await objects.put(bucket, key, Readable.from([body]));
          },
          ...ground,
        });
        return mappings;
      },
    }),
  );

  reached.push(lambda.service);
  askSubscriber = logSubscribers({ ...config, kinesis, lambda, authority, iam, rights: roleRights });
  askDestination = bucketDestinations({ sqs, sns, lambda, authority, off: config.authorization === 'off' });
  invokeFunction = functionInvoker({ ...config, lambda, authority, denials, ...ground });
  flushUsage = () => lambda.flushUsage();
  takeSegment = (datagram) => lambda.takeSegment(datagram);

  const all: Service[] = [iam, sts, s3, sqs, sns, kinesis, logs, cloudwatch, lambda].map(({ service }) => service);
  const gatewayV2: ApiGatewayV2 = apiGatewayV2({ records, beside: () => gatewayV1.apis(), ...ground });
  const gatewayV1 = scope.use(apiGateway({ records, secrets, domains: () => gatewayV2.apis(), ...ground }));
  const parameters = scope.use(ssm({ records: secrets, ...ground }));
  const secretStore = scope.use(
    secretsManager({ records: secrets, ...rotationFunctions({ lambda, authority, ...config, ...ground }), ...ground }),
  );
  all.push(parameters.service, secretStore.service);
  all.push(
    ecr({ records, clock: ground.clock }),
    ...iot.services,
    ...dynamodb.services,
    gatewayV1.service,
    gatewayV2.service,
  );
  const authorize = stackAuthorization({ ...config, authority, iam });
  const call = callServices({
    find: (name) => all.find((service) => service.name === name),
    endpoint,
    random: ground.random,
    signal: stop.signal,
    authorize,
  });
  const readObject = async (Bucket: string, Key: string, by: CallContext) => {
    await authorize(s3.service, 'GetObject', { Bucket, Key }, by);
    return (await objects.get(Bucket, Key)).body;
  };
  const callbackBase = () => {
    const { port, hostAddress } = nodeDoor.address() ?? {};
    return engine === 'namespace' ? `http://127.0.0.1:${port}` : `http://${hostAddress}`;
  };
  const cloudformation = scope.use(await openCloudFormation({ records, call, readObject, callbackBase, ...ground }));
  all.push(cloudformation.service);
  scope.defer(() => stop.abort());

  const policyOfBucket = (arn: string): string | undefined => {
    const input = { Bucket: parseArn(arn)?.resource, Key: '' };
    const rights = s3.service.permissions!.PutObject!(input, { region: '', accountId: ACCOUNT_ID });
    assert(!(rights instanceof Promise), 'what it takes to put an object is known at once');
    return rights[0]!.resourcePolicy;
  };
  const deliveryGuard: DeliveryGuard = {
    ...{ ...config, authority },
    denials,
    policyOf: (kind, arn) => {
      if (kind === 'sqs') return sqs.access(arn)?.policy;
      if (kind === 's3') return policyOfBucket(arn);
      return kind === 'sns' ? sns.access(arn)?.policy : lambda.invoker.policyOf(arn);
    },
    functionOf: (source) => mappings!.functionOf(source) ?? source,
    roleOf: (functionArn) => lambda.invoker.roleOf(functionArn),
  };
  const rest = async (): Promise<void> => {
    await Promise.all([delivery.stop(), mappings!.stop(), secretStore.rest()]);
  };
  const owned = scope.move();
  return {
    all,
    apiGateway: gatewayV1,
    apiGatewayV2: gatewayV2,
    stackAnswers: cloudformation.answers,
    delivery,
    egress,
    writeLog: (...line) => logs.sink.write(...line),
    dynamodb,
    kinesis,
    iam,
    iot,
    lambda,
    mappings: mappings!,
    s3,
    sns,
    sqs,
    series,
    authority,
    calls,
    credentials,
    denials,
    seriesKeys,
    inspect: async (functionName, port) => {
      await runtime.inspect(lambda.invoker.runnable(DEFAULT_REGION, functionName, undefined).spec, port);
    },
    resume: () => {
      void dynamodb.resume().catch((error: unknown) => ground.logger.error('tables-not-resumed', { error }));
      delivery.register('sqs', guardedTarget('sqs', sqs.target, deliveryGuard));
      delivery.register('sns', guardedTarget('sns', sns.target, deliveryGuard));
      delivery.register('kinesis', kinesis.target);
      delivery.register('iot', iot.target);
      delivery.register('mqtt', iot.foreign.target);
      delivery.register('logs', logs.target);
      delivery.register('s3', guardedTarget('s3', s3.target, deliveryGuard));
      delivery.register('lambda', guardedTarget('lambda', lambda.target, deliveryGuard), {
        concurrencyMax: ASYNC_LIMITS.concurrencyMax,
      });
      s3.resume();
      logs.resume();
      resumed.resolve();
      lambda.resume();
      iot.foreign.start();
      cloudformation.resume();
      void secretStore.resume().catch((error: unknown) => ground.logger.error('rotations-not-resumed', { error }));
    },
    rest,
    [Symbol.asyncDispose]: async () => {
      // Targets that close would fail what they are given.
      await rest();
      await owned.disposeAsync();
    },
  };
}
