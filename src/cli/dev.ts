import { resolve } from 'node:path';
import { onAbort, systemClock } from '../base/index.ts';
import type { Node, NodeConfig } from '../node/index.ts';
import { isService, refuseDataInPackages } from './application/osls.ts';
import { defaultStackName, findTemplate, readApplication } from './application/template.ts';
import { findConnection, openClient } from './client.ts';
import { defineCommand, EXIT, UsageError } from './command.ts';
import { readOutgoingFile, tracesEndpoint } from './configuration.ts';
import { Development, type DevelopmentOptions } from './development/development.ts';
import { checkPortsFree, chooseInspected, INSPECTOR_PORT, LOOPBACK } from './development/inspected.ts';
import { ServiceDevelopment } from './development/service.ts';
import { startNode, stopSignal } from './node.ts';
import type { Terminal } from './terminal.ts';

export const dev = defineCommand({
  name: 'dev',
  summary:
    'Start a node on loopback with embedded stores, deploy the application in DIR if it has a template or a serverless.yml, and redeploy it as it changes. Any credentials are accepted; functions have the rights of their roles.',
  positionals: { usage: '[DIR]', min: 0, max: 1 },
  options: {
    'http-port': {
      type: 'number',
      value: 'PORT',
      min: 0,
      max: 65_535,
      default: 4566,
      help: 'AWS APIs, console, metrics; 0 is any free port',
    },
    'mqtt-port': {
      type: 'number',
      value: 'PORT',
      min: 0,
      max: 65_535,
      default: 1883,
      help: 'MQTT in the clear, open to all of this machine; 0 is any free port',
    },
    'mqtts-port': {
      type: 'number',
      value: 'PORT',
      min: 0,
      max: 65_535,
      help: 'MQTT over TLS, for devices that prove who they are (8883; any free port where --mqtt-port is 0)',
    },
    'device-https-port': {
      type: 'number',
      value: 'PORT',
      min: 0,
      max: 65_535,
      help: 'the same over TLS: MQTT by ALPN, WebSockets, publishing by HTTPS (8443; any free port where --mqtt-port is 0)',
    },
    'data-dir': { type: 'text', value: 'PATH', default: '.millrace', help: 'where everything durable lives' },
    inspect: {
      type: 'list',
      value: 'FUNCTION[:PORT]',
      help: `let a debugger attach to a Node function of the application; may be given again (port ${INSPECTOR_PORT} and on)`,
    },
    sandbox: {
      type: 'text',
      value: 'ENGINE',
      default: 'auto',
      choices: ['auto', 'namespace', 'process'],
      help: 'walls that functions run in; auto is the strongest that the machine runs',
    },
    auth: {
      type: 'text',
      value: 'WHO',
      default: 'on',
      choices: ['on', 'off'],
      help: 'on holds functions to their roles, and keys of users to their policies; off holds nobody',
    },
    config: {
      type: 'text',
      value: 'FILE',
      help: 'millrace.yaml whose smtp, webhooks, connections and notifications are used',
    },
    'stack-name': { type: 'text', value: 'NAME', help: "name of the application's stack; else the folder's name" },
  },
  examples: [
    ['millrace dev', 'start a node and the application in this folder'],
    ['millrace dev examples/machine-health', 'the application in another folder'],
    ['millrace dev --inspect detector', 'with a debugger: attach to 127.0.0.1:9229, set breakpoints in the sources'],
    ['millrace dev --http-port 0 --mqtt-port 0', 'on any free ports, for tests'],
  ],
  async run({ values, positionals: [folder = '.'], terminal, cwd, env }) {
    const directory = resolve(cwd, folder);
    const dataDirectory = resolve(cwd, values['data-dir']);
    await refuseDataInPackages(directory, dataDirectory);
    const isApplication = (await findTemplate(directory)) !== undefined;
    const isOsls = await isService(directory);
    if (isOsls && (values.inspect.length > 0 || values['stack-name'] !== undefined)) {
      throw new UsageError('--inspect and --stack-name are for a template; a serverless.yml is deployed by osls');
    }
    // A template that cannot be read yet is no reason not to start; a function that cannot be inspected is.
    const application = isApplication && values.inspect.length > 0 ? await readApplication(directory) : undefined;
    const inspected = chooseInspected(values.inspect, application);
    await checkPortsFree(inspected.values());
    const outgoing = await readOutgoingFile(values.config, { env, directory: cwd });
    using stop = stopSignal(terminal);
    await using node = await startNode({
      dataDirectory,
      host: LOOPBACK,
      httpPort: values['http-port'],
      mqttPort: values['mqtt-port'],
      ...securePorts(values),
      mode: 'dev',
      authorization: values.auth === 'off' ? 'off' : 'on',
      sandboxEngine: values.sandbox as NonNullable<NodeConfig['sandboxEngine']>,
      ...tracesEndpoint(env.OTEL_EXPORTER_OTLP_ENDPOINT),
      ...outgoing,
    });
    terminal.out(`ready ${node.endpoint}\n`);
    terminal.err(
      `mqtt://${node.mqtt.host}:${node.mqtt.port}  mqtts://${LOOPBACK}:${node.mqtts?.port}  console ${node.endpoint}/_millrace/console\n`,
    );
    await using _development = isApplication
      ? await develop({
          directory,
          stackName: values['stack-name'] ?? defaultStackName(directory),
          ignored: [dataDirectory],
          onFunction: inspector(inspected, node, terminal),
          endpoint: node.endpoint,
          terminal,
        })
      : isOsls
        ? await developService(directory, dataDirectory, node, terminal, env)
        : undefined;
    await fired(stop.signal);
    terminal.err('millrace: draining; press Ctrl-C again to stop at once\n');
    return EXIT.ok;
  },
});

/** Where any free port will do for MQTT, it does for MQTT over TLS: several nodes run side by side. */
function securePorts(values: {
  readonly 'mqtt-port': number;
  readonly 'mqtts-port': number | undefined;
  readonly 'device-https-port': number | undefined;
}): Pick<NodeConfig, 'mqttsPort' | 'deviceHttpsPort'> {
  const isFree = values['mqtt-port'] === 0;
  return {
    mqttsPort: values['mqtts-port'] ?? (isFree ? 0 : 8883),
    deviceHttpsPort: values['device-https-port'] ?? (isFree ? 0 : 8443),
  };
}

/** Deploys and watches the application of a folder. */
async function develop(
  options: Omit<DevelopmentOptions, 'client' | 'clock'> & { readonly endpoint: string },
): Promise<Development> {
  // Its own node takes any credentials: none of the environment's are sent.
  const client = await openClient({ 'endpoint-url': options.endpoint, region: undefined }, {});
  const development = new Development({ ...options, client, clock: systemClock });
  development.start();
  return development;
}

/** The same for a service of osls. */
async function developService(
  directory: string,
  dataDirectory: string,
  { endpoint }: Node,
  terminal: Terminal,
  env: Readonly<Record<string, string | undefined>>,
): Promise<ServiceDevelopment> {
  const connection = await findConnection({ 'endpoint-url': endpoint, region: undefined }, {});
  const ignored = [dataDirectory];
  const development = new ServiceDevelopment({ directory, ignored, connection, terminal, env, clock: systemClock });
  development.start();
  return development;
}

/** Has the node start the environments that debuggers attach to, and tells where, once. */
function inspector(
  ports: ReadonlyMap<string, number>,
  node: Node,
  terminal: Terminal,
): NonNullable<DevelopmentOptions['onFunction']> {
  const told = new Set<string>();
  return async (logicalId, name) => {
    const port = ports.get(logicalId);
    if (port === undefined) return;
    await node.inspect(name, port);
    if (told.has(logicalId)) return;
    told.add(logicalId);
    const how = 'in sandbox engine process, one call at a time, without timeout';
    terminal.err(`debugger: attach to ${LOOPBACK}:${port} for ${logicalId} (${how})\n`);
  };
}

function fired(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => onAbort(signal, () => resolve()));
}
