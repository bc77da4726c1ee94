/**
 * Execution environments of each kind of start, inside the node and in the strongest sandbox that the machine runs: from the request
 * for a place to the answer. Beside plain `node` and `python3` for the same file, from their start to the handler's answer; both take turns,
 * and the spread is that of the rounds' medians. Then how soon a hundred of them run that all wait, from none; and what an idle one holds once
 * it is frozen (PSS of all its processes).
 * Cold starts find a blank environment ready, as they do unless they come faster than the pool is refilled; the code cache was made by a
 * first start, which is not counted. A kind of start that this machine or this version does not have is skipped by name.
 * Not measured: HTTP (see `invoke.ts`), several functions at once (see `overload.ts`), the making of snapshots.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../src/base/index.ts';
import type { FunctionSpec, RuntimeOptions } from '../src/runtime/index.ts';
import { LinuxMachine } from '../src/runtime/machine/linux.ts';
import { blanksFor, RESERVE_LIMITS } from '../src/runtime/starts/reserve.ts';
import { descendants } from './cores.ts';
import { type Figure, formatFigure, median, skipped, spreadOf } from './figure.ts';
import { BenchRuntime, bundleWithClient, SMALL } from './runtime.ts';

const ROUNDS = 3;
/** Of each round. */
const COLD_STARTS = 8;
const PLAIN_STARTS = 3;
const MANY = 100;
const MANY_MS_MAX = 20_000;
/** A burst that finds nothing ready. */
const BARE = 20;
/** Time in which the pools begin to fill. */
const FILL_MS = 1_000;
/** Idle environments that share the pages of the program among them: of a few, each is charged with several MB more. */
const IDLE = 16;
/** What the init of a function with SnapStart takes. */
const INIT_MS = 500;

const SLOW_NODE = `const end = Date.now() + ${INIT_MS}; while (Date.now() < end); exports.handler = async (e) => ({ ok: e.n });`;
const SLOW_PYTHON = `import time\ntime.sleep(${INIT_MS / 1000})\ndef handler(event, context):\n    return {'ok': event['n']}\n`;
const TINY_PYTHON = `def handler(event, context):\n    return {'ok': event['n']}\n`;
const BOTO_PYTHON = `import boto3\nclient = boto3.client('kinesis', region_name='us-east-1')\n${TINY_PYTHON}`;

/** About two minutes. */
export async function run(): Promise<Figure[]> {
  const bundle = await bundleWithClient();
  const size = `${Math.round(bundle.length / 1024)} KB`;
  return [
    ...(await starts(bundle, size)),
    ...(await manyAtOnce()),
    await idleMemory('1 KB handler', SMALL, 15),
    await idleMemory(`${size} bundle`, bundle, 26),
  ];
}

async function starts(bundle: Buffer, size: string): Promise<Figure[]> {
  await using house = await BenchRuntime.open();
  const where = `in sandbox ${house.runtime.engine}`;
  using programs = new DisposableStack();
  const node = (code: string | Buffer) =>
    programs.use(new PlainProgram(process.execPath, 'plain.cjs', code, CALL_NODE));
  const python = (code: string) => programs.use(new PlainProgram('python3', 'plain.py', code, CALL_PYTHON));
  const inPython = (code: string, more: Partial<FunctionSpec> = {}) =>
    house.spec(code, { ...PYTHON, ...more }, 'index.py');
  const boto3 = python(BOTO_PYTHON);
  return [
    await cold(house, `Node, 1 KB handler, ${where}`, 2, node(SMALL), () => house.spec(SMALL)),
    await cold(house, `Node, ${size} bundle with an AWS client, ${where}`, 12, node(bundle), () => house.spec(bundle)),
    await restored(house, `Node, init of ${INIT_MS} ms`, 60, node(SLOW_NODE), house.spec(SLOW_NODE, PUBLISHED)),
    await cold(house, `Python, tiny handler, ${where}`, 3, python(TINY_PYTHON), () => inPython(TINY_PYTHON)),
    await restored(house, `Python, init of ${INIT_MS} ms`, 6, python(SLOW_PYTHON), inPython(SLOW_PYTHON, PUBLISHED)),
    (await boto3.start()) === undefined
      ? skipped('start from a snapshot, Python with boto3, p50', 'boto3 is not installed')
      : await restored(house, 'Python with boto3', 6, boto3, inPython(BOTO_PYTHON, PUBLISHED)),
  ];
}

const PUBLISHED: Partial<FunctionSpec> = { version: '1', snapStart: true };
const PYTHON: Partial<FunctionSpec> = { runtime: 'python3.13' };
const CALL_NODE = '\nmodule.exports.handler({ n: 1 }).then(() => process.stdout.write("."));\n';
const CALL_PYTHON = `\nimport sys\nhandler({'n': 1}, None)\nsys.stdout.write('.')\nsys.stdout.flush()\n`;

async function cold(
  house: BenchRuntime,
  what: string,
  targetMs: number,
  program: PlainProgram,
  spec: () => FunctionSpec,
): Promise<Figure> {
  const name = `cold start, ${what}, p50`;
  try {
    // The pool of a runtime begins to fill when it is first asked for.
    await house.invoke(spec());
    return await byTurns(name, targetMs, program, () => house.coldStarts(spec(), COLD_STARTS));
  } catch (error) {
    return skipped(name, messageOf(error));
  }
}

async function restored(
  house: BenchRuntime,
  what: string,
  targetMs: number,
  program: PlainProgram,
  spec: FunctionSpec,
): Promise<Figure> {
  const name = `start from a snapshot, ${what}, p50`;
  try {
    return await byTurns(name, targetMs, program, () => restores(house, spec));
  } catch (error) {
    return skipped(name, messageOf(error));
  }
}

/** Times of starts from a new snapshot, milliseconds; the first one is not counted. @throws Error  there is none, or one started otherwise */
async function restores(house: BenchRuntime, spec: FunctionSpec): Promise<readonly number[]> {
  const outcome = await house.runtime.snapshot(spec);
  if (outcome.kind === 'off') throw new Error(outcome.reason);
  const times: number[] = [];
  using held = new DisposableStack();
  held.defer(() => house.runtime.retire(spec.arn));
  for (let i = 0; i <= COLD_STARTS; i++) {
    await sleep(150);
    const start = performance.now();
    // Each keeps its environment, so that the next one needs another.
    const slot = held.use(await house.runtime.reserve(spec, { wait: true }));
    const { metering } = await house.invokeIn(slot);
    if (metering.start !== 'restored') throw new Error(`the start was ${metering.start}`);
    if (i > 0) times.push(performance.now() - start);
  }
  return times;
}

/** Starts of ours and of the program alone, in the same seconds. */
async function byTurns(
  name: string,
  targetMs: number,
  program: PlainProgram,
  starts: () => Promise<readonly number[]>,
): Promise<Figure> {
  const rounds: (readonly number[])[] = [];
  const plain: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    for (let i = 0; i < PLAIN_STARTS; i++) {
      const elapsedMs = await program.start();
      if (elapsedMs !== undefined) plain.push(elapsedMs);
    }
    rounds.push(await starts());
  }
  const floor = plain.length > 0 ? { name: 'plain start', value: median(plain) } : undefined;
  return { ...atMost(name, median(rounds.flat()), 'ms', targetMs, floor), spread: spreadOf(rounds.map(median)) };
}

/**
 * From no environment to a hundred that run at once: none of their invocations ends before all have begun. With all that a node keeps
 * ready by default, and what one takes of a burst that finds nothing of it.
 */
async function manyAtOnce(): Promise<Figure[]> {
  const wanted = blanksFor(LinuxMachine.open());
  const kept = `${wanted} blanks and ${wanted * RESERVE_LIMITS.hullsPerBlank} sandboxes kept ready`;
  const walls: number[] = [];
  for (let round = 0; round < ROUNDS; round++) walls.push(await burst({ blanks: undefined }, MANY));
  const bareMs = await burst({ blanks: 0 }, BARE);
  return [
    { ...atMost(`0 to ${MANY} environments, ${kept}`, median(walls), 'ms', 1_500), spread: spreadOf(walls) },
    { name: `one environment beyond what is kept ready, of ${BARE} at once`, value: bareMs / BARE, unit: 'ms' },
  ];
}

/** @returns milliseconds until all have begun */
async function burst(options: Partial<RuntimeOptions>, count: number): Promise<number> {
  let begun = 0;
  const logs = {
    write: (_group: string, _stream: string, _at: number, line: string) => void (line.startsWith('START') && begun++),
  };
  await using house = await BenchRuntime.open({ logs, drainMs: 0, ...options });
  // What is kept for bursts is started when a function has used the runtime.
  await house.invoke(house.spec(SMALL));
  const spec = house.spec(`exports.handler = () => new Promise((done) => setTimeout(done, ${MANY_MS_MAX}));`);
  await sleep(FILL_MS);
  while (!house.runtime.blanksFull) await sleep(100);
  begun = 0;
  const start = performance.now();
  for (let i = 0; i < count; i++) void house.invoke(spec, {}, false).catch(() => {});
  while (begun < count && performance.now() - start < MANY_MS_MAX) await sleep(2);
  return performance.now() - start;
}

/** PSS of what an environment consists of, once it is frozen. */
async function idleMemory(what: string, code: string | Buffer, targetMb: number): Promise<Figure> {
  await using house = await BenchRuntime.open({ blanks: 0 });
  const spec = house.spec(code);
  // The first one makes the code cache, which is part of what the others hold.
  await house.invoke(spec);
  await sleep(200);
  house.runtime.retire(spec.arn);
  await sleep(200);
  const others = new Set(descendants());
  const slots = await Promise.all(Array.from({ length: IDLE }, () => house.runtime.reserve(spec, { wait: true })));
  for (const slot of slots) await house.invokeIn(slot);
  for (const slot of slots) slot[Symbol.dispose]();
  await sleep(1_000);
  const bytes = descendants().reduce((sum, pid) => sum + (others.has(pid) ? 0 : pssOf(pid)), 0) / IDLE;
  return atMost(`memory of an idle frozen Node environment (PSS), ${what}`, bytes / 1024 ** 2, 'MB', targetMb);
}

function pssOf(pid: number): number {
  try {
    return Number(/^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}

/** A program that calls the handler itself. */
class PlainProgram implements Disposable {
  readonly #program: string;
  readonly #directory = mkdtempSync(join(tmpdir(), 'millrace-bench-plain-'));
  readonly #path: string;

  constructor(program: string, file: string, code: string | Buffer, call: string) {
    this.#program = program;
    this.#path = join(this.#directory, file);
    writeFileSync(this.#path, Buffer.concat([Buffer.from(code), Buffer.from(call)]));
  }

  /** Milliseconds from its start to the handler's answer; nothing where the program, or what it imports, is not there. */
  async start(): Promise<number | undefined> {
    const start = performance.now();
    const child = spawn(this.#program, [this.#path], { stdio: ['ignore', 'pipe', 'ignore'] });
    const exit = once(child, 'exit');
    try {
      const [answer] = await Promise.race([once(child.stdout, 'data'), exit]);
      const elapsedMs = performance.now() - start;
      await exit;
      return answer instanceof Buffer ? elapsedMs : undefined;
    } catch {
      return undefined;
    }
  }

  [Symbol.dispose](): void {
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

function atMost(name: string, value: number, unit: string, target: number, floor?: Figure['floor']): Figure {
  const held = floor ? { floor, ratio: value / floor.value } : {};
  return { name, value, unit, ...held, target: { value: target, met: value <= target } };
}

if (import.meta.main) for (const figure of await run()) process.stdout.write(`${formatFigure(figure)}\n`);
