import { DomainError, hasCode } from '../base/index.ts';
import type { Node, NodeConfig } from '../node/index.ts';
import { EXIT } from './command.ts';
import { makePrivateDirectory } from './private-directory.ts';
import type { Terminal } from './terminal.ts';
import { packageVersion } from './version.ts';

/**
 * Starts a node. Loaded only now: its rooms cost what only `dev` and `start` need.
 *
 * @throws DomainError `disk-full`  there is no room to start in; nothing is lost
 */
export async function startNode(config: NodeConfig): Promise<Node> {
  const door = await import('../node/index.ts');
  try {
    await makePrivateDirectory(config.dataDirectory);
    return await door.startNode({ version: await packageVersion(), ...config });
  } catch (cause) {
    if (!FULL_DISK.some((code) => hasCode(cause, code))) throw cause;
    const message = `the disk that holds ${config.dataDirectory} is full: make room and start again`;
    throw new DomainError('disk-full', message, { cause, remedy: 'retry' });
  }
}

/** What the system and each store say of it. */
const FULL_DISK = ['ENOSPC', 'EDQUOT', 'log-full', 'records-full', 'objects-full', 'series-full'];

/** The first SIGINT or SIGTERM fires the signal; the second ends the process at once. */
export function stopSignal(terminal: Terminal): { readonly signal: AbortSignal } & Disposable {
  const controller = new AbortController();
  const onSignal = (name: NodeJS.Signals) => {
    if (controller.signal.aborted) {
      terminal.err(`millrace: second ${name}: stopped without draining\n`);
      process.exit(EXIT.forced);
    }
    controller.abort(name);
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  return {
    signal: controller.signal,
    [Symbol.dispose]: () => {
      process.off('SIGINT', onSignal);
      process.off('SIGTERM', onSignal);
    },
  };
}
