import { resolve } from 'node:path';
import { systemClock } from '../base/index.ts';
import { defineCommand, EXIT, UsageError } from './command.ts';
import { stopSignal } from './node.ts';
import { type Fleet, loadFleet, type Second, type Summary, simulate } from './simulate/index.ts';
import { paint, type Terminal } from './terminal.ts';

export const simulateCommand = defineCommand({
  name: 'simulate',
  summary: 'Run a fleet of MQTT devices from a file; Ctrl-C ends it when all messages are acknowledged.',
  positionals: { usage: 'FLEET.yaml', min: 1, max: 1 },
  options: {
    broker: { type: 'text', value: 'URL', help: 'instead of the one in the file, for example mqtt://127.0.0.1:1883' },
    duration: { type: 'number', value: 'SECONDS', min: 1, max: 31_536_000, help: 'end after so long' },
    count: { type: 'number', value: 'N', min: 1, max: 1e12, help: 'end after so many messages' },
    devices: { type: 'number', value: 'N', min: 1, max: 20_000, help: 'instead of the number in the file' },
    rate: { type: 'number', value: 'N', min: 1, max: 1e7, help: 'messages a second of the whole fleet' },
    json: { type: 'flag', help: 'print the summary as JSON on stdout, live figures on stderr' },
  },
  examples: [
    ['millrace simulate fleet.yaml', 'until Ctrl-C'],
    ['millrace simulate fleet.yaml --rate 10000 --duration 60 --json', '10,000 messages a second for a minute'],
  ],
  async run({ values, positionals, terminal, cwd }) {
    const fleet = override(await loadFleet(resolve(cwd, positionals[0]!)), values);
    using stop = stopSignal(terminal);
    const show = liveView(fleet, values.json ? { ...terminal, out: terminal.err } : terminal);
    const summary = await simulate({
      fleet,
      clock: systemClock,
      signal: stop.signal,
      ...(values.count === undefined ? {} : { count: values.count }),
      ...(values.duration === undefined ? {} : { durationMs: values.duration * 1000 }),
      onSecond: show,
    });
    terminal.out(values.json ? `${JSON.stringify(summary)}\n` : describe(summary));
    return summary.unacknowledged > 0 || summary.refused > 0 ? EXIT.failed : EXIT.ok;
  },
});

function override(
  fleet: Fleet,
  values: {
    readonly broker: string | undefined;
    readonly devices: number | undefined;
    readonly rate: number | undefined;
  },
): Fleet {
  const devices = values.devices ?? fleet.devices;
  const rate = values.rate === undefined ? fleet.rate : values.rate / devices;
  if (values.broker === undefined) return { ...fleet, devices, rate };
  const url = URL.parse(values.broker);
  if (url?.protocol !== 'mqtt:') throw new UsageError(`--broker must be mqtt://HOST:PORT, not "${values.broker}"`);
  return { ...fleet, devices, rate, host: url.hostname, port: Number(url.port || 1883) };
}

const number = (value: number) => value.toLocaleString('en-US');

/** One line a second; on a person's terminal always the same line. */
function liveView(fleet: Fleet, terminal: Terminal): (second: Second) => void {
  const { colours } = terminal;
  const live = colours;
  terminal.out(
    `${number(fleet.devices)} devices, ${number(Math.round(fleet.rate * fleet.devices))} messages a second to ` +
      `${fleet.host}:${fleet.port}; Ctrl-C ends\n`,
  );
  return (second) => {
    const { connected, elapsedSeconds, sent, acked, ackedPerSecond, inFlight, p50Ms, p99Ms, disconnects } = second;
    const parts = [
      `${String(elapsedSeconds).padStart(5)} s`,
      paint(colours, connected < fleet.devices ? 'yellow' : 'green', `${connected}/${fleet.devices} connected`),
      `sent ${number(sent)}`,
      `acked ${number(acked)} (${paint(colours, 'bold', `${number(ackedPerSecond)}/s`)})`,
      `in flight ${number(inFlight)}`,
      `p50 ${p50Ms} ms`,
      `p99 ${p99Ms} ms`,
      ...(disconnects > 0 ? [paint(colours, 'yellow', `${number(disconnects)} disconnects`)] : []),
    ];
    terminal.out(live ? `\r\u001b[2K${parts.join('  ')}` : `${parts.join('  ')}\n`);
  };
}

function describe(summary: Summary): string {
  const { p50, p99, p999 } = summary.ackLatencyMs;
  const rows = [
    ['sent', `${number(summary.sent)} in ${summary.elapsedSeconds} s (${number(summary.perSecond)}/s)`],
    ['acked', `${number(summary.acked)}, ${number(summary.unacknowledged)} unacknowledged`],
    ['ack latency', `p50 ${p50} ms, p99 ${p99} ms, p99.9 ${p999} ms`],
    ['malformed', `${number(summary.malformed)} on purpose`],
    [
      'connections',
      `${number(summary.connects)} made, ${number(summary.disconnects)} lost, ${number(summary.resent)} resent`,
    ],
    ...(summary.refused > 0 ? [['refused', number(summary.refused)]] : []),
  ];
  return `\n${rows.map(([name, value]) => `${name!.padEnd(12)} ${value}`).join('\n')}\n`;
}
