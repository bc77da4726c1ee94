import { parseArgs } from 'node:util';
import { closest } from './suggest.ts';
import type { Terminal } from './terminal.ts';

/** Exit codes of every command; documented in docs/cli.md. */
export const EXIT = {
  ok: 0,
  /** The command ran and failed: a stack rolled back, a function threw. */
  failed: 1,
  /** The command line or the configuration is wrong; nothing was done. */
  usage: 2,
  /** The node did not answer, or refused the call. */
  unreachable: 3,
  /** A second signal ended it before it had drained. */
  forced: 130,
} as const;

/** An expected failure of a command: its message says what to do; `main` prints it without a stack. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly exitCode: number;

  constructor(message: string, options: { exitCode?: number; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.exitCode = options.exitCode ?? EXIT.failed;
  }
}

/** The command line is wrong: exit code 2. */
export class UsageError extends CommandError {
  constructor(message: string) {
    super(message, { exitCode: EXIT.usage });
  }
}

interface OptionHelp {
  /** One line for `--help`. */
  readonly help: string;
  /** A one-letter form. */
  readonly short?: string;
}

export type Option =
  | (OptionHelp & { readonly type: 'flag' })
  | (OptionHelp & {
      readonly type: 'text';
      /** Stands for the value in the help: `NAME`. */
      readonly value: string;
      readonly default?: string;
      readonly choices?: readonly string[];
    })
  | (OptionHelp & { readonly type: 'list'; readonly value: string })
  | (OptionHelp & {
      readonly type: 'number';
      readonly value: string;
      readonly min: number;
      readonly max: number;
      readonly default?: number;
    });

export type Options = Readonly<Record<string, Option>>;

type ValueOf<O extends Option> = O extends { type: 'flag' }
  ? boolean
  : O extends { type: 'list' }
    ? readonly string[]
    : O extends { type: 'number'; default: number }
      ? number
      : O extends { type: 'number' }
        ? number | undefined
        : O extends { default: string }
          ? string
          : string | undefined;

export type Values<O extends Options> = { readonly [K in keyof O]: ValueOf<O[K]> };

/** What a command gets to work with. */
export interface Invocation<O extends Options = Options> {
  readonly values: Values<O>;
  readonly positionals: readonly string[];
  readonly terminal: Terminal;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
}

/** One command of the command line: a file each. */
export interface Command<O extends Options = any> {
  readonly name: string;
  /** One sentence, as the list of commands shows it. */
  readonly summary: string;
  /** Positional arguments as the usage line shows them: `[DIR]`, `FUNCTION`. */
  readonly positionals?: { readonly usage: string; readonly min: number; readonly max: number };
  readonly options: O;
  /** Command lines that work as they stand, with what they do. */
  readonly examples: readonly (readonly [commandLine: string, meaning: string])[];
  /** @returns the exit code */
  run(invocation: Invocation<O>): Promise<number>;
}

/** A command as the list shows it; its file is loaded only when it runs, so that starting costs one file. */
export interface CommandRow {
  readonly name: string;
  readonly summary: string;
  load(): Promise<Command>;
}

/** Commands that belong together: `millrace devices create`. The verbs are rows of two words each: `devices create`. */
export interface CommandGroup {
  readonly name: string;
  readonly summary: string;
  readonly verbs: readonly CommandRow[];
}

/** Gives the literal types of `command.options` to its `run`. */
export function defineCommand<const O extends Options>(command: Command<O>): Command<O> {
  return command;
}

export interface ParsedArguments {
  readonly values: Values<any>;
  readonly positionals: readonly string[];
}

/**
 * Reads the arguments after the command's name.
 *
 * @throws UsageError  an unknown option (with the closest known one), a missing or bad value, too few or too many positionals
 */
export function parseCommandLine(command: Command, argv: readonly string[]): ParsedArguments {
  const options = command.options as Options;
  const { tokens } = parseArgs({
    args: [...argv],
    options: Object.fromEntries(
      Object.entries(options).map(([name, option]) => [
        name,
        { type: option.type === 'flag' ? 'boolean' : 'string', ...(option.short ? { short: option.short } : {}) },
      ]),
    ) as Record<string, { type: 'boolean' | 'string'; short?: string }>,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const values: Record<string, unknown> = defaults(options);
  const positionals: string[] = [];
  for (const token of tokens) {
    if (token.kind === 'positional') positionals.push(token.value);
    if (token.kind !== 'option') continue;
    const option = options[token.name];
    if (!option) throw unknownOption(command, token.rawName);
    const value = readValue(token.name, option, token.value);
    values[token.name] = option.type === 'list' ? [...(values[token.name] as string[]), value] : value;
  }
  checkPositionals(command, positionals);
  return { values: values as Values<any>, positionals };
}

function defaults(options: Options): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(options).map(([name, option]) => {
      if (option.type === 'flag') return [name, false];
      return [name, option.type === 'list' ? [] : option.default];
    }),
  );
}

function readValue(name: string, option: Option, text: string | undefined): string | number | boolean {
  if (option.type === 'flag') {
    if (text !== undefined) throw new UsageError(`--${name} takes no value`);
    return true;
  }
  if (text === undefined) throw new UsageError(`--${name} needs a value: --${name} ${option.value}`);
  if (option.type === 'number') return readNumber(name, option, text);
  if (option.type === 'text' && option.choices && !option.choices.includes(text)) {
    throw new UsageError(`--${name} must be one of ${option.choices.join(', ')}, not "${text}"`);
  }
  return text;
}

function readNumber(name: string, option: Option & { type: 'number' }, text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isInteger(value) && value >= option.min && value <= option.max) return value;
  throw new UsageError(`--${name} must be a whole number from ${option.min} to ${option.max}, not "${text}"`);
}

function unknownOption(command: Command, rawName: string): UsageError {
  const known = Object.keys(command.options).map((name) => `--${name}`);
  const near = closest(rawName, known);
  const hint = near ? `; did you mean ${near}?` : '';
  return new UsageError(
    `unknown option ${rawName} for "${command.name}"${hint} (millrace ${command.name} --help lists them)`,
  );
}

function checkPositionals(command: Command, positionals: readonly string[]): void {
  const { usage = '', min = 0, max = 0 } = command.positionals ?? {};
  if (positionals.length < min) throw new UsageError(`millrace ${command.name} needs ${usage}`);
  if (positionals.length > max) {
    throw new UsageError(
      `unexpected argument "${positionals[max]}": usage is millrace ${command.name} ${usage}`.trim(),
    );
  }
}

/** The text of `millrace COMMAND --help`. */
export function helpOf(command: Command): string {
  const rows = Object.entries(command.options as Options).map(([name, option]) => [
    `${option.short ? `-${option.short}, ` : '    '}--${name}${option.type === 'flag' ? '' : ` ${option.value}`}`,
    `${option.help}${notesOn(option)}`,
  ]);
  const usage = ['millrace', command.name, command.positionals?.usage, rows.length ? '[options]' : undefined];
  const parts = [`Usage: ${usage.filter(Boolean).join(' ')}`, command.summary];
  if (rows.length) parts.push(`Options:\n${columns(rows)}`);
  if (command.examples.length) {
    parts.push(`Examples:\n${command.examples.map(([line, meaning]) => `  # ${meaning}\n  ${line}`).join('\n')}`);
  }
  return `${parts.join('\n\n')}\n`;
}

function notesOn(option: Option): string {
  const choices = 'choices' in option && option.choices ? [option.choices.join(', ')] : [];
  const standard = 'default' in option && option.default !== undefined ? [`default ${option.default}`] : [];
  const notes = [...choices, ...standard];
  return notes.length === 0 ? '' : ` (${notes.join('; ')})`;
}

/** Rows of two columns, the second one aligned. */
export function columns(rows: readonly (readonly string[])[]): string {
  const width = Math.max(...rows.map(([first]) => first!.length));
  return rows.map(([first, second]) => `  ${first!.padEnd(width)}  ${second}`).join('\n');
}
