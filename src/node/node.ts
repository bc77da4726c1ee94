/**
 * A node from the ground up: stores -> services -> gateways. Closing goes the other way round: devices are let go, pollers and the
 * outbox finish what runs, the port closes, environments drain, the stores close last, the lock goes.
 */
import { join } from 'node:path';
import { assert, type Clock, systemClock, systemRandom } from '../base/index.ts';
import { deadLetterApi, fleetApi, openConsole } from '../gateway/console/index.ts';
import { type MqttGateway, openMqttGateway } from '../gateway/mqtt/index.ts';
import type { NodeDoor } from '../runtime/index.ts';
import { openInTheClear } from '../services/iot/index.ts';
import { createLogger, createMetrics, createSpans, newTrace, OtlpExporter } from '../telemetry/index.ts';
import { createWireServer, type ExtraRoute, type WireAddress, type WireServer } from '../wire/index.ts';
import { accessApi } from './access-routes.ts';
import { adminRoute } from './admin-routes.ts';
import { apis } from './api-routes.ts';
import { AuditLog, auditApi } from './audit/index.ts';
import { auditing } from './auditing.ts';
import { authorization } from './authorization.ts';
import { buckets } from './bucket-routes.ts';
import type { Node, NodeConfig } from './config.ts';
import { NodeDeadLetters } from './dead-letters/dead-letters.ts';
import { OutboxPlace } from './dead-letters/outbox-place.ts';
import { QueuePlace } from './dead-letters/queue-place.ts';
import { rememberedRelations } from './dead-letters/relations.ts';
import { identityOf, plainHost, secureListeners } from './device-listeners.ts';
import { NodeFleet } from './fleet.ts';
import { NodeFlow } from './flow.ts';
import { functionUrls } from './function-url-routes.ts';
import { makeAllYoung } from './heap.ts';
import { localOnly } from './local-routes.ts';
import { mappingApi } from './mapping-routes.ts';
import { gaugeQueues } from './queue-gauges.ts';
import { redirectApi } from './redirect-routes.ts';
import { authorityRoute, certificateRoute, healthRoute, nodeRoutes, phoneRoute } from './routes.ts';
import { finishRotation, sealingApi } from './sealing-routes.ts';
import { type Ground, openServices } from './services.ts';
import { openStores } from './stores.ts';
import { signatures, webSocketRoute } from './websocket-route.ts';

/**
 * Starts a node; resolves when everything listens. What a failed start had opened is closed again.
 *
 * @param clock  the machine's, unless what takes days is to be seen in a moment
 */
export async function startNode(config: NodeConfig, clock: Clock = systemClock): Promise<Node> {
  makeAllYoung();
  await using scope = new AsyncDisposableStack();
  const ground: Ground = {
    clock,
    random: systemRandom,
    logger: createLogger({ clock, level: config.logLevel ?? 'warn' }),
    metrics: createMetrics(),
    spans: createSpans(),
  };
  const { dataDirectory: directory, host } = config;
  const listening: { -readonly [Name in keyof Pick<Node, 'endpoint' | 'mqtt' | 'mqtts' | 'deviceHttps'>]: Node[Name] } =
    {
      endpoint: '',
      mqtt: { host, port: config.mqttPort },
    };

  if (config.tracesEndpoint !== undefined) {
    scope.use(new OtlpExporter({ ...ground, endpoint: config.tracesEndpoint }));
  }
  const stores = scope.use(
    await openStores({ directory, ...(config.encryption && { encryption: config.encryption }), ...ground }),
  );
  const { events = 'off', files = 0 } = config.audit ?? {};
  const auditDirectory = events === 'off' ? undefined : join(directory, 'audit');
  const trail =
    auditDirectory === undefined
      ? undefined
      : scope.use(await AuditLog.open({ directory: auditDirectory, files, ...ground }));
  let wire: WireServer | undefined;
  let address: WireAddress | undefined;
  const door: NodeDoor = {
    address: () => address && { port: address.port, hostAddress: reachable(address) },
    accept: (socket) => wire?.accept(socket),
  };
  const services = scope.use(
    await openServices(
      config,
      stores,
      ground,
      () => listening.endpoint,
      door,
      () => [address?.port, listening.mqtt.port, listening.mqtts?.port, listening.deviceHttps?.port].filter(isNumber),
    ),
  );

  let gateway: MqttGateway | undefined;
  const upgrade = webSocketRoute(() => gateway, { ...config, ...services, ...ground });
  const relations = rememberedRelations(services, ground.clock);
  const letters = new NodeDeadLetters(
    new QueuePlace({ ...services, ...ground, relations }),
    new OutboxPlace(services.delivery, () => newTrace(ground.random, false)),
  );
  gaugeQueues(services.sqs, letters, ground.metrics);
  const source = new NodeFlow({
    services,
    letters,
    relations,
    metrics: ground.metrics,
    calls: services.calls,
    connections: () => gateway?.clients.size ?? 0,
  });
  const pages = scope.use(await openConsole({ source, ...ground }));
  const secured = config.mode === 'secured';
  const guard = { mode: config.mode, ...services, ...ground };
  const ownRoutes = [...nodeRoutes(() => listening, ground.metrics), phoneRoute(services.sns), ...pages.routes];
  const audit = auditing({ denials: services.denials, trail, events, ...ground });
  const urls = functionUrls({ urls: services.lambda.urls, ...config, ...services, ...ground, audit });
  const apiRoutes = scope.use(
    apis({
      httpApis: () => services.apiGatewayV2.apis(),
      restApis: () => services.apiGateway.apis(),
      hasDomains: () => services.apiGatewayV2.hasDomains(),
      mode: config.mode,
      authorization: config.authorization,
      ca: config.webhooks?.ca,
      writeAccess: (region, group, stream, at, line) => services.writeLog(group, stream, at, line, region),
      ...services,
      ...ground,
    }),
  );
  services.apiGateway.testWith(() => apiRoutes.tester());
  const authorize = authorization({ ...services, off: config.authorization === 'off' });
  const bucketSites = buckets({ ...services, authorize, audit, mode: config.mode, ...ground });
  wire = scope.use(
    createWireServer({
      services: services.all,
      credentials: services.credentials,
      authorize,
      audit,
      mode: config.mode,
      extraRoutes: [
        urls.byHost,
        urls.byPath,
        bucketSites.websiteByHost,
        bucketSites.websiteByPath,
        apiRoutes.byHost,
        apiRoutes.byPath,
        apiRoutes.byDomain,
        healthRoute,
        forFunctions({
          prefix: services.lambda.packages.prefix,
          handle: (request, response) => services.lambda.packages.handle(request, response),
        }),
        forFunctions({
          prefix: services.stackAnswers.prefix,
          handle: (request, response) => services.stackAnswers.handle(request, response),
        }),
        ...services.series.routes.map(forFunctions),
        forFunctions(certificateRoute(services.sns)),
        authorityRoute(services.iot.authority),
        ...(secured ? ownRoutes.map(localOnly) : ownRoutes),
        adminRoute(deadLetterApi({ store: letters, ...ground }), guard),
        adminRoute(mappingApi(services.mappings), guard),
        adminRoute(auditApi(auditDirectory), guard),
        adminRoute(accessApi(services.iot), guard),
        adminRoute(sealingApi(stores.secrets, ground), guard),
        adminRoute(
          redirectApi(() => gateway, ground.logger),
          guard,
        ),
        adminRoute(fleetApi({ fleet: new NodeFleet(services.iot, () => gateway?.clients), ...ground }), guard),
        bucketSites.calls,
      ],
      upgrades: upgrade,
      ...ground,
    }),
  );
  // Behind the gateway of devices and before the port: functions that run call it until they have ended.
  scope.defer(() => services.rest());
  address = await wire.listen(host, config.httpPort);
  listening.endpoint = address.url;
  services.resume();
  void apiRoutes.loadNames().catch((error: unknown) => ground.logger.error('domain-names-not-read', { error }));
  finishRotation(stores.secrets, ground.logger);
  // Devices come in last: what their messages cause may call functions, and those call the port above.
  const { broker, watcher } = services.iot;
  gateway = scope.use(
    await openMqttGateway({
      broker,
      watcher,
      access: secured ? services.iot.access : openInTheClear(services.iot.access),
      host: plainHost(config),
      port: config.mqttPort,
      listeners: secureListeners(config),
      identity: identityOf(config, services.iot),
      // A device over TLS proves who it is, in `dev` too.
      http: { server: wire, signatures: signatures({ ...services, ...ground }, true) },
      proxies: config.proxies ?? [],
      ...(config.mqttLimits && { limits: config.mqttLimits }),
      ...(config.mqttSuccessor !== undefined && { successor: config.mqttSuccessor }),
      ...ground,
    }),
  );
  services.iot.showClients(gateway.clients);
  for (const { kind, host, port } of gateway.listening) {
    listening[kind === 'https' ? 'deviceHttps' : kind] = { host, port };
  }

  const owned = scope.move();
  const inspect: Node['inspect'] = async (functionName, port) => {
    assert(!secured, 'functions of a production node are not inspected');
    await services.inspect(functionName, port);
  };
  return { ...listening, inspect, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

function isNumber(value: number | undefined): value is number {
  return value !== undefined;
}

function forFunctions(route: ExtraRoute): ExtraRoute {
  return { ...route, forFunctions: true };
}

/** Where processes of this machine connect to a listener; one that is bound to every address is on loopback too. */
function reachable({ host, port }: WireAddress): string {
  if (host === '0.0.0.0' || host === '::') return `127.0.0.1:${port}`;
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
