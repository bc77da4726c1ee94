import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { type Clock, DomainError, messageOf, type Random, uuid } from '../../base/index.ts';
import { Cgroups } from './cgroups.ts';
import { NamespaceSandbox } from './namespace/namespace-sandbox.ts';
import { ProcessSandbox } from './process/process-sandbox.ts';
import type { Sandbox, SandboxEngine, SandboxErrorCode } from './sandbox.ts';

export interface SandboxOptions {
  /** `auto` is the strongest that this machine runs. */
  readonly engine: SandboxEngine | 'auto';
  /** Of the sandboxes and what they share, on the file system of the code. */
  readonly directory: string;
  readonly clock: Clock;
  readonly random: Random;
}

/** The engine that was chosen, and why not a stronger one. */
export interface OpenedSandbox {
  readonly sandbox: Sandbox;
  /** Why `namespace` does not run here, and what to do; absent when it does or was not asked for. */
  readonly weakerBecause?: string;
}

/**
 * Opens the engine of a node's sandboxes. An engine is not believed to run before a process has run in it: takes some 20 ms.
 *
 * @throws sandbox-unavailable  `namespace` was demanded; the message says why it cannot be had and what to do
 */
export async function openSandbox(options: SandboxOptions): Promise<OpenedSandbox> {
  const { engine, clock } = options;
  if (engine === 'process') return { sandbox: ProcessSandbox.open(clock) };
  try {
    return { sandbox: await openNamespace(options) };
  } catch (error) {
    if (engine === 'auto') return { sandbox: ProcessSandbox.open(clock), weakerBecause: messageOf(error) };
    throw new DomainError<SandboxErrorCode>(
      'sandbox-unavailable',
      `sandbox engine namespace does not run on this machine: ${messageOf(error)}`,
      { cause: error },
    );
  }
}

async function openNamespace({ directory, clock, random }: SandboxOptions): Promise<Sandbox> {
  const cgroups = await Cgroups.open(`millrace-${createHash('sha256').update(directory).digest('hex').slice(0, 16)}`);
  const gaps = Object.entries(cgroups.missing).map(([controller, why]) => `no ${controller} control group: ${why}`);
  const sandbox = NamespaceSandbox.open({
    directory: join(directory, 'shared'),
    clock,
    random,
    cgroups,
    hasNetwork: true,
    gaps,
  });
  try {
    await prove(sandbox, join(directory, uuid(random)));
    return sandbox;
  } catch (error) {
    await sandbox[Symbol.asyncDispose]();
    throw error;
  }
}

/** @throws Error  in words of what is in the way */
async function prove(sandbox: Sandbox, directory: string): Promise<void> {
  const trial = sandbox.start({ command: ['true'], environment: {}, directory, readable: [], doors: [] });
  let said = '';
  trial.channel.on('error', () => {}).resume();
  for (const output of trial.outputs) {
    output.on('data', (chunk: Buffer) => {
      said += chunk;
    });
  }
  const { code, signal } = await trial.exited;
  if (code === 0) return;
  throw new Error(
    code === null && signal === null ? 'bubblewrap is not installed' : said.trim() || `it ended with ${code ?? signal}`,
  );
}
