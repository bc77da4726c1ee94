import { createServer } from 'node:net';
import type { Application, LocalFunction } from '../application/template.ts';
import { CommandError, UsageError } from '../command.ts';
import { closest } from '../suggest.ts';

/** Where inspectors listen: for debuggers on this machine. */
export const LOOPBACK = '127.0.0.1';

/** Where debuggers look for Node. */
export const INSPECTOR_PORT = 9229;

/**
 * Reads `--inspect FUNCTION[:PORT]`: a logical id of the application, and a port that no other has.
 *
 * @returns ports by logical id
 * @throws UsageError  no such function, one that has no inspector, a port that is none or is taken
 */
export function chooseInspected(
  given: readonly string[],
  application: Application | undefined,
): ReadonlyMap<string, number> {
  const ports = new Map<string, number>();
  for (const text of given) {
    const [, name, portText] = /^(.*?)(?::(\d+))?$/.exec(text)!;
    const { logicalId } = inspectable(name!, application);
    const taken = new Set(ports.values());
    const port = portText === undefined ? firstFree(taken) : Number(portText);
    if (port < 1 || port > 65_535) throw new UsageError(`--inspect ${text}: a port is a number from 1 to 65535`);
    if (taken.has(port)) throw new UsageError(`--inspect ${text}: port ${port} is taken by another function`);
    ports.set(logicalId, port);
  }
  return ports;
}

/** @throws CommandError  another program listens at one of the ports: a debugger would find that one */
export async function checkPortsFree(ports: Iterable<number>): Promise<void> {
  for (const port of ports) {
    const server = createServer();
    const failed = await new Promise<unknown>((resolve) => {
      server.once('error', resolve);
      server.listen(port, LOOPBACK, () => server.close(() => resolve(undefined)));
    });
    if (failed) {
      throw new CommandError(
        `--inspect: ${LOOPBACK}:${port} is in use; name another port with --inspect FUNCTION:PORT`,
      );
    }
  }
}

function firstFree(taken: ReadonlySet<number>): number {
  let port = INSPECTOR_PORT;
  while (taken.has(port)) port++;
  return port;
}

function inspectable(name: string, application: Application | undefined): LocalFunction {
  if (!application) throw new UsageError('--inspect needs an application: there is no template in the folder');
  const { functions } = application;
  const found = functions.find(({ logicalId }) => logicalId === name);
  if (!found) {
    const ids = functions.map(({ logicalId }) => logicalId);
    const near = closest(name, ids);
    const hint = near ? `did you mean ${near}?` : `it has ${ids.join(', ') || 'none with code on disk'}`;
    throw new UsageError(`--inspect: the application has no function ${name}; ${hint}`);
  }
  if (!found.runtime.startsWith('nodejs')) {
    throw new UsageError(
      `--inspect: ${name} runs on ${found.runtime}; only functions of Node runtimes can be inspected`,
    );
  }
  return found;
}
