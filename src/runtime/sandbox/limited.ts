import { SANDBOX_LIMITS } from './limits.ts';

/** POSIX counts the size of files in these. */
const BLOCK_BYTES = 512;

/**
 * Says over the channel that all is there, and waits for lines `NAME=value`, of which an empty one is the last. The shell reads no byte
 * beyond it: what follows is the command's.
 */
const HOLD = `printf . >&3
while IFS= read -r more || exit; [ -n "$more" ]; do export "$more"; done
unset more`;

/**
 * A command under the limits that each process of a sandbox has. A shell sets them and becomes the command: one program more to
 * start, where tools for limits and variables are two.
 *
 * @param variables  `NAME=value`; the command's, and nobody's before it
 * @param isHeld  the command waits for the node's word: see {@link HOLD}
 */
export function limited(
  command: readonly string[],
  variables: readonly string[] = [],
  isHeld = false,
): readonly string[] {
  const script = [
    `ulimit -c 0 && ulimit -n ${SANDBOX_LIMITS.openFilesMax} && ulimit -f ${SANDBOX_LIMITS.fileBytesMax / BLOCK_BYTES} || exit`,
    // The shell's own, and those of Node's channel for doors, of which the command is to know nothing.
    'unset PWD OLDPWD SHLVL NODE_CHANNEL_FD NODE_CHANNEL_SERIALIZATION_MODE',
    ...variables.map(() => 'export "$1"; shift'),
    ...(isHeld ? [HOLD] : []),
    // The input was the channel, so that it blocks: see `launcher/launcher.worker.ts`.
    'exec "$@" </dev/null',
  ];
  return ['sh', '-c', script.join('\n'), 'sh', ...variables, ...command];
}
