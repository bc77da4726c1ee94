import { type Command, type CommandRow, columns, defineCommand, EXIT, helpOf, UsageError } from './command.ts';
import { closest } from './suggest.ts';

/** What `millrace help` shows. */
export function overview(rows: readonly CommandRow[]): string {
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

/** The row of `name`; @throws UsageError naming the closest command */
export function findCommand(rows: readonly CommandRow[], name: string): CommandRow {
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

export function helpCommand(rows: readonly CommandRow[]): Command {
  return defineCommand({
    name: 'help',
    summary: 'Show the list of commands, or the help of one command.',
    positionals: { usage: '[COMMAND]', min: 0, max: 1 },
    options: {},
    examples: [['millrace help dev', 'what dev does and takes']],
    async run({ positionals: [name], terminal }) {
      terminal.out(name === undefined ? overview(rows) : helpOf(await findCommand(rows, name).load()));
      return EXIT.ok;
    },
  });
}
