import { ChildProcess } from 'node:child_process';

/**
 * Stands for a process that could not be started, and ends with the error in a turn of its own, as those do whose failure Node tells
 * of itself. Node throws where the machine has no memory for another process: out of a timer that would end the node.
 */
export function unstarted(error: unknown): ChildProcess {
  const child = new ChildProcess();
  process.nextTick(() => child.emit('error', error));
  return child;
}
