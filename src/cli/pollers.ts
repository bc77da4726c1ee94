import { systemClock } from '../base/index.ts';
import { readAge } from './age.ts';
import { type Client, ENDPOINT_OPTIONS, openClient } from './client.ts';
import { CommandError, defineCommand, EXIT, UsageError } from './command.ts';
import type { Terminal } from './terminal.ts';

/** A mapping as the node lists it. */
interface Listed {
  readonly uuid: string;
  readonly functionName: string;
  readonly sourceArn: string;
  readonly status: string;
  readonly paused: readonly string[];
  readonly lastResult: string;
  readonly depth?: number;
  readonly ageMs?: number;
  readonly records: number;
  readonly retries: number;
  readonly discarded: number;
}

const VERBS = ['list', 'pause', 'resume', 'replay'];

export const pollers = defineCommand({
  name: 'pollers',
  summary:
    'Show event source mappings and how far behind they are; pause and resume them; read a stream again from a time on. MAPPING is an id, how it begins, or the name of a function with one mapping.',
  positionals: { usage: 'list|pause|resume|replay [MAPPING]', min: 1, max: 2 },
  options: {
    from: { type: 'text', value: 'TIME', help: 'replay from then: 2026-01-31T12:00:00Z, or an age: 30m, 2h, 1d' },
    json: { type: 'flag', help: 'print what the node answers' },
    ...ENDPOINT_OPTIONS,
  },
  examples: [
    ['millrace pollers list', 'depth, age and last result of every mapping'],
    ['millrace pollers pause detector', 'finish what runs and read no more, across restarts'],
    ['millrace pollers resume detector', 'go on where it was'],
    ['millrace pollers replay detector --from 2h', 'read the stream again as it was two hours ago'],
  ],
  async run({ values, positionals: [verb, name], terminal, env }) {
    if (!VERBS.includes(verb!)) throw new UsageError(`there is no "${verb}": say ${VERBS.join(', ')}`);
    if (verb !== 'list' && name === undefined) throw new UsageError(`say which mapping to ${verb}`);
    if ((verb === 'replay') !== (values.from !== undefined))
      throw new UsageError('--from belongs to replay, and replay needs it');
    const body = values.from === undefined ? undefined : { from: readTime(values.from, systemClock.now()) };
    const client = await openClient(values, env);
    const all = await listed(client);
    if (verb === 'list') {
      const shown = name === undefined ? all : all.filter((one) => isMeant(one, name));
      print(shown, values.json, terminal);
      return EXIT.ok;
    }
    const { uuid } = choose(all, name!);
    const answer = await client.rest('lambda', 'POST', `/_millrace/mappings/${uuid}/${verb}`, body);
    if (values.json) terminal.out(`${JSON.stringify(answer)}\n`);
    else terminal.err(`${DONE[verb!]} ${uuid}\n`);
    return EXIT.ok;
  },
});

const DONE: Readonly<Record<string, string>> = { pause: 'paused', resume: 'resumed', replay: 'replaying' };

/** A time as ISO 8601, or how long ago. */
function readTime(text: string, now: number): string {
  if (/^\d{4}-/.test(text) && !Number.isNaN(Date.parse(text))) return new Date(text).toISOString();
  return new Date(now - readAge('--from', text)).toISOString();
}

async function listed(client: Client): Promise<readonly Listed[]> {
  return (await client.rest('lambda', 'GET', '/_millrace/mappings')).mappings;
}

function isMeant({ uuid, functionName }: Listed, name: string): boolean {
  return functionName === name || uuid.startsWith(name);
}

function choose(all: readonly Listed[], name: string): Listed {
  const found = all.filter((one) => isMeant(one, name));
  if (found.length === 1) return found[0]!;
  const ids = found.map(({ uuid, sourceArn }) => `\n  ${uuid}  ${sourceArn}`).join('');
  if (ids !== '') throw new CommandError(`${name} is not one mapping; say which by its id:${ids}`);
  throw new CommandError(`there is no mapping ${name}: "millrace pollers list" shows all`);
}

function print(mappings: readonly Listed[], json: boolean, terminal: Terminal): void {
  if (json) return terminal.out(`${JSON.stringify(mappings)}\n`);
  if (mappings.length === 0) return terminal.err('there are no event source mappings\n');
  const rows = mappings.map((one) => [
    one.uuid.slice(0, 8),
    one.functionName,
    sourceName(one.sourceArn),
    one.paused.length > 0 ? 'Paused' : one.status,
    one.depth === undefined ? '-' : String(one.depth),
    one.ageMs === undefined ? '-' : `${(one.ageMs / 1000).toFixed(1)} s`,
    String(one.records),
    String(one.retries),
    String(one.discarded),
    one.lastResult,
  ]);
  const table = [HEADINGS, ...rows];
  const widths = HEADINGS.map((_, column) => Math.max(...table.map((row) => row[column]!.length)));
  for (const row of table) {
    terminal.out(
      `${row
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join('  ')
        .trimEnd()}\n`,
    );
  }
}

const HEADINGS = ['ID', 'FUNCTION', 'SOURCE', 'STATE', 'DEPTH', 'AGE', 'DONE', 'RETRIES', 'DROPPED', 'LAST RESULT'];

/** `kinesis:readings`, `sqs:work`. */
function sourceName(arn: string): string {
  const [, , service, , , ...resource] = arn.split(':');
  return `${service}:${resource.join(':').split('/').slice(-1)}`;
}
