import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { messageOf, parseArn } from '../base/index.ts';
import { type Client, ENDPOINT_OPTIONS, openClient } from './client.ts';
import { CommandError, defineCommand, EXIT, UsageError, type Values } from './command.ts';
import { closest } from './suggest.ts';
import { paint, printable, type Terminal } from './terminal.ts';

const PATH = '/_millrace/dead-letters';
/** Name under which calls of the node's own routes are signed. */
const SERVICE = 'millrace';
/** Letters of one page of a list. */
const PAGE = 200;

const OPTIONS = {
  place: { type: 'text', value: 'ARN', help: 'only those in this queue, or "outbox" for those that have none' },
  source: { type: 'text', value: 'TEXT', help: 'only those whose source has this in it' },
  target: { type: 'text', value: 'TEXT', help: 'only those whose target has this in it' },
  reason: { type: 'text', value: 'TEXT', help: 'only those whose error code or message has this in it' },
  text: { type: 'text', value: 'TEXT', help: 'only those whose body has this in it' },
  limit: { type: 'number', value: 'N', min: 1, max: 100_000, default: 50, help: 'list so many at most' },
  body: { type: 'text', value: 'BODY', help: 'redrive with this body instead: text, @FILE, or - for stdin' },
  to: { type: 'text', value: 'ARN', help: 'redrive to this ARN or URL instead' },
  all: { type: 'flag', help: 'redrive or discard all that the filters mean' },
  json: { type: 'flag', help: 'print JSON: list one object a line' },
  ...ENDPOINT_OPTIONS,
} as const;

type Given = Values<typeof OPTIONS>;

/** What every verb gets. */
interface Call {
  readonly client: Client;
  readonly ids: readonly string[];
  readonly values: Given;
  readonly terminal: Terminal;
  readonly cwd: string;
}

const VERBS: Readonly<Record<string, (call: Call) => Promise<number>>> = { list, show, redrive, discard };

export const deadLetters = defineCommand({
  name: 'dead-letters',
  summary: 'List what was given up, show one with its trace, send it back, edited or not, or discard it.',
  positionals: { usage: 'list | show ID | redrive [ID...] | discard [ID...]', min: 1, max: 1001 },
  options: OPTIONS,
  examples: [
    ['millrace dead-letters list', 'the first 50, wherever they lie'],
    ['millrace dead-letters list --reason TypeError --json | jq -r .id', 'ids of those that failed with one error'],
    ['millrace dead-letters show ID', 'why, how often, from where to where, its trace and its body'],
    ['millrace dead-letters redrive ID --body \'{"order":7}\'', 'send one back with another body'],
    ['millrace dead-letters redrive --all --target detector', 'send back all that were meant for a function'],
    ['millrace dead-letters discard --all --place arn:aws:sqs:us-east-1:000000000000:orders-dead', 'empty a queue'],
  ],
  async run({ values, positionals: [verb = '', ...ids], terminal, env, cwd }) {
    const run = VERBS[verb];
    if (!run) {
      const near = closest(verb, Object.keys(VERBS));
      const hint = near ? `; did you mean "${near}"?` : '';
      throw new UsageError(`unknown verb "${verb}"${hint} (list, show, redrive and discard are there)`);
    }
    return run({ client: await openClient(values, env), ids, values, terminal, cwd });
  },
});

/** A dead letter as the node's API has it (docs/dead-letters.md). */
interface Letter {
  readonly id: string;
  readonly place: string;
  readonly target?: string;
  readonly source?: string;
  readonly errorCode?: string;
  readonly errorMessage?: string;
  readonly attempts?: number;
  readonly sentAt: number;
  readonly givenUpAt?: number;
  readonly traceId?: string;
}

interface WholeLetter extends Letter {
  readonly body: string;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly spans: readonly {
    readonly spanId: string;
    readonly parentSpanId?: string;
    readonly name: string;
    readonly durationMs: number;
    readonly error?: string;
  }[];
}

async function list({ client, ids, values, terminal }: Call): Promise<number> {
  if (ids.length > 0) throw new UsageError('list takes no id: "millrace dead-letters show ID" shows one');
  let left = values.limit;
  let shown = 0;
  let next: string | undefined;
  do {
    const query = new URLSearchParams({ ...filterOf(values), limit: String(Math.min(left, PAGE)) });
    if (next !== undefined) query.set('after', next);
    const page = (await client.rest(SERVICE, 'GET', `${PATH}?${query}`)) as { letters: Letter[]; next?: string };
    for (const letter of page.letters)
      terminal.out(values.json ? `${JSON.stringify(letter)}\n` : line(letter, terminal));
    shown += page.letters.length;
    left -= page.letters.length;
    next = page.next;
  } while (next !== undefined && left > 0);
  if (shown === 0) terminal.err('there are none\n');
  else if (next !== undefined) terminal.err(`${shown} are shown and there may be more: --limit or a filter\n`);
  return EXIT.ok;
}

async function show({ client, ids, values, terminal }: Call): Promise<number> {
  const [id] = ids;
  if (id === undefined || ids.length > 1) throw new UsageError('millrace dead-letters show needs one ID');
  const letter = (await client.rest(SERVICE, 'GET', `${PATH}/${encodeURIComponent(id)}`)) as WholeLetter;
  if (values.json) terminal.out(`${JSON.stringify(letter)}\n`);
  else {
    terminal.err(story(letter, terminal));
    terminal.out(`${letter.body}\n`);
  }
  return EXIT.ok;
}

async function redrive({ client, ids, values, terminal, cwd }: Call): Promise<number> {
  if (values.all) {
    if (values.body !== undefined) throw new UsageError('--body is the body of one letter: leave out --all');
    return bulk('redrive', client, ids, values, terminal);
  }
  if (values.body !== undefined && ids.length !== 1) throw new UsageError('--body goes with one ID');
  const body = values.body === undefined ? undefined : await readBody(values.body, cwd);
  const change = { ...(body !== undefined && { body }), ...(values.to !== undefined && { to: values.to }) };
  return each('redrive', ids, terminal, async (id) => {
    const answer = await client.rest(SERVICE, 'POST', `${PATH}/${encodeURIComponent(id)}/redrive`, change);
    return `sent back to ${answer.to}`;
  });
}

async function discard({ client, ids, values, terminal }: Call): Promise<number> {
  if (values.all) return bulk('discard', client, ids, values, terminal);
  return each('discard', ids, terminal, async (id) => {
    await client.rest(SERVICE, 'DELETE', `${PATH}/${encodeURIComponent(id)}`);
    return 'discarded';
  });
}

/** One after the other, going on past those that fail. */
async function each(
  verb: string,
  ids: readonly string[],
  terminal: Terminal,
  work: (id: string) => Promise<string>,
): Promise<number> {
  if (ids.length === 0) throw new UsageError(`millrace dead-letters ${verb} needs an ID, or --all`);
  let failed = 0;
  for (const id of ids) {
    try {
      terminal.err(`${id}: ${await work(id)}\n`);
    } catch (error) {
      if (error instanceof CommandError && error.exitCode === EXIT.unreachable) throw error;
      failed++;
      terminal.err(`${id}: ${messageOf(error)}\n`);
    }
  }
  return failed === 0 ? EXIT.ok : EXIT.failed;
}

/** All that the filters mean and that was there when it began, call by call. */
async function bulk(
  verb: 'redrive' | 'discard',
  client: Client,
  ids: readonly string[],
  values: Given,
  terminal: Terminal,
): Promise<number> {
  if (ids.length > 0) throw new UsageError('an ID and --all exclude each other');
  const filter = filterOf(values);
  const to = verb === 'redrive' && values.to !== undefined ? { to: values.to } : {};
  let done = 0;
  let failed = 0;
  let after: string | undefined;
  do {
    const input = { ...filter, ...to, ...(after !== undefined && { after }) };
    const answer = await client.rest(SERVICE, 'POST', `${PATH}/${verb}`, input);
    done += answer.done;
    failed += answer.failed;
    for (const { id, message } of answer.failures) terminal.err(`${id}: ${message}\n`);
    after = answer.next;
  } while (after !== undefined);
  const what = verb === 'redrive' ? 'sent back' : 'discarded';
  terminal.err(`${done} ${what}${failed > 0 ? `, ${failed} could not be and are where they were` : ''}\n`);
  if (values.json) terminal.out(`${JSON.stringify({ done, failed })}\n`);
  return failed === 0 ? EXIT.ok : EXIT.failed;
}

function filterOf({ place, source, target, reason, text: body }: Given): Record<string, string> {
  const given = Object.entries({ place, source, target, reason, text: body });
  return Object.fromEntries(given.filter((pair): pair is [string, string] => pair[1] !== undefined));
}

async function readBody(given: string, cwd: string): Promise<string> {
  if (given === '-') return text(process.stdin);
  if (!given.startsWith('@')) return given;
  const file = resolve(cwd, given.slice(1));
  return readFile(file, 'utf8').catch((error: unknown) => {
    throw new UsageError(`--body ${given} cannot be read: ${messageOf(error)}`);
  });
}

/** When, why, from where to where, how often, and the id to go on with. */
function line(letter: Letter, { colours }: Terminal): string {
  const { id, errorCode, attempts, givenUpAt, sentAt } = letter;
  const columns = [
    paint(colours, 'grey', new Date(givenUpAt ?? sentAt).toISOString()),
    errorCode === undefined ? 'no reason noted' : paint(colours, 'red', printable(errorCode)),
    printable(wayOf(letter)),
    attempts === undefined ? '' : `${attempts}x`,
    paint(colours, 'grey', id),
  ];
  return `${columns.filter((column) => column !== '').join('  ')}\n`;
}

/** From where to where; what was sent to its queue as any message is was given up by nobody. */
function wayOf({ source, target, place }: Letter): string {
  const from = source === undefined ? 'unknown sender' : nameOf(source);
  return target === undefined ? `sent to ${nameOf(place)} by ${from}` : `${from} -> ${nameOf(target)}`;
}

function story(letter: WholeLetter, { errColours }: Terminal): string {
  const { errorCode, errorMessage, source, target, place, attempts, sentAt, givenUpAt, traceId } = letter;
  const rows: readonly (readonly [string, string | number | undefined])[] = [
    ['reason', [errorCode, errorMessage].filter((part) => part !== undefined).join(': ') || 'none was noted'],
    ['from', source ?? 'unknown sender'],
    ['to', target ?? 'nowhere else: it was sent where it lies; redrive it with --to'],
    ['lies in', place],
    ['tries', attempts],
    ['sent', new Date(sentAt).toISOString()],
    ['given up', givenUpAt === undefined ? undefined : new Date(givenUpAt).toISOString()],
    ...Object.entries(letter.attributes).map(([name, value]): [string, string] => [name, plain(value)]),
    ['trace', traceId],
    ...letter.spans.map(({ name, durationMs, error }): [string, string] => [
      '',
      `${name} ${durationMs.toFixed(1)} ms${error === undefined ? '' : ` ${error}`}`,
    ]),
  ];
  return rows
    .filter(([, value]) => value !== undefined && value !== '')
    .map(([name, value]) => `${paint(errColours, 'grey', printable(name).padEnd(18))} ${printable(String(value))}\n`)
    .join('');
}

function plain(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function nameOf(id: string): string {
  const names = parseArn(id)?.resource.split(/[:/]/) ?? [id];
  return names.at(-1) === '$LATEST' ? names.at(-2)! : names.at(-1)!;
}
