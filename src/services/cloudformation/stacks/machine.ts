/**
 * The life of a stack as pure decisions: a stack and something that happened go in, the next stack and the events to show come
 * out. The driver stores both in one commit and then does what the stack says.
 *
 * Invariants:
 * - M1: a resource whose `physicalId` is set exists or may exist; one without was never made, and is never deleted.
 * - M2: what a step needs to begin again (action, name, properties) is stored before its first call.
 * - M3: an old resource that was replaced stays until the update has succeeded; then, and only then, it is garbage that goes.
 * - M4: a deployment ends in exactly one final status, and the stack then has none.
 * - M5: an import makes and deletes nothing, whatever it comes to.
 */
import { type Graph, reversed } from '../template/references.ts';
import type { Deployment, Output, ResourceStatus, Stack, StackResource, StackStatus } from './model.ts';
import { addGarbage, isDeleted, resourceEvent, type Transition, then, withStatus } from './transition.ts';
import { nodesIn, startWalk, type Walk } from './walk.ts';

/** Statuses from which nothing follows by itself. */
export function isSettled(status: StackStatus): boolean {
  return !status.endsWith('_IN_PROGRESS') || status === 'REVIEW_IN_PROGRESS';
}

export interface StartOptions {
  readonly revision: number;
  readonly graph: Graph;
  readonly onFailure: Deployment['onFailure'];
  readonly imports: readonly string[];
  readonly token?: string;
  /** Change set that is carried out. */
  readonly changeSetId?: string;
  /** For a parent, which decides whether it stays. */
  readonly isHeld?: boolean;
  /** Stack policy of this update alone. */
  readonly policyDuringUpdate?: string;
  /** When a creation must have ended, whatever the stack's own time says. */
  readonly deadline?: number;
  readonly now: number;
}

const MINUTE_MS = 60_000;

const carriedOut = ({ changeSetId }: StartOptions) => (changeSetId === undefined ? {} : { changeSetId });

/** When the creation of a stack must have ended; `undefined` when it may take as long as it takes. */
function deadlineOf({ timeoutMinutes }: Stack, { deadline, now }: StartOptions): number | undefined {
  const own = timeoutMinutes === undefined ? undefined : now + timeoutMinutes * MINUTE_MS;
  return own === undefined || deadline === undefined ? (own ?? deadline) : Math.min(own, deadline);
}

/** The time of a creation is over. */
export function isLate({ deployment }: Stack, now: number): boolean {
  return deployment?.phase === 'apply' && deployment.deadline !== undefined && now >= deployment.deadline;
}

/** Nothing more of it is to be made: something has failed, its time is over, or its user has thought better of it. */
export function isCalledOff(stack: Stack, now: number): boolean {
  return isGivenUp(stack) || isLate(stack, now);
}

/** What is to end, and is not being undone yet: an update that was cancelled, and whatever has failed. */
export function isGivenUp({ deployment }: Stack): boolean {
  if (deployment?.phase !== 'apply') return false;
  return deployment.cancelled === true || nodesIn(deployment.walk, 'failed').length > 0;
}

export function startCreate(stack: Stack, options: StartOptions): Transition {
  const { revision, graph, onFailure, imports, token, now } = options;
  const deadline = deadlineOf(stack, options);
  const deployment: Deployment = {
    kind: 'create',
    phase: 'apply',
    revision,
    walk: startWalk(graph),
    onFailure,
    garbage: [],
    retain: [],
    ...(deadline !== undefined && { deadline }),
    ...(token !== undefined && { token }),
    ...carriedOut(options),
  };
  const next = { ...stack, deployment, imports, revision, updatedAt: now, disableRollback: onFailure === 'DO_NOTHING' };
  return withStatus(next, 'CREATE_IN_PROGRESS', 'User Initiated');
}

export function startUpdate(stack: Stack, options: StartOptions): Transition {
  const { revision, graph, onFailure, imports, token, now } = options;
  const left = stack.suspended?.garbage ?? [];
  const policy = options.policyDuringUpdate ?? stack.policy;
  const deployment: Deployment = {
    kind: 'update',
    phase: 'apply',
    revision,
    walk: startWalk(graph),
    onFailure,
    before: stack.resources,
    previous: { revision: stack.revision, outputs: stack.outputs, imports: stack.imports },
    ...(options.isHeld && { isHeld: true }),
    garbage: left,
    ...(left.length > 0 && { carried: left }),
    ...(policy !== undefined && { policy }),
    retain: [],
    ...(token !== undefined && { token }),
    ...carriedOut(options),
  };
  const { failure: _failure, suspended: _suspended, drift: _drift, ...rest } = stack;
  const next = { ...rest, deployment, imports, updatedAt: now, disableRollback: onFailure === 'DO_NOTHING' };
  return withStatus(next, 'UPDATE_IN_PROGRESS', 'User Initiated');
}

/** @param imported  what is brought in, by logical id */
export function startImport(
  stack: Stack,
  { revision, graph, imports, token, now }: StartOptions,
  imported: NonNullable<Deployment['imported']>,
): Transition {
  const deployment: Deployment = {
    kind: 'import',
    phase: 'apply',
    revision,
    walk: startWalk(graph),
    onFailure: 'ROLLBACK',
    before: stack.resources,
    previous: { revision: stack.revision, outputs: stack.outputs, imports: stack.imports },
    imported,
    garbage: [],
    retain: [],
    ...(token !== undefined && { token }),
  };
  const { failure: _failure, drift: _drift, ...rest } = stack;
  return withStatus({ ...rest, deployment, imports, updatedAt: now }, 'IMPORT_IN_PROGRESS', 'User Initiated');
}

export function startDelete(
  stack: Stack,
  { retain, force, token }: Pick<Deployment, 'retain' | 'force' | 'token'>,
): Transition {
  const { suspended, ...rest } = stack;
  const left = suspended?.garbage ?? [];
  const deployment: Deployment = {
    kind: 'delete',
    phase: left.length > 0 ? 'cleanup' : 'delete',
    revision: stack.revision,
    walk: left.length > 0 ? cleanupWalk(left) : deletionWalk(stack.resources, () => true),
    onFailure: 'DO_NOTHING',
    garbage: left,
    retain,
    ...(force && { force }),
    ...(token !== undefined && { token }),
  };
  return withStatus({ ...rest, deployment }, 'DELETE_IN_PROGRESS', 'User Initiated');
}

/** What exists goes, dependents first. */
function deletionWalk(
  resources: Readonly<Record<string, StackResource>>,
  goes: (resource: StackResource) => boolean,
): Walk {
  const going = Object.values(resources).filter(
    (resource) => resource.physicalId !== '' && !isDeleted(resource) && goes(resource),
  );
  const ids = new Set(going.map(({ logicalId }) => logicalId));
  const graph = Object.fromEntries(
    going.map(({ logicalId, dependsOn }) => [logicalId, dependsOn.filter((id) => ids.has(id))]),
  );
  return startWalk(reversed(graph));
}

/** Asks that an update stop and be undone. */
export function cancelUpdate(stack: Stack): Stack {
  return { ...stack, deployment: { ...stack.deployment!, cancelled: true } };
}

/** What a walk that is over leads to. `outputs` are those of the definition that was applied, or why there are none. */
export function nextPhase(
  stack: Stack,
  outputs: readonly Output[] | { readonly error: string },
  now: number,
): Transition {
  const { phase, kind, walk, cancelled } = stack.deployment!;
  const failed = nodesIn(walk, 'failed');
  if (phase === 'apply') {
    if (cancelled) return undo(stack, 'User Initiated', now);
    if (isLate(stack, now)) return undo(stack, 'Stack creation time exceeded the specified timeout.', now);
    if (failed.length) return undo(stack, failureReason(stack, failed), now);
    if (!Array.isArray(outputs)) return undo(stack, (outputs as { error: string }).error, now);
    const complete = { ...stack, outputs: outputs as readonly Output[], revision: stack.deployment!.revision };
    if (kind === 'import') return finish(complete, 'IMPORT_COMPLETE');
    return kind === 'create'
      ? finish(complete, 'CREATE_COMPLETE')
      : stack.deployment!.isHeld
        ? hold(dropRemoved(complete))
        : startCleanup(dropRemoved(complete), 'UPDATE_COMPLETE');
  }
  if (phase === 'restore') {
    if (failed.length) return suspend(stack, 'UPDATE_ROLLBACK_FAILED', failureReason(stack, failed));
    return startCleanup(stack, 'UPDATE_ROLLBACK_COMPLETE');
  }
  if (phase === 'cleanup') {
    if (kind === 'delete') {
      const deleting = {
        ...stack.deployment!,
        phase: 'delete' as const,
        garbage: [],
        walk: deletionWalk(stack.resources, () => true),
      };
      return { stack: { ...stack, deployment: deleting }, events: [] };
    }
    return stack.status === 'UPDATE_COMPLETE_CLEANUP_IN_PROGRESS'
      ? finish(stack, 'UPDATE_COMPLETE')
      : finish({ ...stack, ...stack.deployment!.previous }, 'UPDATE_ROLLBACK_COMPLETE');
  }
  return afterDeletion(stack, failed, now);
}

/** All is made, and what was replaced stays until the parent has decided. */
function hold(stack: Stack): Transition {
  const next = { ...stack, deployment: { ...stack.deployment!, phase: 'held' as const, walk: {} } };
  return withStatus(next, 'UPDATE_COMPLETE_CLEANUP_IN_PROGRESS');
}

/** What a parent decides about a held update; nothing when it is not held. */
export function decideHeld(stack: Stack, decision: 'release' | 'undo', now: number): Transition {
  const { deployment } = stack;
  if (deployment?.phase !== 'held') return { stack, events: [] };
  if (decision === 'undo') return undo(stack, 'The update of the parent stack was rolled back.', now, true);
  const walk = cleanupWalk(deployment.garbage);
  return { stack: { ...stack, deployment: { ...deployment, phase: 'cleanup', walk } }, events: [] };
}

function failureReason(stack: Stack, failed: readonly string[]): string {
  return `The following resource(s) failed to ${stack.deployment!.kind}: [${[...failed].sort().join(', ')}].`;
}

function undo(before: Stack, failure: string, now: number, always = false): Transition {
  const deployment = { ...before.deployment!, failure };
  const stack = { ...before, failure };
  const { kind, onFailure } = deployment;
  if (kind === 'import') return forgetImported({ ...stack, deployment });
  if (kind === 'update') {
    if (onFailure === 'DO_NOTHING' && !always) return suspend({ ...stack, deployment }, 'UPDATE_FAILED', failure);
    return then(withStatus({ ...stack, deployment }, 'UPDATE_ROLLBACK_IN_PROGRESS', failure), (next) =>
      startRestore(next, now),
    );
  }
  if (onFailure === 'DO_NOTHING' && !always) return suspend({ ...stack, deployment }, 'CREATE_FAILED', failure);
  const walk = deletionWalk(stack.resources, () => true);
  const status = onFailure === 'DELETE' ? 'DELETE_IN_PROGRESS' : 'ROLLBACK_IN_PROGRESS';
  const reason = `${failure} ${onFailure === 'DELETE' ? 'Delete' : 'Rollback'} requested by user.`;
  return withStatus({ ...stack, deployment: { ...deployment, phase: 'delete', walk } }, status, reason);
}

/** M5: what was there before an import stays as it is; the stack forgets that it had it. */
function forgetImported(stack: Stack): Transition {
  const { imported, before, previous, failure } = stack.deployment!;
  const taken = Object.keys(imported!).flatMap((id) => stack.resources[id] ?? []);
  const told = (status: ResourceStatus) =>
    taken.map(({ reason: _reason, ...resource }) => resourceEvent(stack, { ...resource, status }));
  const begun = withStatus(stack, 'IMPORT_ROLLBACK_IN_PROGRESS', failure);
  const events = [...begun.events, ...told('IMPORT_ROLLBACK_IN_PROGRESS'), ...told('IMPORT_ROLLBACK_COMPLETE')];
  return then({ stack: begun.stack, events }, (next) =>
    finish({ ...next, ...previous, resources: before! }, 'IMPORT_ROLLBACK_COMPLETE'),
  );
}

function afterDeletion(stack: Stack, failed: readonly string[], now: number): Transition {
  const deleting = stack.status === 'DELETE_IN_PROGRESS';
  if (failed.length) {
    const reason = `The following resource(s) failed to delete: [${[...failed].sort().join(', ')}].`;
    return finish(stack, deleting ? 'DELETE_FAILED' : 'ROLLBACK_FAILED', reason);
  }
  if (!deleting) return finish(stack, 'ROLLBACK_COMPLETE');
  return finish({ ...stack, outputs: [], imports: [], deletedAt: now }, 'DELETE_COMPLETE');
}

/** Resources that the new template does not have any more are garbage. */
function dropRemoved(stack: Stack): Stack {
  const { walk } = stack.deployment!;
  const removed = Object.values(stack.resources).filter(({ logicalId }) => !walk[logicalId]);
  const resources = Object.fromEntries(Object.entries(stack.resources).filter(([id]) => walk[id]));
  const standing = removed.filter((resource) => resource.physicalId !== '' && !isDeleted(resource));
  return addGarbage({ ...stack, resources }, standing);
}

function startCleanup(stack: Stack, status: 'UPDATE_COMPLETE' | 'UPDATE_ROLLBACK_COMPLETE'): Transition {
  const deployment = stack.deployment!;
  const walk = cleanupWalk(deployment.garbage);
  return withStatus(
    { ...stack, deployment: { ...deployment, phase: 'cleanup', walk } },
    `${status}_CLEANUP_IN_PROGRESS`,
  );
}

/** Dependents go first; two generations of one resource have no order. */
function cleanupWalk(garbage: readonly StackResource[]): Walk {
  const graph = Object.fromEntries(
    garbage.map((resource, index) => [
      String(index),
      garbage.flatMap((other, otherIndex) =>
        otherIndex !== index && other.dependsOn.includes(resource.logicalId) && other.logicalId !== resource.logicalId
          ? [String(otherIndex)]
          : [],
      ),
    ]),
  );
  return startWalk(graph);
}

/**
 * Turns an update round: what was made new becomes garbage, what was replaced stands again, and what was changed in place is
 * to be changed back.
 */
function startRestore(stack: Stack, now: number): Transition {
  const deployment = stack.deployment!;
  const before = deployment.before ?? {};
  const garbage: StackResource[] = [...(deployment.carried ?? [])];
  const resources: Record<string, StackResource> = { ...before };
  const changed: string[] = [];
  for (const resource of Object.values(stack.resources)) {
    const old = before[resource.logicalId];
    const newborn = newPhysicalId(resource, old);
    if (newborn)
      garbage.push({
        ...resource,
        physicalId: newborn,
        properties: resource.pending?.properties ?? resource.properties,
      });
    else if (old && resource.changedAt !== old.changedAt) {
      changed.push(resource.logicalId);
      resources[resource.logicalId] = asReached(resource);
    }
  }
  const graph = Object.fromEntries(
    changed.map((id) => [id, before[id]!.dependsOn.filter((one) => changed.includes(one))]),
  );
  const next: Stack = {
    ...stack,
    resources,
    updatedAt: now,
    deployment: { ...deployment, phase: 'restore', garbage, walk: startWalk(graph) },
  };
  return { stack: next, events: [] };
}

/**
 * A resource as a change may have left it: all that a failed step was to change counts as changed, so that changing it back
 * leaves nothing out, however often that begins again.
 */
function asReached({ pending, ...resource }: StackResource): StackResource {
  return pending ? { ...resource, properties: pending.properties } : resource;
}

/** The physical id that an update brought into the world, if it did; it may be the one of what it replaces. */
function newPhysicalId(resource: StackResource, old: StackResource | undefined): string | undefined {
  const { pending, generation } = resource;
  const id = pending?.made ?? resource.physicalId;
  const isMade = pending?.action === 'replace' && pending.made !== undefined;
  const isNew = id !== old?.physicalId || isMade || generation !== old.generation;
  return id !== '' && isNew ? id : undefined;
}

/** Ends in a failure that can be gone on from. */
function suspend(stack: Stack, status: StackStatus, reason: string): Transition {
  return finish({ ...stack, suspended: stack.deployment! }, status, reason);
}

/** Undoes what a failed deployment has left as it was (RollbackStack). */
export function rollBack(stack: Stack, token: string | undefined, now: number): Transition {
  const { suspended, ...rest } = stack;
  const deployment = { ...suspended!, ...(token !== undefined && { token }) };
  return undo({ ...rest, deployment }, 'User Initiated', now, true);
}

/** Tries again what a rollback could not undo; what is skipped counts as undone. */
export function continueRollback(stack: Stack, skip: readonly string[], token: string | undefined): Transition {
  const { suspended, ...rest } = stack;
  const walk = Object.fromEntries(
    Object.entries(suspended!.walk).map(([id, node]) => [
      id,
      skip.includes(id)
        ? { ...node, state: 'done' as const }
        : node.state === 'failed'
          ? { ...node, state: 'waiting' as const }
          : node,
    ]),
  );
  const before = suspended!.before ?? {};
  const skipped = Object.fromEntries(
    skip.map((id) => [id, { ...before[id]!, status: 'UPDATE_COMPLETE' as const, reason: 'Resource skipped.' }]),
  );
  const deployment = { ...suspended!, walk, ...(token !== undefined && { token }) };
  const next = { ...rest, resources: { ...rest.resources, ...skipped }, deployment };
  return withStatus(next, 'UPDATE_ROLLBACK_IN_PROGRESS', 'User Initiated');
}

function finish(stack: Stack, status: StackStatus, reason?: string): Transition {
  const settled = withStatus(stack, status, reason);
  const { deployment: _done, ...rest } = settled.stack;
  return { stack: rest, events: settled.events };
}
