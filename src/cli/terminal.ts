/** Where a command writes. Results go to `out`, progress and errors to `err`, so that output can be piped. */
export interface Terminal {
  out(text: string | Uint8Array): void;
  err(text: string): void;
  /** Whether `out` is a person's terminal that shows colours. */
  readonly colours: boolean;
  /** Whether `err` is one. */
  readonly errColours: boolean;
}

type Stream = Pick<NodeJS.WriteStream, 'write' | 'isTTY'>;

/** The terminal of the process. `NO_COLOR` (https://no-color.org) turns colours off. */
export function processTerminal(
  env: Readonly<Record<string, string | undefined>>,
  out: Stream = process.stdout,
  err: Stream = process.stderr,
): Terminal {
  const plain = Boolean(env.NO_COLOR) || env.TERM === 'dumb';
  return {
    out: (text) => void out.write(text),
    err: (text) => void err.write(text),
    colours: !plain && out.isTTY === true,
    errColours: !plain && err.isTTY === true,
  };
}

export type Colour = 'red' | 'green' | 'yellow' | 'blue' | 'magenta' | 'cyan' | 'grey' | 'bold';

const CODES: Record<Colour, number> = {
  red: 31,
  green: 32,
  yellow: 33,
  blue: 34,
  magenta: 35,
  cyan: 36,
  grey: 90,
  bold: 1,
};

/** Wraps `text` in an ANSI colour when `on`. */
export function paint(on: boolean, colour: Colour, text: string): string {
  return on ? `\u001b[${CODES[colour]}m${text}\u001b[0m` : text;
}

/** Whoever has made a text may have put escape sequences and line feeds into it: a terminal must not obey them. */
export function printable(text: string): string {
  return text.replace(/[\t\r\n]+/g, ' ').replace(/\p{Cc}/gu, '\u{fffd}');
}
