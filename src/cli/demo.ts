import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { hasCode, onAbort, systemClock } from '../base/index.ts';
import type { FlowSnapshot } from '../gateway/console/index.ts';
import type { Node, NodeConfig } from '../node/index.ts';
import { deployApplication, packageApplication } from './application/deployment.ts';
import { readApplication } from './application/template.ts';
import { openClient } from './client.ts';
import { CommandError, defineCommand, EXIT } from './command.ts';
import { readOutgoingFile } from './configuration.ts';
import { startNode, stopSignal } from './node.ts';
import type { Outgoing } from './outgoing.ts';
import { paint, type Terminal } from './terminal.ts';

const LOOPBACK = '127.0.0.1';
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const EXAMPLE = join(ROOT, 'examples/machine-health');

/** How long the end waits for the function to work off what is in the stream. */
const CATCH_UP_MS = 15_000;

export const demo = defineCommand({
  name: 'demo',
  summary: 'Run the machine-health example: a node, the application, a fleet of machines, and live figures.',
  options: {
    'http-port': {
      type: 'number',
      value: 'PORT',
      min: 0,
      max: 65_535,
      default: 4566,
      help: 'any free port if it is taken',
    },
    'mqtt-port': {
      type: 'number',
      value: 'PORT',
      min: 0,
      max: 65_535,
      default: 1883,
      help: 'any free port if it is taken',
    },
    'mqtts-port': {
      type: 'number',
      value: 'PORT',
      min: 0,
      max: 65_535,
      default: 8883,
      help: 'MQTT over TLS, where the machines connect; any free port if it is taken',
    },
    'data-dir': { type: 'text', value: 'PATH', default: '.millrace/demo', help: 'where everything durable lives' },
    email: { type: 'text', value: 'ADDRESS', help: 'send critical alerts there, through the mail server in --config' },
    config: { type: 'text', value: 'FILE', help: 'millrace.yaml whose smtp and webhooks are used' },
    duration: { type: 'number', value: 'SECONDS', min: 1, max: 86_400, help: 'end after so long; else with Ctrl-C' },
  },
  examples: [
    ['millrace demo', 'until Ctrl-C, with the console at http://127.0.0.1:4566/_millrace/console'],
    ['millrace demo --duration 60', 'for a minute'],
    ['millrace demo --email me@example.com --config millrace.yaml', 'with critical alerts by e-mail'],
  ],
  async run({ values, terminal, env, cwd }) {
    if (!existsSync(EXAMPLE))
      throw new CommandError('the demo runs from a checkout: examples/machine-health is not here');
    using stop = stopSignal(terminal);
    const { signal } = stop;
    await using scope = new AsyncDisposableStack();
    const step = stepper(terminal);

    const outgoing = await readOutgoingFile(values.config, { env, directory: cwd });
    const { email } = values;

    step('starting a node');
    const config = {
      dataDirectory: resolve(cwd, values['data-dir']),
      host: LOOPBACK,
      mode: 'dev',
      ...outgoing,
    } as const;
    const ports = {
      httpPort: values['http-port'],
      mqttPort: values['mqtt-port'],
      mqttsPort: values['mqtts-port'],
    };
    const node = scope.use(await start(config, ports));
    step(`deploying examples/machine-health to ${node.endpoint}`);
    const webhook = scope.use(await Webhook.open(terminal));
    await deploy(node, { WebhookUrl: webhook.url, AlertEmail: email ?? '' }, terminal);
    step(`connecting forty machines over TLS to port ${node.mqtts!.port}, with certificates of the node's authority`);
    const fleet = startFleet(node, config.dataDirectory);
    scope.defer(() => void fleet.kill('SIGKILL'));
    terminal.out(`\n${welcome(node, mailHint(email, outgoing), terminal)}\n\n`);

    await live(node, webhook, terminal, signal, values.duration);
    fleet.kill('SIGINT');
    terminal.out('\nthe machines disconnect; the function works off what is left in the stream ...\n');
    await caughtUp(node);
    terminal.out(`\n${await score(node)}\n${nextSteps(terminal)}\n`);
    return EXIT.ok;
  },
});

function stepper(terminal: Terminal): (text: string) => void {
  let number = 0;
  return (text) => terminal.out(`${paint(terminal.colours, 'bold', `${++number}/3`)} ${text}\n`);
}

/** On the usual ports, or on free ones when somebody else has them. */
async function start(
  config: Omit<NodeConfig, 'httpPort' | 'mqttPort' | 'mqttsPort'>,
  ports: { readonly httpPort: number; readonly mqttPort: number; readonly mqttsPort: number },
): Promise<Node> {
  try {
    return await startNode({ ...config, ...ports });
  } catch (error) {
    if (!hasCode(error, 'address-in-use') && !hasCode(error, 'listen-failed')) throw error;
    return startNode({ ...config, httpPort: 0, mqttPort: 0, mqttsPort: 0 });
  }
}

async function deploy(node: Node, parameters: Readonly<Record<string, string>>, terminal: Terminal): Promise<void> {
  const application = await readApplication(EXAMPLE);
  const packages = await packageApplication(application);
  const client = await openClient({ 'endpoint-url': node.endpoint, region: undefined }, {});
  await deployApplication(application, packages, {
    client,
    terminal,
    clock: systemClock,
    stackName: 'machine-health',
    parameters,
    tags: {},
  });
}

/** @param directory  where the machines' certificates are kept: with the node that has signed them */
function startFleet({ endpoint }: Node, directory: string): ChildProcess {
  const bin = join(ROOT, 'bin/millrace.js');
  const fleet = join(EXAMPLE, 'fleet.yaml');
  const argv = [bin, 'simulate', fleet, '--enroll', '--endpoint-url', endpoint, '--json'];
  return spawn(process.execPath, argv, { stdio: 'ignore', cwd: directory });
}

/** Takes the alerts that the topic sends. */
class Webhook implements AsyncDisposable {
  readonly url: string;
  alerts = 0;
  readonly #server: Server;

  private constructor(server: Server, url: string) {
    this.#server = server;
    this.url = url;
  }

  /** Port 9464, so that the subscription stays the same from run to run; any free one if it is taken. */
  static async open(terminal: Terminal): Promise<Webhook> {
    const server = createServer();
    const listen = (port: number) =>
      new Promise<void>((done, fail) => {
        server.once('error', fail);
        server.listen(port, LOOPBACK, () => {
          server.off('error', fail);
          done();
        });
      });
    await listen(9464).catch(() => listen(0));
    const webhook = new Webhook(server, `http://${LOOPBACK}:${(server.address() as AddressInfo).port}/alerts`);
    server.on('request', async (request, response) => {
      let body = '';
      for await (const chunk of request.setEncoding('utf8')) body += chunk;
      response.end();
      try {
        webhook.#take(body, terminal);
      } catch {
        // Anybody may post here; what is no alert of ours is nothing to show.
      }
    });
    return webhook;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((done) => this.#server.close(done));
  }

  #take(body: string, terminal: Terminal): void {
    const { Type, Message } = JSON.parse(body) as { readonly Type?: string; readonly Message?: string };
    if (Type !== 'Notification' || Message === undefined) return;
    this.alerts++;
    const { message, recordedAt, severity } = JSON.parse(Message) as Readonly<Record<string, string>>;
    const label = paint(terminal.colours, severity === 'critical' ? 'red' : 'yellow', severity!.padEnd(8));
    const line = `${label}  ${message} (recorded ${recordedAt!.slice(0, 16)})`;
    terminal.out(`${terminal.colours ? '\r\u001b[2K' : ''}${line}\n`);
  }
}

/** What to do for alerts by e-mail, or what becomes of them. */
function mailHint(email: string | undefined, { smtp }: Outgoing): string {
  if (email === undefined)
    return 'critical alerts by mail: npm start -- --email ADDRESS --config FILE, with smtp in that file';
  if (!smtp)
    return `no mail server: what is for ${email} waits until --config names a file with smtp (docs/configuration.md)`;
  return `${email} gets critical alerts once it has confirmed: the mail that asks for it is on its way`;
}

function welcome(node: Node, mail: string, { colours }: Terminal): string {
  const lines = [
    ['console', `${node.endpoint}/_millrace/console`],
    [
      'AWS APIs',
      `export AWS_ENDPOINT_URL=${node.endpoint} AWS_REGION=us-east-1 AWS_DEFAULT_REGION=us-east-1 AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test`,
    ],
    [
      'SQL',
      `curl -G ${node.endpoint}/api/v3/query_sql -d db=machines --data-urlencode 'q=SELECT * FROM machine LIMIT 5'`,
    ],
    ['e-mail', mail],
  ];
  return lines.map(([name, text]) => `  ${paint(colours, 'bold', name!.padEnd(9))} ${text}`).join('\n');
}

/** One line of figures a second, on a person's terminal always the same line, until the signal fires or the time is up. */
async function live(
  { endpoint }: Node,
  webhook: Webhook,
  terminal: Terminal,
  signal: AbortSignal,
  durationSeconds?: number,
): Promise<void> {
  const ended = new AbortController();
  using _signal = { [Symbol.dispose]: onAbort(signal, () => ended.abort()) };
  for (let second = 1; second <= (durationSeconds ?? Number.POSITIVE_INFINITY); second++) {
    await systemClock.sleep(1000, ended.signal).catch(() => {});
    if (ended.signal.aborted) return;
    const snapshot = await flow(endpoint);
    const line = `${String(second).padStart(5)} s  ${figures(snapshot, webhook.alerts)}`;
    terminal.out(terminal.colours ? `\r\u001b[2K${line}` : `${line}\n`);
  }
}

async function flow(endpoint: string): Promise<FlowSnapshot> {
  const answer = await fetch(`${endpoint}/_millrace/api/flow`);
  return (await answer.json()) as FlowSnapshot;
}

function figures({ nodes }: FlowSnapshot, alerts: number): string {
  const number = (value = 0) => Math.round(value).toLocaleString('en-US');
  const of = (kind: string) => nodes.find((node) => node.kind === kind);
  const [devices, stream, detector, series, queue] = ['devices', 'stream', 'function', 'series', 'queue'].map(of);
  return [
    `${number(devices?.connected)} machines`,
    `${number(devices?.eventsPerSecond)} readings/s in`,
    `lag ${number(stream?.lagMs)} ms`,
    `batches of ${detector?.batchSize ? number(detector.batchSize) : '-'} in ${number(detector?.p50Ms)} ms`,
    `${number(series?.totals.events)} points`,
    `${number(queue?.totals.events)} dead letters`,
    `${number(alerts)} alerts`,
    `${number(detector?.totals.coldStarts)} cold starts`,
  ].join('  ');
}

/** Resolves when the stream is read to its end, or after {@link CATCH_UP_MS}. */
async function caughtUp({ endpoint }: Node): Promise<void> {
  const deadline = systemClock.monotonic() + CATCH_UP_MS;
  while (systemClock.monotonic() < deadline) {
    await systemClock.sleep(1000);
    const { nodes } = await flow(endpoint);
    const stream = nodes.find(({ kind }) => kind === 'stream');
    const detector = nodes.find(({ kind }) => kind === 'function');
    const waiting = (stream?.totals.events ?? 0) - (detector?.totals.events ?? 0);
    if (detector?.busy === 0 && detector.eventsPerSecond === 0 && waiting <= 0) return;
  }
}

/** What the alerts were worth: the example's own script, on the node's public API. */
function score({ endpoint }: Node): Promise<string> {
  return new Promise((done) => {
    const child = spawn(process.execPath, [join(EXAMPLE, 'score.ts'), '--live', endpoint], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (chunk) => {
      text += chunk;
    });
    child.once('close', () => done(text));
  });
}

function nextSteps({ colours }: Terminal): string {
  const title = paint(colours, 'bold', 'next');
  return `${title}  read examples/machine-health/README.md, change src/detector.ts, and run it with
      npx millrace dev examples/machine-health, which swaps the function as you save`;
}
