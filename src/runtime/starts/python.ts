import { execFile } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { DomainError } from '../../base/index.ts';
import type { Logger } from '../../telemetry/index.ts';
import type { RuntimeErrorCode } from '../runtime.ts';
import type { Launch, RuntimeFamily } from './launch.ts';
import { PROCESS_VARIABLES } from './process-variables.ts';
import type { SnapshotMaker } from './snapshots.ts';

/** The runtimes that AWS has or had: `python3.8` to `python3.14`. */
const NAME = /^python3\.(8|9|1[0-4])$/;
/** Below it the runtime's own code does not run. */
const MINOR_MIN = 8;
/** An interpreter that does not say who it is by then is none. */
const PROBE_MS_MAX = 10_000;
/** `runtimes/` stands beside `src/` in a checkout and beside `dist/` in the package. */
const FOLDER = fileURLToPath(new URL('../../../runtimes/python', import.meta.url));
/** What an interpreter says of itself: asked in isolation, so that nothing of ours or the user's answers instead. */
const PROBE =
  'import json,os,sys;print(json.dumps({"executable":os.path.realpath(sys.executable),"version":list(sys.version_info[:3]),"prefix":sys.base_prefix}))';

const run = promisify(execFile);

interface Interpreter {
  /** The program itself, not a link or script that leads to it. */
  readonly executable: string;
  readonly version: readonly [major: number, minor: number, micro: number];
  /** Where its standard library is installed. */
  readonly prefix: string;
}

/**
 * The Python runtimes, by interpreters that the machine has: `python3.12` by that name, else by its `python3` whatever version
 * that is, which is said aloud: once by the node, and in the log of each function that asked for another.
 */
export function python(logger: Logger, snapshots: SnapshotMaker): RuntimeFamily {
  return {
    snapshots,
    serves: (runtime) => NAME.test(runtime),
    launch: async (runtime) => {
      const interpreter = await findInterpreter(runtime);
      const launch = launchOf(interpreter, runtime);
      compileOurs(interpreter);
      if (launch.notice) logger.warn('python runtime by another version', { runtime, notice: launch.notice });
      return launch;
    },
  };
}

/**
 * Keeps the byte code of the runtime beside it, as Python does by itself where it may write: sandboxes only read there, and to compile
 * it takes a third of an urgent start. Not of the rehearsal, which is there to compile. Where the node may not write either, starts are slower and nothing else.
 */
function compileOurs({ executable }: Interpreter): void {
  run(executable, ['-I', '-m', 'compileall', '-q', '-x', '/rehearsal/', FOLDER], { timeout: PROBE_MS_MAX }).catch(
    () => {},
  );
}

function launchOf({ executable, version, prefix }: Interpreter, runtime: string): Launch {
  const exact = version.join('.');
  const same = runtime === `python${version[0]}.${version[1]}`;
  return {
    key: `python ${executable} ${exact}`,
    // No byte code is written: not beside the function's code, which is read-only, nor beside ours.
    command: [executable, '-X', 'utf8', '-s', '-B', join(FOLDER, 'bootstrap.py')],
    environment: PROCESS_VARIABLES,
    urgentEnvironment: { MILLRACE_PRELOAD: 'none' },
    readable: [executable, prefix, FOLDER],
    version: exact,
    forks: true,
    ...(same ? {} : { notice: `${runtime} is run by Python ${exact}: this machine has no python${runtime.slice(6)}` }),
  };
}

/** @throws runtime-unavailable */
async function findInterpreter(runtime: string): Promise<Interpreter> {
  const wanted = Number(runtime.slice('python3.'.length));
  for (const program of programsNamed(runtime)) {
    const found = await probe(program);
    if (found?.version[1] === wanted) return found;
  }
  for (const program of programsNamed('python3')) {
    const found = await probe(program);
    if (found && found.version[1] >= MINOR_MIN) return found;
  }
  throw new DomainError<RuntimeErrorCode>(
    'runtime-unavailable',
    `this machine has no Python for ${runtime}: install ${runtime}, or a python3 of version 3.${MINOR_MIN} or later`,
    { remedy: 'never', fields: { runtime } },
  );
}

/** The system's own first: it has the packages that the system installs, such as boto3, and every user may read it. */
function programsNamed(name: string): readonly string[] {
  const folders = ['/usr/bin', '/usr/local/bin', ...(process.env.PATH ?? '').split(delimiter)];
  return [...new Set(folders)].map((folder) => join(folder, name)).filter(isProgram);
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** @returns `undefined` when it cannot say what it is: a version manager's script for a version that it does not have */
async function probe(program: string): Promise<Interpreter | undefined> {
  try {
    const { stdout } = await run(program, ['-I', '-c', PROBE], { timeout: PROBE_MS_MAX });
    return JSON.parse(stdout) as Interpreter;
  } catch {
    return undefined;
  }
}
