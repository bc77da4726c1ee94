import { isAbort, systemClock } from '../base/index.ts';
import { readAge } from './age.ts';
import { type Client, ENDPOINT_OPTIONS, openClient } from './client.ts';
import { CommandError, defineCommand, EXIT, UsageError } from './command.ts';
import { loggedError, wordFunctionError } from './functions/function-error.ts';
import { FunctionNames } from './functions/function-names.ts';
import { type LogLine, parseLogLine, RequestTracker } from './functions/log-line.ts';
import { type LogEvent, LogTail } from './functions/log-tail.ts';
import { describeReport, readReport } from './functions/report.ts';
import { stopSignal } from './node.ts';
import { type Colour, paint, type Terminal } from './terminal.ts';

/** How often new lines are asked for. */
const POLL_MS = 300;

/** How often a stack that is followed is asked for functions that it did not have before. */
const RELIST_MS = 2_000;

/** How much of a request's id tells it from the others. */
const SHORT_ID = 8;

const COLOURS: readonly Colour[] = ['cyan', 'magenta', 'yellow', 'blue', 'green'];

export const logs = defineCommand({
  name: 'logs',
  summary: 'Print the log lines of functions, merged by time; without a name those of all functions of the stack.',
  positionals: { usage: '[FUNCTION...]', min: 0, max: 50 },
  options: {
    follow: { type: 'flag', short: 'f', help: 'go on as lines come, until Ctrl-C' },
    since: { type: 'text', value: 'AGE', default: '10m', help: 'how far back: 30s, 10m, 2h, 1d' },
    filter: { type: 'text', value: 'PATTERN', help: 'a CloudWatch Logs filter pattern' },
    request: { type: 'text', value: 'ID', help: 'lines of one request: its id, or how that begins' },
    json: { type: 'flag', help: 'one JSON object a line, with the message as it was written' },
    'stack-name': { type: 'text', value: 'NAME', help: "the stack; else the folder's name, else the only stack" },
    ...ENDPOINT_OPTIONS,
  },
  examples: [
    ['millrace logs detector alerts -f', 'follow two functions'],
    ['millrace logs --since 2h --filter ERROR', 'errors of all functions of this stack'],
    ['millrace logs --request 5f0c2a9e', 'all that one request has written, in whichever function'],
    ['millrace logs alerts --json | jq .message', 'for another program'],
  ],
  async run({ values, positionals, terminal, env, cwd }) {
    const { filter, request } = values;
    if (filter !== undefined && request !== undefined) {
      // What a request has written is known by the START line before; a filter would take that away.
      throw new UsageError('--filter and --request exclude each other: choose one, and grep for the other');
    }
    const since = systemClock.now() - readAge('--since', values.since);
    const client = await openClient(values, env);
    const names = new FunctionNames(client, { stackName: values['stack-name'], folder: cwd }, terminal);
    using stop = stopSignal(terminal);
    const tails = new Map<string, LogTail>();
    const print = values.json ? jsonPrinter(terminal) : linePrinter(tails, terminal);
    const tracker = new RequestTracker();
    let listAt = 0;
    for (;;) {
      if (systemClock.monotonic() >= listAt) {
        // A stack that is made anew while it is followed has none for a moment.
        const listed = tails.size > 0 ? (await names.inStack()).values() : await chooseFunctions(positionals, names);
        for (const name of listed) {
          if (!tails.has(name)) tails.set(name, new LogTail(name, since, filter));
        }
        listAt = positionals.length > 0 ? Number.POSITIVE_INFINITY : systemClock.monotonic() + RELIST_MS;
      }
      for (const shown of await readAll([...tails.values()], client, tracker)) {
        if (request === undefined || shown.requestId?.startsWith(request)) print(shown);
      }
      if (!values.follow || stop.signal.aborted) return EXIT.ok;
      await systemClock.sleep(POLL_MS, stop.signal).catch(ignoreAbort);
    }
  },
});

/** A line as it is shown. */
interface Shown {
  readonly functionName: string;
  readonly event: LogEvent;
  readonly line: LogLine;
  readonly requestId: string | undefined;
}

/** What the functions have written since the last look, merged by time. */
async function readAll(tails: readonly LogTail[], client: Client, tracker: RequestTracker): Promise<readonly Shown[]> {
  const shown = await Promise.all(
    tails.map(async (tail) => {
      const events = await tail.read(client);
      return events.map((event): Shown => {
        const line = parseLogLine(event.message);
        const requestId = tracker.requestOf(event.logStreamName, line);
        return { functionName: tail.functionName, event, line, requestId };
      });
    }),
  );
  return shown.flat().sort((a, b) => a.event.timestamp - b.event.timestamp);
}

/** Names of functions for what was asked: logical ids of the stack become the names that they stand for. */
async function chooseFunctions(given: readonly string[], names: FunctionNames): Promise<readonly string[]> {
  const ids = await names.inStack();
  if (given.length > 0) return given.map((name) => ids.get(name) ?? name);
  if (ids.size > 0) return [...ids.values()];
  throw new CommandError(`there is no function in stack ${await names.stackInWords()}`);
}

/** Raw: nothing is left out and nothing is worded anew. */
function jsonPrinter(terminal: Terminal): (shown: Shown) => void {
  return ({ functionName, event, requestId }) => {
    const { timestamp, logStreamName, message } = event;
    const time = new Date(timestamp).toISOString();
    terminal.out(`${JSON.stringify({ time, function: functionName, requestId, logStream: logStreamName, message })}\n`);
  };
}

/** For people: time, function (where there are several), the beginning of the request's id, level, text. */
function linePrinter(tails: ReadonlyMap<string, LogTail>, terminal: Terminal): (shown: Shown) => void {
  const { colours } = terminal;
  return ({ functionName, event, line, requestId }) => {
    const names = [...tails.keys()];
    const columns = [paint(colours, 'grey', new Date(event.timestamp).toISOString())];
    if (names.length > 1) {
      const width = Math.max(...names.map((name) => name.length));
      const colour = COLOURS[names.indexOf(functionName) % COLOURS.length]!;
      columns.push(paint(colours, colour, functionName.padEnd(width)));
    }
    columns.push(paint(colours, 'grey', (requestId ?? '').slice(0, SHORT_ID).padEnd(SHORT_ID)), words(line, colours));
    terminal.out(`${columns.join(' ')}\n`);
  };
}

function words({ level, text }: LogLine, colours: boolean): string {
  if (level === 'PLATFORM') return paint(colours, 'grey', platformWords(text));
  const logged = loggedError(text);
  const shown = `${level ? `${level.padEnd(5)} ` : ''}${logged ? `${logged.title}: ${wordFunctionError(logged.error)}` : text}`;
  if (level === 'ERROR' || level === 'FATAL' || level === 'CRITICAL') return paint(colours, 'red', shown);
  return /^WARN/.test(level ?? '') ? paint(colours, 'yellow', shown) : shown;
}

/** The id stands in a column of its own; the figures are worded as `millrace invoke` words them. */
function platformWords(text: string): string {
  const report = readReport(text);
  return report ? `REPORT ${describeReport(report)}` : text.replace(/ RequestId: \S+/, '');
}

function ignoreAbort(error: unknown): void {
  if (!isAbort(error) && !(typeof error === 'string')) throw error;
}
