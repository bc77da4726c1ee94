import { paint, type Terminal } from '../terminal.ts';
import type { Absence } from './absences.ts';
import type { Second, Summary } from './figures.ts';
import type { Fleet } from './fleet.ts';

/** What is shown of a run while it runs. */
export interface LiveView {
  second(second: Second): void;
  outage(kind: Absence['kind'], devices: number, durationMs: number): void;
}

const number = (value: number) => value.toLocaleString('en-US');
const megabytes = (bytes: number) => `${Math.round(bytes / 2 ** 20)} MB`;

/** Seconds that the curve of acknowledgements shows. */
const CURVE_SECONDS = 48;
/** Lines of the panel that remain visible above it. */
const NOTES_MAX = 3;
const STEPS = '▁▂▃▄▅▆▇█';
const BAR_WIDTH = 40;

/** A panel that is drawn over itself on a person's terminal; elsewhere one line a second, and one for each outage. */
export function liveView(fleet: Fleet, terminal: Terminal): LiveView {
  const { host, port, tls, devices, rate } = fleet;
  terminal.out(
    `${number(devices)} devices, ${number(Math.round(rate * devices))} messages a second to ` +
      `${host}:${port}${tls ? ' over TLS' : ''}; Ctrl-C ends\n`,
  );
  return terminal.colours ? panel(fleet, terminal) : lines(fleet, terminal);
}

function lines({ devices }: Fleet, terminal: Terminal): LiveView {
  return {
    second: (second) => terminal.out(`${[...lineParts(second, devices)].join('  ')}\n`),
    outage: (kind, count, durationMs) => terminal.out(`${outageText(kind, count, durationMs)}\n`),
  };
}

function* lineParts(second: Second, devices: number): Generator<string> {
  const { elapsedSeconds, connected, away, dialling, sent, acked, ackedPerSecond, inFlight, buffered } = second;
  yield `${String(elapsedSeconds).padStart(5)} s`;
  yield `${connected}/${devices} connected`;
  if (away > 0) yield `${number(away)} away`;
  if (dialling > 0) yield `${number(dialling)} dialling`;
  if (second.connectsPerSecond > 0)
    yield `${number(second.connectsPerSecond)} connects/s p99 ${second.connectP99Ms} ms`;
  yield `sent ${number(sent)}`;
  yield `acked ${number(acked)} (${number(ackedPerSecond)}/s)`;
  yield `in flight ${number(inFlight)}`;
  if (buffered > 0) yield `buffered ${number(buffered)}`;
  yield `p50 ${second.p50Ms} ms`;
  yield `p99 ${second.p99Ms} ms`;
  if (second.disconnects > 0) yield `${number(second.disconnects)} disconnects`;
  if (second.reasons[0]) yield `(${second.reasons[0][0]})`;
}

function panel(fleet: Fleet, terminal: Terminal): LiveView {
  const curve: number[] = [];
  const notes: string[] = [];
  let drawn = 0;
  return {
    second: (second) => {
      curve.push(second.ackedPerSecond);
      if (curve.length > CURVE_SECONDS) curve.shift();
      const rows = panelRows(fleet, second, curve, notes);
      const up = drawn > 0 ? `\u001b[${drawn}A` : '';
      drawn = rows.length;
      terminal.out(`${up}${rows.map((row) => `\u001b[2K${row}\n`).join('')}`);
    },
    outage: (kind, count, durationMs) => {
      notes.push(outageText(kind, count, durationMs));
      if (notes.length > NOTES_MAX) notes.shift();
    },
  };
}

function panelRows(
  { devices }: Fleet,
  second: Second,
  curve: readonly number[],
  notes: readonly string[],
): readonly string[] {
  const on = (colour: Parameters<typeof paint>[1], text: string) => paint(true, colour, text);
  const { connected, dialling, away, inFlight, buffered, refused, forgotten, disconnects, reasons } = second;
  const waiting = devices - connected - dialling - away;
  const row = (name: string, ...parts: readonly (string | false)[]) =>
    `${on('grey', name.padEnd(10))} ${parts.filter((part) => part !== false).join('  ')}`;
  return [
    row('time', `${second.elapsedSeconds} s`, megabytes(second.memoryBytes)),
    row('devices', bar([connected, 'green'], [dialling, 'yellow'], [away, 'grey'], [waiting, 'red'])),
    row(
      '',
      on('green', `${number(connected)} connected`),
      dialling > 0 && on('yellow', `${number(dialling)} dialling`),
      away > 0 && on('grey', `${number(away)} away`),
      waiting > 0 && on('red', `${number(waiting)} waiting`),
    ),
    row(
      'connects',
      `${number(second.connectsPerSecond)}/s`,
      `p50 ${second.connectP50Ms} ms`,
      `p99 ${second.connectP99Ms} ms`,
    ),
    row('acked', curveText(curve)),
    row('', on('bold', `${number(second.ackedPerSecond)}/s`), `p50 ${second.p50Ms} ms`, `p99 ${second.p99Ms} ms`),
    row(
      'messages',
      `${number(second.sent)} sent`,
      `${number(second.acked)} acked`,
      `${number(inFlight)} in flight`,
      buffered > 0 && `${number(buffered)} buffered`,
    ),
    row(
      'trouble',
      `${number(disconnects)} lost`,
      `${number(second.resent)} sent again`,
      refused > 0 && on('red', `${number(refused)} refused`),
      forgotten > 0 && on('yellow', `${number(forgotten)} forgotten`),
    ),
    ...reasons.slice(0, 2).map(([reason, count]) => row('', `${number(count)} x ${reason.slice(0, 60)}`)),
    ...notes.map((note) => row('outage', on('yellow', note))),
  ];
}

/** Shares of the fleet side by side; what is there at all has a cell at least. */
function bar(...parts: readonly (readonly [count: number, colour: Parameters<typeof paint>[1]])[]): string {
  const all = parts.reduce((sum, [count]) => sum + count, 0);
  const cells = parts.map(([count]) => (count === 0 ? 0 : Math.max(1, Math.round((count / all) * BAR_WIDTH))));
  return parts.map(([, colour], index) => paint(true, colour, '█'.repeat(cells[index]!))).join('');
}

function curveText(curve: readonly number[]): string {
  const most = Math.max(1, ...curve);
  return curve.map((value) => STEPS[Math.min(7, Math.floor((value / most) * 8))]).join('');
}

function outageText(kind: Absence['kind'], devices: number, durationMs: number): string {
  const what = kind === 'power' ? 'lose power' : 'lose the network';
  return `${number(devices)} devices ${what} for ${Math.round(durationMs / 100) / 10} s`;
}

/** The end of a run, for people. */
export function describeSummary(summary: Summary): string {
  const { p50, p99, p999 } = summary.ackLatencyMs;
  const { p50: connectP50, p99: connectP99 } = summary.connectLatencyMs;
  const rows = [
    ['sent', `${number(summary.sent)} in ${summary.elapsedSeconds} s (${number(summary.perSecond)}/s)`],
    ['acked', `${number(summary.acked)}, ${number(summary.unacknowledged)} unacknowledged`],
    ['ack latency', `p50 ${p50} ms, p99 ${p99} ms, p99.9 ${p999} ms`],
    ['malformed', `${number(summary.malformed)} on purpose`],
    [
      'connections',
      `${number(summary.connects)} made, ${number(summary.disconnects)} lost, ${number(summary.resent)} resent`,
    ],
    ['connecting', `p50 ${connectP50} ms, p99 ${connectP99} ms`],
    ...(summary.received > 0 ? [['received', number(summary.received)]] : []),
    ...(summary.forgotten > 0 ? [['forgotten', `${number(summary.forgotten)} for want of room in devices`]] : []),
    ...(summary.refused > 0 ? [['refused', number(summary.refused)]] : []),
    ...Object.entries(summary.reasons).map(([reason, count]) => ['lost by', `${number(count)} x ${reason}`]),
    ['memory', `${megabytes(summary.memoryBytesMax)} of this process`],
  ];
  return `\n${rows.map(([name, value]) => `${name!.padEnd(12)} ${value}`).join('\n')}\n`;
}
