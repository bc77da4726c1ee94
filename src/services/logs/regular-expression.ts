/**
 * Regular expressions of filter patterns, matched in a time that grows with the line alone: they are kept, and whatever is logged is held
 * against them, so that one which backtracks for ever (`(a+)+$`, `.*.*.*x`) would stop the node for everybody, at each of its starts.
 *
 *   expression = branch ('|' branch)*        branch = '^'? ( atom ('*' | '+' | '?' | '{' m (',' n?)? '}')? )* '$'?
 *   atom       = '.' | '[' '^'? ( char | char '-' char )+ ']' | char        char = literal | '\' ( 'd' | 'w' | 's' | 'xhh' | literal )
 *
 * There are no groups, as on AWS: a branch is a row of atoms, and what it can be at is a set of places in that row.
 *
 * @see CloudWatch Logs user guide, "Supported regular expressions (regex) syntax"
 */

/** Atoms of an expression, each counted as often as it must or may come. */
const ATOMS_MAX = 1_024;

type Range = readonly [from: number, to: number];

/** Characters that an atom takes. */
interface Characters {
  readonly ranges: readonly Range[];
  readonly isNegated: boolean;
}

interface Place {
  readonly takes: (code: number) => boolean;
  readonly mayBeLeftOut: boolean;
  readonly mayComeAgain: boolean;
}

interface Branch {
  readonly places: readonly Place[];
  readonly atStart: boolean;
  readonly atEnd: boolean;
}

/** @returns a test of lines; `undefined` for a text that is no such expression */
export function compileExpression(source: string): ((line: string) => boolean) | undefined {
  const reader = new Reader(source);
  const branches = reader.branches();
  return branches && ((line) => branches.some((branch) => isFound(branch, line)));
}

function isFound({ places, atStart, atEnd }: Branch, line: string): boolean {
  const end = places.length;
  let here = new Uint8Array(end + 1);
  let next = new Uint8Array(end + 1);
  enter(here, 0, places);
  for (let at = 0; at < line.length; at++) {
    if (here[end] && !atEnd) return true;
    const code = line.charCodeAt(at);
    next.fill(0);
    for (let place = 0; place < end; place++) {
      if (here[place] && places[place]!.takes(code))
        enter(next, places[place]!.mayComeAgain ? place : place + 1, places);
    }
    if (!atStart) enter(next, 0, places);
    [here, next] = [next, here];
  }
  return here[end] === 1;
}

/** Being at a place is being at the next one too, where it may be left out. */
function enter(set: Uint8Array, from: number, places: readonly Place[]): void {
  for (let place = from; !set[place]; place++) {
    set[place] = 1;
    if (!places[place]?.mayBeLeftOut) return;
  }
}

const CLASSES: Readonly<Record<string, readonly Range[]>> = {
  d: [[48, 57]],
  w: [
    [48, 57],
    [65, 90],
    [95, 95],
    [97, 122],
  ],
  s: [
    [9, 13],
    [32, 32],
    [160, 160],
  ],
};

class Reader {
  readonly #source: string;
  #at = 0;
  #atoms = 0;

  constructor(source: string) {
    this.#source = source;
  }

  branches(): readonly Branch[] | undefined {
    const found: Branch[] = [];
    do {
      const branch = this.#branch();
      if (!branch) return undefined;
      found.push(branch);
    } while (this.#take('|'));
    return this.#at === this.#source.length ? found : undefined;
  }

  #branch(): Branch | undefined {
    const places: Place[] = [];
    const atStart = this.#take('^');
    while (this.#at < this.#source.length && !/^(\||\$(\||$))/.test(this.#source.slice(this.#at, this.#at + 2))) {
      const characters = this.#atom();
      const times = characters && this.#times();
      if (!times) return undefined;
      const [least, most] = times;
      this.#atoms += Number.isFinite(most) ? most : least + 1;
      if (least > most || this.#atoms > ATOMS_MAX) return undefined;
      const takes = taking(characters);
      const place = (mayBeLeftOut: boolean, mayComeAgain = false) => ({ takes, mayBeLeftOut, mayComeAgain });
      for (let time = 0; time < least; time++) places.push(place(false));
      if (!Number.isFinite(most)) places.push(place(true, true));
      else for (let time = least; time < most; time++) places.push(place(true));
    }
    return { places, atStart, atEnd: this.#take('$') };
  }

  #atom(): Characters | undefined {
    if (this.#take('.'))
      return {
        ranges: [
          [10, 10],
          [13, 13],
        ],
        isNegated: true,
      };
    if (this.#take('[')) return this.#set();
    const next = this.#source[this.#at]!;
    if ('()*+?{}]^$'.includes(next)) return undefined;
    const ranges = this.#character();
    return ranges && { ranges, isNegated: false };
  }

  #set(): Characters | undefined {
    const isNegated = this.#take('^');
    const ranges: Range[] = [];
    while (!this.#take(']')) {
      if (this.#at >= this.#source.length) return undefined;
      const from = this.#character();
      if (!from) return undefined;
      if (this.#source[this.#at] === '-' && this.#source[this.#at + 1] !== ']') {
        this.#at++;
        const to = this.#at < this.#source.length ? this.#character() : undefined;
        if (!to || from[0]![0] > to[0]![1]) return undefined;
        ranges.push([from[0]![0], to[0]![1]]);
      } else ranges.push(...from);
    }
    return ranges.length === 0 ? undefined : { ranges, isNegated };
  }

  #character(): readonly Range[] | undefined {
    const code = this.#source.charCodeAt(this.#at++);
    if (code !== 92) return [[code, code]];
    const escaped = this.#source[this.#at++];
    if (escaped === undefined) return undefined;
    if (CLASSES[escaped]) return CLASSES[escaped];
    if (escaped === 'x') {
      const hex = /^[\da-f]{2}/i.exec(this.#source.slice(this.#at))?.[0];
      if (!hex) return undefined;
      this.#at += 2;
      return [[Number.parseInt(hex, 16), Number.parseInt(hex, 16)]];
    }
    // What other letters and digits stand for elsewhere (borders of words, what was found before) there is not.
    return /[a-z0-9]/i.test(escaped) ? undefined : [[escaped.charCodeAt(0), escaped.charCodeAt(0)]];
  }

  #times(): Range | undefined {
    if (this.#take('*')) return [0, Number.POSITIVE_INFINITY];
    if (this.#take('+')) return [1, Number.POSITIVE_INFINITY];
    if (this.#take('?')) return [0, 1];
    if (this.#source[this.#at] !== '{') return [1, 1];
    const match = /^\{(\d{1,4})(?:(,)(\d{1,4})?)?\}/.exec(this.#source.slice(this.#at));
    if (!match) return undefined;
    this.#at += match[0].length;
    const [, least, comma, most] = match;
    if (comma === undefined) return [Number(least), Number(least)];
    return [Number(least), most === undefined ? Number.POSITIVE_INFINITY : Number(most)];
  }

  #take(text: string): boolean {
    if (this.#source[this.#at] !== text) return false;
    this.#at++;
    return true;
  }
}

function taking({ ranges, isNegated }: Characters): (code: number) => boolean {
  const within = (code: number) => ranges.some(([from, to]) => code >= from && code <= to);
  const ascii = Uint8Array.from({ length: 128 }, (_, code) => Number(within(code) !== isNegated));
  return (code) => (code < 128 ? ascii[code] === 1 : within(code) !== isNegated);
}
