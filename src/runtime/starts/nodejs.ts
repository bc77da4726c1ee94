import { join } from 'node:path';
import type { Logger } from '../../telemetry/index.ts';
import type { Launch, RuntimeFamily } from './launch.ts';
import type { NodeBinaries, NodeBinary } from './nodejs-binaries.ts';
import { NODE_FLAGS, type NodeImage } from './nodejs-image.ts';
import type { NodejsSdk } from './nodejs-sdk.ts';
import { PROCESS_VARIABLES } from './process-variables.ts';
import type { SnapshotMaker } from './snapshots.ts';

const NAME = /^nodejs(18|20|22|24)\.x$/;
/** Node 18 is past its end of life, and AWS has closed `nodejs18.x` to new functions: what is left of them runs on the next one. */
const OLDEST_MAJOR = 20;
/** Where native addons of a function and its layers look for libraries, as on Lambda; the loader reads it once, at the start. */
const LIBRARIES = '/var/task:/var/task/lib:/opt/lib';

/** The Node runtimes, each on a Node of its own major version. */
export class NodejsFamily implements RuntimeFamily {
  readonly #binaries: NodeBinaries;
  readonly #image: NodeImage;
  readonly #sdk: NodejsSdk | undefined;
  readonly #logger: Logger;
  readonly snapshots: SnapshotMaker;

  /** @param sdk  what functions find of AWS's SDK; absent where there is none */
  constructor(
    binaries: NodeBinaries,
    image: NodeImage,
    snapshots: SnapshotMaker,
    sdk: NodejsSdk | undefined,
    logger: Logger,
  ) {
    this.#binaries = binaries;
    this.#image = image;
    this.#sdk = sdk;
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
    const launch = (found: NodeBinary) => launchOf(found, this.#image, this.#sdk);
    return binary instanceof Promise ? binary.then(launch) : launch(binary);
  }

  close(): Promise<void> {
    return this.#image.close();
  }
}

/** What starts a blank process of this Node. */
export function launchOf(binary: NodeBinary, image: NodeImage, sdk?: NodejsSdk): Launch {
  const { path, version } = binary;
  return {
    key: `nodejs ${version}`,
    command: [path, ...NODE_FLAGS, join(image.directory, 'start.js')],
    environment: { ...PROCESS_VARIABLES, LD_LIBRARY_PATH: LIBRARIES },
    urgentEnvironment: { MILLRACE_PRELOAD: 'none' },
    readable: [path, image.directory, ...(sdk?.readable ?? [])],
    ...(sdk && { modules: sdk.modules }),
    version,
    prepare: () => image.compile(binary),
    prepares: true,
    attends: true,
  };
}
