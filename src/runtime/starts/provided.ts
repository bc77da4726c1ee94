import type { Launch, RuntimeFamily } from './launch.ts';
import { nodejs } from './nodejs.ts';

const NAME = /^provided\.(al2|al2023)$/;

/** The blank process that becomes a function's own runtime, or supervises extensions: any Node that can `process.execve`. */
export const SUPERVISOR = nodejs.launch('nodejs24.x') as Launch;

/** Functions that bring their own runtime, a `bootstrap` that speaks the Runtime API: Rust, Go, C, shell. */
export const provided: RuntimeFamily = {
  serves: (runtime) => NAME.test(runtime),
  launch: (runtime): Launch => ({ ...SUPERVISOR, version: NAME.exec(runtime)![1]!, speaks: 'http' }),
};
