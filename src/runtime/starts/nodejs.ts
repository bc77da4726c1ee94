import { fileURLToPath } from 'node:url';
import type { Logger } from '../../telemetry/index.ts';
import type { Launch, RuntimeFamily } from './launch.ts';
import type { NodeBinaries, NodeBinary } from './nodejs-binaries.ts';
import { PROCESS_VARIABLES } from './process-variables.ts';
import type { SnapshotMaker } from './snapshots.ts';

const NAME = /^nodejs(18|20|22|24)\.x$/;
/** Node 18 is past its end of life, and AWS has closed `nodejs18.x` to new functions: what is left of them runs on the next one. */
const OLDEST_MAJOR = 20;
/** `runtimes/` stands beside `src/` in a checkout and beside `dist/` in the package. */
const FOLDER = fileURLToPath(new URL('../../../runtimes/nodejs', import.meta.url));
/** Where native addons of a function and its layers look for libraries, as on Lambda; the loader reads it once, at the start. */
const LIBRARIES = '/var/task:/var/task/lib:/opt/lib';

/** The Node runtimes, each on a Node of its own major version. */
export class NodejsFamily implements RuntimeFamily {
  readonly #binaries: NodeBinaries;
  readonly #logger: Logger;
  readonly snapshots: SnapshotMaker;

  constructor(binaries: NodeBinaries, snapshots: SnapshotMaker, logger: Logger) {
    this.#binaries = binaries;
    this.snapshots = snapshots;
    this.#logger = logger;
  }

  serves(runtime: string): boolean {
    return NAME.test(runtime);
  }

  launch(runtime: string): Launch | Promise<Launch> {
    const named = Number(NAME.exec(runtime)![1]);
    if (named < OLDEST_MAJOR) this.#logger.warn('runtime runs on a newer Node.js', { runtime, major: OLDEST_MAJOR });
    const binary = this.#binaries.of(Math.max(named, OLDEST_MAJOR));
    return binary instanceof Promise ? binary.then(launchOf) : launchOf(binary);
  }
}

/** What starts a blank process of this Node. */
export function launchOf({ path, version }: NodeBinary): Launch {
  return {
    key: `nodejs ${version}`,
    command: [path, `${FOLDER}/bootstrap.js`],
    environment: { ...PROCESS_VARIABLES, LD_LIBRARY_PATH: LIBRARIES },
    urgentEnvironment: { MILLRACE_PRELOAD: 'none' },
    readable: [path, FOLDER],
    version,
    attends: true,
  };
}
