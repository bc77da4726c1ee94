import { closeSync, existsSync, openSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Failure } from '../environments/life-cycle.ts';
import type { Placement } from '../sandbox/sandbox.ts';

/** What the node knows of a function's files, and where the function sees them. */
export interface Files {
  readonly codeDirectory: string;
  readonly layers: readonly string[];
  readonly placement: Pick<Placement, 'taskRoot' | 'layersRoot'>;
}

/**
 * Finds the `bootstrap` of a function that brings its own runtime: in its package, else in its layers.
 *
 * @returns its path as the function sees it, or why there is none to run, in the words of Lambda
 */
export function findBootstrap({ codeDirectory, layers, placement }: Files): string | Failure {
  const inCode = { path: join(placement.taskRoot, 'bootstrap'), file: join(codeDirectory, 'bootstrap') };
  const layer = layers.findLast((each) => existsSync(join(each, 'bootstrap')));
  const inLayers = { path: join(placement.layersRoot, 'bootstrap'), file: join(layer ?? '', 'bootstrap') };
  const found = existsSync(inCode.file) ? inCode : layer ? inLayers : undefined;
  if (!found) return invalid(`Couldn't find valid bootstrap(s): [${inCode.path} ${inLayers.path}]`);
  const reason = whyNotRunnable(found.file);
  return reason ? invalid(`fork/exec ${found.path}: ${reason}`) : found.path;
}

function invalid(message: string): Failure {
  return { kind: 'fault', errorType: 'Runtime.InvalidEntrypoint', message };
}

const HEAD = Buffer.alloc(256);

/** As execve(2) words it. A program that cannot be run must not be tried: Node would abort with a stack trace of its own. */
function whyNotRunnable(file: string): string | undefined {
  const stat = statSync(file);
  if (!stat.isFile() || (stat.mode & 0o111) === 0) return 'permission denied';
  const descriptor = openSync(file, 'r');
  const length = readSync(descriptor, HEAD, 0, HEAD.length, 0);
  closeSync(descriptor);
  const head = HEAD.toString('latin1', 0, length);
  if (head.startsWith('\x7fELF')) return undefined;
  const interpreter = /^#![ \t]*([^\s]+)/.exec(head)?.[1];
  if (!interpreter) return 'exec format error';
  return existsSync(interpreter) ? undefined : 'no such file or directory';
}
