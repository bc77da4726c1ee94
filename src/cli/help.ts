import {
  type Command,
  type CommandGroup,
  type CommandRow,
  columns,
  defineCommand,
  EXIT,
  helpOf,
  UsageError,
} from './command.ts';
import { closest } from './suggest.ts';

/** What `millrace help` shows. */
export function overview(rows: readonly (CommandRow | CommandGroup)[]): string {
  const list = columns(rows.map(({ name, summary }) => [name, summary]));
  return `Usage: millrace COMMAND [options]

Commands:
${list}

Examples:
  # a node on this machine, with the application in this folder
  millrace dev
  # what a function answers, and what it writes
  millrace invoke detector --payload '{"hello":1}'
  millrace logs detector -f

millrace COMMAND --help explains one command, with examples.
`;
}

/** What `millrace devices` shows. */
export function groupOverview({ name, summary, verbs }: CommandGroup): string {
  const list = columns(verbs.map((verb) => [verb.name.slice(name.length + 1), verb.summary]));
  return `Usage: millrace ${name} VERB [options]

${summary}.

Verbs:
${list}

millrace ${name} VERB --help explains one verb, with examples.
`;
}

export function isGroup(row: CommandRow | CommandGroup): row is CommandGroup {
  return 'verbs' in row;
}

/** The row of `name`; @throws UsageError naming the closest command */
export function findCommand<Row extends CommandRow | CommandGroup>(rows: readonly Row[], name: string): Row {
  const row = rows.find((one) => one.name === name);
  if (row) return row;
  const near = closest(
    name,
    rows.map((one) => one.name),
  );
  throw new UsageError(
    `unknown command "${name}"${near ? `; did you mean "${near}"?` : ''} (millrace help lists them)`,
  );
}

export function helpCommand(rows: readonly (CommandRow | CommandGroup)[]): Command {
  return defineCommand({
    name: 'help',
    summary: 'Show the list of commands, or the help of one command.',
    positionals: { usage: '[COMMAND]', min: 0, max: 2 },
    options: {},
    examples: [['millrace help dev', 'what dev does and takes']],
    async run({ positionals: [name, verb], terminal }) {
      terminal.out(name === undefined ? overview(rows) : await helpAbout(rows, name, verb));
      return EXIT.ok;
    },
  });
}

async function helpAbout(
  rows: readonly (CommandRow | CommandGroup)[],
  name: string,
  verb: string | undefined,
): Promise<string> {
  const row = findCommand(rows, name);
  if (!isGroup(row)) return helpOf(await row.load());
  return verb === undefined ? groupOverview(row) : helpOf(await findCommand(row.verbs, `${name} ${verb}`).load());
}
