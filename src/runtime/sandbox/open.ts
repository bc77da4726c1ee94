import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { type Clock, DomainError, messageOf, type Random } from '../../base/index.ts';
import { Cgroups, CONTROLLERS, type Controller } from './cgroups.ts';
import { NamespaceSandbox, NO_NETWORK } from './namespace/namespace-sandbox.ts';
import { ProcessSandbox } from './process/process-sandbox.ts';
import type { Sandbox, SandboxEngine, SandboxErrorCode } from './sandbox.ts';
import { missingForNetwork, surveyNamespaces, surveySeccomp, type Wall } from './survey.ts';

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
  const { engine, clock, random } = options;
  if (engine === 'process') return { sandbox: await ProcessSandbox.open(clock, random) };
  try {
    return { sandbox: await openNamespace(options) };
  } catch (error) {
    if (engine === 'auto')
      return { sandbox: await ProcessSandbox.open(clock, random), weakerBecause: messageOf(error) };
    throw new DomainError<SandboxErrorCode>(
      'sandbox-unavailable',
      `sandbox engine namespace does not run on this machine: ${messageOf(error)}`,
      { cause: error },
    );
  }
}

async function openNamespace({ directory, clock, random }: SandboxOptions): Promise<NamespaceSandbox> {
  const cgroups = await Cgroups.open(`millrace-${createHash('sha256').update(directory).digest('hex').slice(0, 16)}`);
  try {
    return await NamespaceSandbox.open({ directory: join(directory, 'shared'), clock, random, cgroups });
  } catch (error) {
    // It closes them only once it stands.
    await cgroups.close();
    throw error;
  }
}

/** What this machine can run. */
export interface SandboxSurvey {
  readonly engine: SandboxEngine;
  readonly weakerBecause?: string;
  readonly walls: readonly Wall[];
}

/** Finds out which engine this machine runs and which walls it has, by trying. @param options  `directory` is used and removed */
export async function surveySandbox(options: Omit<SandboxOptions, 'engine'>): Promise<SandboxSurvey> {
  const { sandbox, weakerBecause } = await openSandbox({ ...options, engine: 'auto' });
  await sandbox[Symbol.asyncDispose]();
  // After its processes are gone: a group that has others beside the node in it cannot be shared out.
  const groups = await Cgroups.open(`millrace-survey-${process.pid}`);
  await groups.close();
  const { missing } = groups;
  const noNetwork = sandbox.gaps.find((gap) => gap.startsWith(NO_NETWORK));
  const network = missingForNetwork();
  const egress: Wall = { name: 'egress: a network of the function’s own', stands: !noNetwork && !network, ...network };
  return {
    engine: sandbox.engine,
    ...(weakerBecause === undefined ? {} : { weakerBecause }),
    walls: [
      ...surveyNamespaces(),
      surveySeccomp(),
      ownUser(),
      ...CONTROLLERS.map((controller) => groupWall(controller, missing[controller])),
      noNetwork && !network ? { ...egress, why: noNetwork } : egress,
    ],
  };
}

function ownUser(): Wall {
  const name = 'user of its own on the machine';
  if (process.getuid!() === 0) return { name, stands: true };
  const why = 'the node is not root: functions run as its user, within their namespaces';
  return { name, stands: false, why, remedy: 'run the node as root' };
}

function groupWall(controller: Controller, why: string | undefined): Wall {
  const name = `cgroup ${controller}`;
  if (why === undefined) return { name, stands: true };
  return { name, stands: false, why, remedy: 'systemd: Delegate=yes; a container: a writable /sys/fs/cgroup' };
}
