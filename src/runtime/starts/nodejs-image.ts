import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { chmod, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Clock } from '../../base/index.ts';
import type { Logger } from '../../telemetry/index.ts';
import type { NodeBinary } from './nodejs-binaries.ts';

/** `runtimes/` stands beside `src/` in a checkout and beside `dist/` in the package. */
const SOURCES = fileURLToPath(new URL('../../../runtimes/nodejs', import.meta.url));
/**
 * What every process of the runtime is started with; V8 refuses code and snapshots that were made under others.
 *
 * Between two invocations an environment stands still, and a timer that has come due meanwhile fires in the next one. Eight seconds
 * after a collection V8's memory reducer begins another by such a timer: whoever called after a pause would wait for it.
 */
export const NODE_FLAGS: readonly string[] = ['--no-memory-reducer'];
const IMAGE = 'image.js';
const UNFINISHED = '.tmp';
/** Compiling takes 0.1 s; a machine that is busy takes longer, and one on which it hangs does without. */
const COMPILE_MS_MAX = 30_000;

/**
 * The Node runtime as processes start it: a copy of `runtimes/nodejs` with `image.js`, all its modules in one file, and for each exact
 * Node what V8 has compiled of that. It spares a start a fifth of its time. Made of nothing but our own files, by a process that never
 * sees a function's: compiled code is not verified by V8, so nobody else may have a hand in it.
 */
export class NodeImage {
  /** Folder of the copy; named by what is in it. */
  readonly directory: string;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #compiling = new Map<string, Promise<void>>();
  readonly #closing = new AbortController();

  private constructor(directory: string, clock: Clock, logger: Logger) {
    this.directory = directory;
    this.#clock = clock;
    this.#logger = logger;
  }

  /** Makes the copy where it is missing, and removes those of other versions. @param directory  for it alone */
  static open(directory: string, clock: Clock, logger: Logger): NodeImage {
    const image = imageOf(SOURCES);
    const name = nameOf(SOURCES, image);
    mkdirSync(directory, { recursive: true });
    for (const other of readdirSync(directory)) {
      if (other !== name) rmSync(join(directory, other), { recursive: true, force: true });
    }
    const folder = join(directory, name);
    if (!existsSync(folder)) copyWith(image, folder);
    return new NodeImage(folder, clock, logger);
  }

  /** Has V8 compile it ahead, once for each Node. Never rejects: without that a start takes longer, nothing else. */
  compile(binary: NodeBinary): Promise<void> {
    const known = this.#compiling.get(binary.version);
    if (known !== undefined) return known;
    const compiling = this.#compile(binary).catch((error: unknown) => {
      if (!this.#closing.signal.aborted) this.#logger.warn('Node runtime is not compiled ahead', { error });
    });
    this.#compiling.set(binary.version, compiling);
    return compiling;
  }

  /** Ends what is under way. */
  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.all(this.#compiling.values());
  }

  async #compile({ path, version }: NodeBinary): Promise<void> {
    const cache = join(this.directory, `${version}-${process.arch}.cache`);
    if (existsSync(cache)) return;
    const unfinished = `${cache}${UNFINISHED}`;
    // The channel to the node, which says at once that there is no more to do.
    const nothing = openSync('/dev/null', 'r+');
    try {
      const child = spawn(path, [...NODE_FLAGS, join(this.directory, 'start.js')], {
        env: { MILLRACE_COMPILE: unfinished },
        stdio: ['ignore', 'ignore', 'ignore', nothing],
        killSignal: 'SIGKILL',
        signal: this.#closing.signal,
      });
      const timer = this.#clock.timer(COMPILE_MS_MAX, () => child.kill('SIGKILL'));
      const status = await new Promise<unknown>((resolve) => child.once('error', resolve).once('close', resolve));
      timer.cancel();
      if (status !== 0) throw status instanceof Error ? status : new Error(`it ended with ${String(status)}`);
      await chmod(unfinished, 0o644);
      await rename(unfinished, cache);
    } finally {
      closeSync(nothing);
      await rm(unfinished, { force: true });
    }
  }
}

/**
 * The modules of a folder, each a function as Node itself wraps them, and a `require` that finds them by the name that they use among
 * each other. What it does not know (builtin modules, modules of folders below) it leaves to Node.
 */
function imageOf(folder: string): string {
  const modules = modulesOf(folder).map(
    (file) =>
      `${JSON.stringify(`./${file}`)}(require, module, exports, __dirname) {${readFileSync(join(folder, file), 'utf8')}\n},\n`,
  );
  return `(function (native, folder) {
const modules = { __proto__: null,
${modules.join('')}};
const loaded = { __proto__: null };
function load(id) {
  if (loaded[id]) return loaded[id].exports;
  if (!modules[id]) return native(id);
  const module = { __proto__: null, exports: {} };
  loaded[id] = module;
  modules[id](load, module, module.exports, folder);
  return module.exports;
}
load('./bootstrap.js');
})`;
}

function modulesOf(folder: string): readonly string[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.js') && name !== 'start.js')
    .sort();
}

/** By all that the copy holds, and what it is run with. */
function nameOf(folder: string, image: string): string {
  const hash = createHash('sha256').update(NODE_FLAGS.join(' ')).update(image);
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) hash.update(`\0${entry.name}\0`).update(readFileSync(join(entry.parentPath, entry.name)));
  }
  return hash.digest('hex').slice(0, 20);
}

/** Whole or absent, whatever happens meanwhile. */
function copyWith(image: string, folder: string): void {
  const unfinished = `${folder}${UNFINISHED}`;
  rmSync(unfinished, { recursive: true, force: true });
  cpSync(SOURCES, unfinished, { recursive: true });
  writeFileSync(join(unfinished, IMAGE), image);
  showToAll(unfinished);
  renameSync(unfinished, folder);
}

/** Whatever mask the node was started with: the users of sandboxes read it. */
function showToAll(folder: string): void {
  chmodSync(folder, 0o755);
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    chmodSync(join(entry.parentPath, entry.name), entry.isDirectory() ? 0o755 : 0o644);
  }
}
