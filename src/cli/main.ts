import { DomainError, messageOf } from '../base/index.ts';
import { type Command, CommandError, type CommandGroup, EXIT, helpOf, parseCommandLine } from './command.ts';
import { COMMANDS } from './commands.ts';
import { findCommand, groupOverview, isGroup, overview } from './help.ts';
import { processTerminal, type Terminal } from './terminal.ts';

const ALIASES: Readonly<Record<string, string>> = {
  '--version': 'version',
  '-v': 'version',
  '--help': 'help',
  '-h': 'help',
};

/**
 * Runs one command line.
 *
 * @param argv  the arguments after the program's name
 * @returns the exit code (docs/cli.md); errors are printed, never thrown
 */
export async function main(
  argv: readonly string[],
  terminal: Terminal = processTerminal(process.env),
): Promise<number> {
  try {
    return await run(argv, terminal);
  } catch (error) {
    terminal.err(`millrace: ${describe(error)}\n`);
    return error instanceof CommandError ? error.exitCode : EXIT.failed;
  }
}

async function run(argv: readonly string[], terminal: Terminal): Promise<number> {
  const [first, ...rest] = argv;
  if (first === undefined) {
    terminal.err(overview(COMMANDS));
    return EXIT.usage;
  }
  const row = findCommand(COMMANDS, ALIASES[first] ?? first);
  if (isGroup(row)) return runVerb(row, rest, terminal);
  return runCommand(await row.load(), rest, terminal);
}

async function runVerb(group: CommandGroup, [verb, ...rest]: readonly string[], terminal: Terminal): Promise<number> {
  if (verb === undefined || wantsHelp([verb])) {
    terminal[verb === undefined ? 'err' : 'out'](groupOverview(group));
    return verb === undefined ? EXIT.usage : EXIT.ok;
  }
  return runCommand(await findCommand(group.verbs, `${group.name} ${verb}`).load(), rest, terminal);
}

async function runCommand(command: Command, rest: readonly string[], terminal: Terminal): Promise<number> {
  if (wantsHelp(rest)) {
    terminal.out(helpOf(command));
    return EXIT.ok;
  }
  const parsed = parseCommandLine(command, rest);
  return command.run({ ...parsed, terminal, env: process.env, cwd: process.cwd() });
}

function wantsHelp(args: readonly string[]): boolean {
  const end = args.indexOf('--');
  const options = end < 0 ? args : args.slice(0, end);
  return options.includes('--help') || options.includes('-h');
}

/** A stack helps only where the fault is ours. */
function describe(error: unknown): string {
  if (error instanceof CommandError || error instanceof DomainError) return error.message;
  return error instanceof Error && error.stack ? `internal error: ${error.stack}` : messageOf(error);
}
