import type { Launch, RuntimeFamily } from './launch.ts';
import { launchOf } from './nodejs.ts';
import type { NodeImage } from './nodejs-image.ts';

const NAME = /^provided\.(al2|al2023)$/;
/**
 * The blank process that becomes a function's own runtime, or supervises extensions: by the Node that runs the node itself, which
 * is there, and new enough for `process.execve`. The functions of that Node's own runtime share the pool of them.
 */
export function supervisorOf(image: NodeImage): Launch {
  return launchOf({ path: process.execPath, version: process.versions.node }, image);
}

/** Functions that bring their own runtime, a `bootstrap` that speaks the Runtime API: Rust, Go, C, shell. */
export function provided(supervisor: Launch): RuntimeFamily {
  return {
    serves: (runtime) => NAME.test(runtime),
    launch: (runtime) => ({ ...supervisor, version: NAME.exec(runtime)![1]!, speaks: 'http' }),
  };
}
