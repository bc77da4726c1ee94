import { readFile } from 'node:fs/promises';
import { basename, dirname, extname, resolve } from 'node:path';
import { systemClock } from '../base/index.ts';
import { type Client, ENDPOINT_OPTIONS, openClient } from './client.ts';
import { CommandError, defineCommand, EXIT, UsageError, type Values } from './command.ts';
import { DeviceRegistry } from './devices/registry.ts';
import { stopSignal } from './node.ts';
import {
  addressOf,
  describeSummary,
  enroll,
  type Fleet,
  type Identities,
  type Identity,
  liveView,
  loadFleet,
  readIdentities,
  simulate,
} from './simulate/index.ts';
import type { Terminal } from './terminal.ts';

const OPTIONS = {
  broker: {
    type: 'text',
    value: 'URL',
    help: 'instead of the one in the file, for example mqtt://127.0.0.1:1883 or mqtts://127.0.0.1:8883',
  },
  enroll: {
    type: 'flag',
    help: "have the node's authority sign a certificate for each device that has none, and connect with them over TLS",
  },
  duration: { type: 'number', value: 'SECONDS', min: 1, max: 31_536_000, help: 'end after so long' },
  count: { type: 'number', value: 'N', min: 1, max: 1e12, help: 'end after so many messages' },
  devices: { type: 'number', value: 'N', min: 1, max: 20_000, help: 'instead of the number in the file' },
  rate: { type: 'number', value: 'N', min: 1, max: 1e7, help: 'messages a second of the whole fleet' },
  json: { type: 'flag', help: 'print the summary as JSON on stdout, live figures on stderr' },
  ...ENDPOINT_OPTIONS,
} as const;

export const simulateCommand = defineCommand({
  name: 'simulate',
  summary: 'Run a fleet of MQTT devices from a file; Ctrl-C ends it when all messages are acknowledged.',
  positionals: { usage: 'FLEET.yaml', min: 1, max: 1 },
  options: OPTIONS,
  examples: [
    ['millrace simulate fleet.yaml', 'until Ctrl-C'],
    ['millrace simulate fleet.yaml --rate 10000 --duration 60 --json', '10,000 messages a second for a minute'],
    ['millrace simulate fleet.yaml --enroll', "with certificates of the node's authority, over TLS"],
  ],
  async run({ values, positionals, terminal, cwd, env }) {
    const file = resolve(cwd, positionals[0]!);
    using stop = stopSignal(terminal);
    const progress = values.json
      ? { ...terminal, out: (text: string | Uint8Array) => terminal.err(String(text)), colours: terminal.errColours }
      : terminal;
    let fleet = override(await loadFleet(file), values);
    let identities: Identities | undefined;
    if (values.enroll) {
      const client = await openClient(values, env);
      fleet = { ...fleet, ...(values.broker === undefined && (await tlsAddress(client))) };
      if (!fleet.tls) throw new UsageError('--enroll connects over TLS: --broker must be mqtts://HOST:PORT');
      identities = await enrollAll(fleet, { client, name: nameOf(file), cwd, progress, signal: stop.signal });
      fleet = { ...fleet, tls: { ...fleet.tls, caFile: identities.caFile } };
    } else if (fleet.tls?.identities !== undefined) identities = await readIdentities(fleet.tls.identities, fleet);
    await refuseTooMany(fleet.devices);
    const view = liveView(fleet, progress);
    const identity = identities ? (id: string) => identities.of.get(id) : await sharedIdentity(fleet);
    const summary = await simulate({
      fleet,
      clock: systemClock,
      signal: stop.signal,
      ...(values.count !== undefined && { count: values.count }),
      ...(values.duration !== undefined && { durationMs: values.duration * 1000 }),
      ...(identity && { identity }),
      onSecond: view.second,
      onOutage: view.outage,
    });
    terminal.out(values.json ? `${JSON.stringify(summary)}\n` : describeSummary(summary));
    return summary.unacknowledged > 0 || summary.refused > 0 ? EXIT.failed : EXIT.ok;
  },
});

function override(fleet: Fleet, values: Values<typeof OPTIONS>): Fleet {
  const devices = values.devices ?? fleet.devices;
  const rate = values.rate === undefined ? fleet.rate : values.rate / devices;
  if (values.broker === undefined) return { ...fleet, devices, rate };
  const protocol = URL.parse(values.broker)?.protocol;
  if (protocol !== 'mqtt:' && protocol !== 'mqtts:') {
    throw new UsageError(`--broker must be mqtt://HOST:PORT or mqtts://HOST:PORT, not "${values.broker}"`);
  }
  const { tls = {}, ...others } = fleet;
  return { ...others, devices, rate, ...addressOf(values.broker, tls) };
}

/** A fleet is called by its file; one that is just called `fleet.yaml`, by the folder. */
function nameOf(file: string): string {
  const name = basename(file, extname(file));
  return name === 'fleet' ? basename(dirname(file)) : name;
}

/** Where the node takes devices in over TLS. @throws CommandError  nowhere */
async function tlsAddress(client: Client): Promise<Pick<Fleet, 'host' | 'port' | 'tls'>> {
  const port = await new DeviceRegistry(client).tlsPort();
  if (port === undefined) throw new CommandError(`${client.endpoint.origin} does not listen for MQTT over TLS`);
  return { host: client.endpoint.hostname, port, tls: {} };
}

async function enrollAll(
  fleet: Fleet,
  options: {
    readonly client: Client;
    /** Of the fleet. */
    readonly name: string;
    readonly cwd: string;
    readonly progress: Terminal;
    readonly signal: AbortSignal;
  },
): Promise<Identities> {
  const { client, name, cwd, progress, signal } = options;
  const directory = fleet.tls?.identities ?? resolve(cwd, '.millrace/fleets', name);
  const startedAt = systemClock.monotonic();
  let shownAt = startedAt;
  let enrolled = 0;
  const show = (done: number, of: number): void => {
    enrolled++;
    if (done < of && systemClock.monotonic() - shownAt < 1000) return;
    shownAt = systemClock.monotonic();
    const seconds = (shownAt - startedAt) / 1000;
    progress.out(`enrolled ${done} of ${of} devices (${Math.round(enrolled / seconds)}/s)\n`);
  };
  const policyName = `fleet-${name}`.replace(/[^A-Za-z0-9_+=,.@-]/g, '-').slice(0, 128);
  return enroll(fleet, { client, directory, policyName, signal, progress: show });
}

/** One certificate for all, where the fleet names one. */
async function sharedIdentity({ tls }: Fleet): Promise<((id: string) => Identity) | undefined> {
  if (tls?.certFile === undefined) return undefined;
  const [cert, key] = await Promise.all([readFile(tls.certFile, 'utf8'), readFile(tls.keyFile!, 'utf8')]);
  const identity = { cert, key };
  return () => identity;
}

/** Files that the process itself has open, besides the sockets of devices. */
const OWN_FILES = 64;

/** Each device is a socket, and the system limits those of a process. @throws UsageError */
async function refuseTooMany(devices: number): Promise<void> {
  const limits = await readFile('/proc/self/limits', 'utf8').catch(() => '');
  const openMax = Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? Number.POSITIVE_INFINITY);
  if (devices + OWN_FILES <= openMax) return;
  throw new UsageError(
    `${devices} devices need ${devices + OWN_FILES} open files, and this process may have ${openMax}: raise it with "ulimit -n"`,
  );
}
