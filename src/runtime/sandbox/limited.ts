import { SANDBOX_LIMITS } from './limits.ts';

/** POSIX counts the size of files in these. */
const BLOCK_BYTES = 512;

/**
 * A command under the limits that each process of a sandbox has. A shell sets them and becomes the command: one program more to
 * start, where tools for limits and variables are two.
 *
 * @param variables  `NAME=value`; the command's, and nobody's before it
 */
export function limited(command: readonly string[], variables: readonly string[] = []): readonly string[] {
  const script = [
    `ulimit -c 0 && ulimit -n ${SANDBOX_LIMITS.openFilesMax} && ulimit -f ${SANDBOX_LIMITS.fileBytesMax / BLOCK_BYTES} || exit`,
    // The shell's own, of which the command is to know nothing.
    'unset PWD OLDPWD SHLVL',
    ...variables.map(() => 'export "$1"; shift'),
    // The input was the channel, so that it blocks: see `launcher/launcher.worker.ts`.
    'exec "$@" </dev/null',
  ];
  return ['sh', '-c', script.join('\n'), 'sh', ...variables, ...command];
}
