/*
 * The compression of MD5 for four messages at once, as WebAssembly: their words stand in the four lanes of vectors. One message is a chain
 * of additions that no processor does two of at a time; four chains side by side take little longer than one.
 *
 *     compress(p0, p1, p2, p3, blocks, state)    p: where each message's next block stands; state: A, B, C, D as vectors, read and written
 *
 * @see RFC 1321, 3.4; WebAssembly core specification, 5 (binary format)
 */

/** Where the caller must have written {@link md5Constants}. */
export const CONSTANTS_AT = 0;

/** The additive constants, 64 words. */
export function md5Constants(): Uint32Array {
  return Uint32Array.from({ length: 64 }, (_, step) => Math.floor(2 ** 32 * Math.abs(Math.sin(step + 1))));
}

const SHIFTS = [
  [7, 12, 17, 22],
  [5, 9, 14, 20],
  [4, 11, 16, 23],
  [6, 10, 15, 21],
] as const;

/** Which word of the block each step takes, by round. */
const WORDS: readonly ((step: number) => number)[] = [
  (step) => step,
  (step) => (5 * step + 1) % 16,
  (step) => (3 * step + 5) % 16,
  (step) => (7 * step) % 16,
];

const [BLOCKS, STATE] = [4, 5];
/** Locals behind the parameters: the state, the state before the block, one for rotating, four for rows, and the block's words. */
const [VARS, SAVED, TEMP, ROWS, MESSAGE, LOCALS] = [6, 10, 14, 15, 19, 29];
const [I32, V128] = [0x7f, 0x7b];

const get = (local: number) => [0x20, ...leb(local)];
const set = (local: number) => [0x21, ...leb(local)];
const tee = (local: number) => [0x22, ...leb(local)];
const constant = (value: number) => [0x41, ...signedLeb(value)];
const simd = (code: number) => [0xfd, ...leb(code)];
const load = (offset: number) => [...simd(0x00), 0, ...leb(offset)];
const loadSplat = (offset: number) => [...simd(0x09), 2, ...leb(offset)];
const store = (offset: number) => [...simd(0x0b), 0, ...leb(offset)];
const shuffle = (words: readonly number[]) => [
  ...simd(0x0d),
  ...words.flatMap((word) => [0, 1, 2, 3].map((byte) => word * 4 + byte)),
];
const [NOT, AND, AND_NOT, OR, XOR] = [simd(0x4d), simd(0x4e), simd(0x4f), simd(0x50), simd(0x51)] as const;
const [SHIFT_LEFT, SHIFT_RIGHT, ADD] = [simd(0xab), simd(0xad), simd(0xae)] as const;

/** LEB128 of an unsigned number. */
function leb(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...leb(value >>> 7)];
}

/** The same of a signed one that is not negative. */
function signedLeb(value: number): number[] {
  return value < 0x40 ? [value] : [(value & 0x7f) | 0x80, ...signedLeb(value >>> 7)];
}

/** Words of four messages that stand one message a vector, to one word of all messages a vector. */
function loadWords(): number[] {
  const [low, high] = [
    [0, 4, 1, 5],
    [2, 6, 3, 7],
  ] as const;
  const [lows, highs] = [
    [0, 1, 4, 5],
    [2, 3, 6, 7],
  ] as const;
  const pair = (first: number, second: number, words: readonly number[], into: number) => [
    ...get(first),
    ...get(second),
    ...shuffle(words),
    ...set(into),
  ];
  return [0, 1, 2, 3].flatMap((quarter) => {
    const word = wordLocal(quarter * 4);
    const [t0, t1, t2, t3] = [word, word + 1, word + 2, word + 3] as const;
    return [
      ...[0, 1, 2, 3].flatMap((lane) => [...get(lane), ...load(quarter * 16), ...set(ROWS + lane)]),
      ...pair(ROWS, ROWS + 1, low, t0),
      ...pair(ROWS + 2, ROWS + 3, low, t1),
      ...pair(ROWS, ROWS + 1, high, t2),
      ...pair(ROWS + 2, ROWS + 3, high, t3),
      // Each half holds two words of two messages.
      ...pair(t0, t1, lows, ROWS),
      ...pair(t0, t1, highs, ROWS + 1),
      ...pair(t2, t3, lows, ROWS + 2),
      ...pair(t2, t3, highs, ROWS + 3),
      ...[0, 1, 2, 3].flatMap((row) => [...get(ROWS + row), ...set(word + row)]),
    ];
  });
}

const wordLocal = (word: number) => MESSAGE + word;

/** The function of a round, added to what is on the stack. What does not wait for `b` comes first. */
function addMixed(round: number, b: number, c: number, d: number): number[] {
  switch (round) {
    case 0:
      return [...get(c), ...get(d), ...XOR, ...get(b), ...AND, ...get(d), ...XOR, ...ADD];
    case 1:
      return [...get(c), ...get(d), ...AND_NOT, ...ADD, ...get(b), ...get(d), ...AND, ...ADD];
    case 2:
      return [...get(c), ...get(d), ...XOR, ...get(b), ...XOR, ...ADD];
    default:
      return [...get(d), ...NOT, ...get(b), ...OR, ...get(c), ...XOR, ...ADD];
  }
}

function steps(): number[] {
  const code: number[] = [];
  let [a, b, c, d] = [VARS, VARS + 1, VARS + 2, VARS + 3];
  for (let step = 0; step < 64; step++) {
    const round = step >> 4;
    const shift = SHIFTS[round]![step & 3]!;
    code.push(...constant(0), ...loadSplat(CONSTANTS_AT + step * 4));
    code.push(...get(wordLocal(WORDS[round]!(step))), ...ADD, ...get(a), ...ADD, ...addMixed(round, b, c, d));
    code.push(...tee(TEMP), ...constant(shift), ...SHIFT_LEFT, ...get(TEMP), ...constant(32 - shift), ...SHIFT_RIGHT);
    code.push(...OR, ...get(b), ...ADD, ...set(a));
    [a, b, c, d] = [d, a, b, c];
  }
  return code;
}

function body(): number[] {
  const vectors = [0, 1, 2, 3] as const;
  const ends = [0x0b];
  return [
    ...vectors.flatMap((at) => [...get(STATE), ...load(at * 16), ...set(VARS + at)]),
    ...[0x03, 0x40],
    ...vectors.flatMap((at) => [...get(VARS + at), ...set(SAVED + at)]),
    ...loadWords(),
    ...steps(),
    ...vectors.flatMap((at) => [...get(VARS + at), ...get(SAVED + at), ...ADD, ...set(VARS + at)]),
    ...vectors.flatMap((lane) => [...get(lane), ...constant(64), 0x6a, ...set(lane)]),
    ...[...get(BLOCKS), ...constant(1), 0x6b, ...tee(BLOCKS), 0x0d, 0x00],
    ...ends,
    ...vectors.flatMap((at) => [...get(STATE), ...get(VARS + at), ...store(at * 16)]),
    ...ends,
  ];
}

const vector = (items: readonly (readonly number[])[]) => [...leb(items.length), ...items.flat()];
const sized = (bytes: readonly number[]) => [...leb(bytes.length), ...bytes];
const section = (id: number, ...items: readonly (readonly number[])[]) => [id, ...sized(vector(items))];
const name = (text: string) => sized([...Buffer.from(text)]);

/** The module; it imports `env.memory`, which is shared, has `pages` of 64 KiB and does not grow. */
export function md5Module(pages: number): Uint8Array<ArrayBuffer> {
  const parameters = Array.from({ length: 6 }, () => [I32]);
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...section(1, [0x60, ...vector(parameters), 0]),
    ...section(2, [...name('env'), ...name('memory'), 0x02, 0x03, ...leb(pages), ...leb(pages)]),
    ...section(3, [0]),
    ...section(7, [...name('compress'), 0x00, 0]),
    ...section(10, sized([...vector([[...leb(LOCALS), V128]]), ...body()])),
  ]);
}
