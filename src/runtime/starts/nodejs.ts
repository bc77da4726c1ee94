import { fileURLToPath } from 'node:url';
import type { Launch, RuntimeFamily } from './launch.ts';
import { PROCESS_VARIABLES } from './process-variables.ts';

const NAME = /^nodejs[0-9]+\.x$/;
/** `runtimes/` stands beside `src/` in a checkout and beside `dist/` in the package. */
const FOLDER = fileURLToPath(new URL('../../../runtimes/nodejs', import.meta.url));

/** The Node runtimes: all of them by the Node that runs the node itself. */
export const nodejs: RuntimeFamily = {
  serves: (runtime) => NAME.test(runtime),
  launch: (): Launch => ({
    key: `nodejs ${process.version}`,
    command: [process.execPath, `${FOLDER}/bootstrap.js`],
    environment: PROCESS_VARIABLES,
    urgentEnvironment: { MILLRACE_PRELOAD: 'none' },
    readable: [process.execPath, FOLDER],
    version: process.version.slice(1),
  }),
};
