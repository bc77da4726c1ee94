import { resolve } from 'node:path';
import { hasCode, isAbort, systemClock } from '../base/index.ts';
import { RemoteStack } from './application/stack.ts';
import { defaultStackName } from './application/template.ts';
import { type Client, ENDPOINT_OPTIONS, openClient } from './client.ts';
import { CommandError, defineCommand, EXIT, UsageError } from './command.ts';
import { stopSignal } from './node.ts';
import { type Colour, paint, type Terminal } from './terminal.ts';

/** How often new lines are asked for. */
const POLL_MS = 300;

/** Events that arrive late are looked for again so far back. */
const OVERLAP_MS = 2_000;

const COLOURS: readonly Colour[] = ['cyan', 'magenta', 'yellow', 'blue', 'green'];

interface LogLine {
  readonly eventId: string;
  readonly timestamp: number;
  readonly message: string;
}

export const logs = defineCommand({
  name: 'logs',
  summary: 'Print the log lines of functions, merged by time; without a name those of all functions of the stack.',
  positionals: { usage: '[FUNCTION...]', min: 0, max: 50 },
  options: {
    follow: { type: 'flag', short: 'f', help: 'go on as lines come, until Ctrl-C' },
    since: { type: 'text', value: 'AGE', default: '10m', help: 'how far back: 30s, 10m, 2h, 1d' },
    filter: { type: 'text', value: 'PATTERN', help: 'a CloudWatch Logs filter pattern' },
    'stack-name': { type: 'text', value: 'NAME', help: "the stack; else the folder's name" },
    ...ENDPOINT_OPTIONS,
  },
  examples: [
    ['millrace logs alerts -f', 'follow one function'],
    ['millrace logs --since 2h --filter ERROR', 'errors of all functions of this stack'],
  ],
  async run({ values, positionals, terminal, env, cwd }) {
    const since = systemClock.now() - readAge(values.since);
    const client = await openClient(values, env);
    const stackName = values['stack-name'] ?? defaultStackName(resolve(cwd));
    const functions = await functionNames(positionals, client, stackName, terminal);
    using stop = stopSignal(terminal);
    const tails = functions.map(
      (name, index) => new Tail(name, COLOURS[index % COLOURS.length]!, since, values.filter),
    );
    const width = Math.max(...functions.map((name) => name.length));
    for (;;) {
      const found = (await Promise.all(tails.map((tail) => tail.read(client)))).flat();
      for (const { tail, line } of found.sort((a, b) => a.line.timestamp - b.line.timestamp)) {
        show(tail, line, functions.length > 1 ? width : 0, terminal);
      }
      if (!values.follow || stop.signal.aborted) return EXIT.ok;
      await systemClock.sleep(POLL_MS, stop.signal).catch(ignoreAbort);
    }
  },
});

/** One function's log, read forward. */
class Tail {
  readonly name: string;
  readonly colour: Colour;
  readonly #filter: string | undefined;
  #from: number;
  #seen = new Map<string, number>();

  constructor(name: string, colour: Colour, from: number, filter: string | undefined) {
    this.name = name;
    this.colour = colour;
    this.#from = from;
    this.#filter = filter;
  }

  async read(client: Client): Promise<{ readonly tail: Tail; readonly line: LogLine }[]> {
    const lines: LogLine[] = [];
    let nextToken: string | undefined;
    do {
      const page = await this.#page(client, nextToken);
      lines.push(...page.events);
      nextToken = page.nextToken;
    } while (nextToken);
    return this.#fresh(lines).map((line) => ({ tail: this, line }));
  }

  async #page(
    client: Client,
    nextToken: string | undefined,
  ): Promise<{ events: readonly LogLine[]; nextToken?: string }> {
    try {
      return await client.json('logs', 'Logs_20140328.FilterLogEvents', {
        logGroupName: `/aws/lambda/${this.name}`,
        startTime: this.#from,
        ...(this.#filter && { filterPattern: this.#filter }),
        ...(nextToken && { nextToken }),
      });
    } catch (error) {
      // A function that has never run has no group.
      if (hasCode(error, 'ResourceNotFoundException')) return { events: [] };
      throw error;
    }
  }

  #fresh(lines: readonly LogLine[]): readonly LogLine[] {
    const fresh = lines.filter(({ eventId }) => !this.#seen.has(eventId));
    for (const { eventId, timestamp } of fresh) this.#seen.set(eventId, timestamp);
    const newest = Math.max(this.#from + OVERLAP_MS, ...fresh.map(({ timestamp }) => timestamp));
    this.#from = Math.max(this.#from, newest - OVERLAP_MS);
    this.#seen = new Map([...this.#seen].filter(([, timestamp]) => timestamp >= this.#from));
    return fresh;
  }
}

async function functionNames(
  given: readonly string[],
  client: Client,
  stackName: string,
  terminal: Terminal,
): Promise<readonly string[]> {
  const ids = await new RemoteStack(stackName, client, terminal, systemClock)
    .physicalIds('AWS::Lambda::Function')
    .catch((error: unknown) => {
      if (hasCode(error, 'ValidationError')) return new Map<string, string>();
      throw error;
    });
  if (given.length > 0) return given.map((name) => ids.get(name) ?? name);
  if (ids.size === 0)
    throw new CommandError(`stack ${stackName} has no function: name one, or a stack with --stack-name`);
  return [...ids.values()];
}

const UNITS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `10m` in milliseconds. */
export function readAge(text: string): number {
  const match = /^(\d{1,6})([smhd])$/.exec(text);
  if (!match) throw new UsageError(`--since must be a number and s, m, h or d (30s, 10m, 2h), not "${text}"`);
  return Number(match[1]) * UNITS[match[2]!]!;
}

function show(tail: Tail, line: LogLine, width: number, terminal: Terminal): void {
  const time = paint(terminal.colours, 'grey', new Date(line.timestamp).toISOString());
  const name = width > 0 ? ` ${paint(terminal.colours, tail.colour, tail.name.padEnd(width))}` : '';
  const message = line.message.trimEnd();
  const shown = /\bERROR\b|Task timed out/.test(message) ? paint(terminal.colours, 'red', message) : message;
  terminal.out(`${time}${name} ${shown}\n`);
}

function ignoreAbort(error: unknown): void {
  if (!isAbort(error) && !(typeof error === 'string')) throw error;
}
