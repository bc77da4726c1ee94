/** From a process that waits to one that loads the function's code: credentials, its place in the sandbox, and the order to begin. */
import { join } from 'node:path';
import { hasCode, messageOf } from '../../base/index.ts';
import type { Invocation } from '../runtime.ts';
import type { Placement, Tenant } from '../sandbox/sandbox.ts';
import { SNAPSHOT_FILE } from '../starts/snapshots.ts';
import type { FunctionCredentials } from './function-variables.ts';
import type { Failure } from './life-cycle.ts';
import { type FirstInvocation, firstInvocation, type LoadConfig, loadConfig } from './load-config.ts';
import type { EnvironmentOptions } from './options.ts';
import { initStartLine, restoreStartLine } from './report.ts';

/** Why an environment was not placed, as its caller is told. */
const PLACING_FAILED = 'Sandbox.Failure';
const ROLE_REFUSED = 'AccessDeniedException';

/** What a process is told to become the environment of a function. */
type Order = readonly [config: LoadConfig, first: FirstInvocation | undefined];

/** Whose code is loaded. */
export interface LoadingOwner {
  /** It has not ended meanwhile. */
  readonly awaitsLoading: boolean;
  /** From now on it has these credentials. */
  holds(credentials: FunctionCredentials): void;
  notPlaced(failure: Failure): void;
}

/**
 * Gets what the code needs, and has it loaded.
 *
 * @param first  the invocation that may begin with the end of init
 */
export function load(options: EnvironmentOptions, first: Invocation | undefined, owner: LoadingOwner): void {
  const { credentials, spec, codeCaches, launch, snapshot } = options;
  const { codeDirectory, layers, memoryMb, ephemeralStorageMb, egress } = spec;
  const cacheDirectory = snapshot?.directory ?? codeCaches.directoryOf(spec, launch.version);
  const limits = { memoryMb, ephemeralStorageMb, egress };
  const told = prepare(options, first);
  const placement = assign(options, { codeDirectory, layers, cacheDirectory, ...limits });
  // Most have both at once: a cold start does not wait for a turn of the event loop then.
  if (!(credentials instanceof Promise) && !(placement instanceof Promise)) {
    return loadWith(options, first, credentials, placement, told, owner);
  }
  Promise.all([credentials, placement]).then(
    ([granted, placed]) => {
      if (owner.awaitsLoading) loadWith(options, first, granted, placed, told, owner);
    },
    (error: unknown) =>
      owner.notPlaced(placingFailure(error, hasCode(error, 'placement-failed') ? PLACING_FAILED : ROLE_REFUSED)),
  );
}

/**
 * Tells the process all before the function has its place, where that is known: it wakes up and makes itself ready meanwhile.
 *
 * @returns what it was told
 */
function prepare(options: EnvironmentOptions, first: Invocation | undefined): Order | undefined {
  const { connection, launch, credentials, snapshot } = options;
  const { placement } = connection.process;
  const isPlain = launch.prepares && !launch.speaks && !launch.supervised && !snapshot;
  if (!isPlain || !placement || credentials instanceof Promise) return undefined;
  try {
    const order = orderOf(options, first, credentials, placement);
    connection.prepare(...order);
    return order;
  } catch {
    // The same is said when it is loaded, to who can tell the caller.
    return undefined;
  }
}

/** What it throws comes the way of what it rejects with. */
function assign({ connection }: EnvironmentOptions, tenant: Tenant): Placement | Promise<Placement> {
  try {
    return connection.process.assign(tenant);
  } catch (error) {
    return Promise.reject(error);
  }
}

/** @param told  what the process has been told already */
function loadWith(
  options: EnvironmentOptions,
  first: Invocation | undefined,
  credentials: FunctionCredentials,
  placement: Placement,
  told: Order | undefined,
  owner: LoadingOwner,
): void {
  const { connection, launch, spec, log, snapshot } = options;
  owner.holds(credentials);
  log.write(snapshot ? restoreStartLine(spec, launch) : initStartLine(spec, launch));
  if (launch.notice) log.write(`INIT_NOTICE ${launch.notice}`);
  if (placement.notice !== undefined) log.write(placement.notice);
  try {
    connection.load(...(told ?? orderOf(options, first, credentials, placement)));
  } catch (error) {
    // Out of descriptors a door has no listener, and a bootstrap cannot be looked at: nobody above could tell the caller.
    owner.notPlaced(placingFailure(error, PLACING_FAILED));
  }
}

function orderOf(
  { spec, variables, log, snapshot }: EnvironmentOptions,
  first: Invocation | undefined,
  credentials: FunctionCredentials,
  placement: Placement,
): Order {
  const file = snapshot?.directory === undefined ? undefined : join(placement.cacheDirectory, SNAPSHOT_FILE);
  const config = loadConfig(spec, placement, variables(credentials, placement), log.stream, file);
  return [config, first && firstInvocation(spec, first)] as const;
}

function placingFailure(error: unknown, errorType: string): Failure {
  const payload = Buffer.from(JSON.stringify({ errorType, errorMessage: messageOf(error) }));
  return { kind: 'not-placed', payload };
}
