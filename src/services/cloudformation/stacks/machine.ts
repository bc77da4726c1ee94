/**
 * The life of a stack as pure decisions: a stack and something that happened go in, the next stack and the events to show come
 * out. The driver stores both in one commit and then does what the stack says.
 *
 * Invariants:
 * - M1: a resource whose `physicalId` is set exists or may exist; one without was never made, and is never deleted.
 * - M2: what a step needs to begin again (action, name, properties) is stored before its first call.
 * - M3: an old resource that was replaced stays until the update has succeeded; then, and only then, it is garbage that goes.
 * - M4: a deployment ends in exactly one final status, and the stack then has none.
 */
import type { Made } from '../resources/resource-type.ts';
import { type Graph, reversed } from '../template/references.ts';
import type { ResourceDeclaration } from '../template/template.ts';
import type {
  Deployment,
  Output,
  PendingQuestion,
  PendingStep,
  ResourceStatus,
  Stack,
  StackEvent,
  StackResource,
  StackStatus,
} from './model.ts';
import { markNode, nodesIn, startWalk, type Walk } from './walk.ts';

/** An event before it has its id. */
export type NewEvent = Omit<StackEvent, 'id' | 'stackId' | 'stackName' | 'at'>;

export interface Transition {
  readonly stack: Stack;
  readonly events: readonly NewEvent[];
}

const STACK_TYPE = 'AWS::CloudFormation::Stack';

/** Statuses from which nothing follows by itself. */
export function isSettled(status: StackStatus): boolean {
  return !status.endsWith('_IN_PROGRESS') || status === 'REVIEW_IN_PROGRESS';
}

function withStatus(stack: Stack, status: StackStatus, reason?: string): Transition {
  const { reason: _old, ...rest } = stack;
  const event: NewEvent = {
    logicalId: stack.name,
    physicalId: stack.id,
    type: STACK_TYPE,
    status,
    ...(reason !== undefined && { reason }),
    ...(stack.deployment?.token !== undefined && { token: stack.deployment.token }),
  };
  return { stack: { ...rest, status, ...(reason !== undefined && { reason }) }, events: [event] };
}

function resourceEvent(stack: Stack, resource: StackResource): NewEvent {
  const { logicalId, physicalId, type, status, reason } = resource;
  const properties = resource.pending?.properties ?? resource.properties;
  return {
    logicalId,
    physicalId,
    type,
    status,
    ...(reason !== undefined && { reason }),
    ...(Object.keys(properties).length && { properties: JSON.stringify(properties) }),
    ...(stack.deployment?.token !== undefined && { token: stack.deployment.token }),
  };
}

/** Joins transitions that follow each other. */
function then(first: Transition, next: (stack: Stack) => Transition): Transition {
  const second = next(first.stack);
  return { stack: second.stack, events: [...first.events, ...second.events] };
}

export interface StartOptions {
  readonly revision: number;
  readonly graph: Graph;
  readonly onFailure: Deployment['onFailure'];
  readonly imports: readonly string[];
  readonly token?: string;
  /** For a parent, which decides whether it stays. */
  readonly isHeld?: boolean;
  /** Stack policy of this update alone. */
  readonly policyDuringUpdate?: string;
  /** When a creation must have ended, whatever the stack's own time says. */
  readonly deadline?: number;
  readonly now: number;
}

const MINUTE_MS = 60_000;

/** When the creation of a stack must have ended; `undefined` when it may take as long as it takes. */
function deadlineOf({ timeoutMinutes }: Stack, { deadline, now }: StartOptions): number | undefined {
  const own = timeoutMinutes === undefined ? undefined : now + timeoutMinutes * MINUTE_MS;
  return own === undefined || deadline === undefined ? (own ?? deadline) : Math.min(own, deadline);
}

/** The time of a creation is over. */
export function isLate({ deployment }: Stack, now: number): boolean {
  return deployment?.phase === 'apply' && deployment.deadline !== undefined && now >= deployment.deadline;
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
  };
  const { failure: _failure, suspended: _suspended, drift: _drift, ...rest } = stack;
  const next = { ...rest, deployment, imports, updatedAt: now, disableRollback: onFailure === 'DO_NOTHING' };
  return withStatus(next, 'UPDATE_IN_PROGRESS', 'User Initiated');
}

export function startDelete(stack: Stack, retain: readonly string[], token: string | undefined): Transition {
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

const isDeleted = ({ status }: StackResource) => status === 'DELETE_COMPLETE' || status === 'DELETE_SKIPPED';

/** A step of `apply` or `restore`, as it was decided. */
export interface BeginStep {
  readonly logicalId: string;
  readonly declaration: Pick<ResourceDeclaration, 'Type' | 'DeletionPolicy' | 'UpdateReplacePolicy' | 'Metadata'>;
  readonly dependsOn: readonly string[];
  readonly pending: PendingStep;
  /** A crash cut it off. */
  readonly resuming?: boolean;
  /** What it asks from its first moment on. */
  readonly question?: PendingQuestion;
  readonly now: number;
}

export function beginStep(stack: Stack, step: BeginStep): Transition {
  const { logicalId, declaration, dependsOn, pending, now } = step;
  const existing = stack.resources[logicalId];
  const standing = existing && !isDeleted(existing) ? existing : undefined;
  const creating = pending.action === 'create';
  const { reason: _reason, question, ...rest } = standing ?? {};
  const resource: StackResource = {
    physicalId: '',
    properties: {},
    attributes: {},
    ...rest,
    logicalId,
    type: declaration.Type,
    status: creating ? 'CREATE_IN_PROGRESS' : 'UPDATE_IN_PROGRESS',
    ...(pending.action === 'replace' && {
      reason: 'Requested update requires the creation of a new physical resource; hence creating one.',
    }),
    changedAt: now,
    dependsOn,
    deletionPolicy: declaration.DeletionPolicy,
    replacePolicy: declaration.UpdateReplacePolicy,
    ...(declaration.Metadata !== undefined && { metadata: declaration.Metadata }),
    pending,
    ...(step.question && { question: step.question }),
    ...(step.resuming && question && { question }),
  };
  const next = putResource(stack, resource, 'running');
  return { stack: next, events: [resourceEvent(next, resource)] };
}

/** The resource needs nothing; what the template says beside its properties is taken over. */
export function skipStep(stack: Stack, step: Omit<BeginStep, 'pending'>): Transition {
  const { logicalId, declaration, dependsOn } = step;
  const resource: StackResource = {
    ...stack.resources[logicalId]!,
    dependsOn,
    deletionPolicy: declaration.DeletionPolicy,
    replacePolicy: declaration.UpdateReplacePolicy,
  };
  return { stack: putResource(stack, resource, 'done'), events: [] };
}

/** The thing exists now (M1). */
export function noteMade(stack: Stack, logicalId: string, physicalId: string, now: number): Transition {
  const resource = stack.resources[logicalId]!;
  const pending = { ...resource.pending!, made: physicalId };
  const replacing = pending.action === 'replace';
  const next: StackResource = {
    ...resource,
    pending,
    changedAt: now,
    reason: 'Resource creation Initiated',
    ...(!replacing && { physicalId, properties: pending.properties }),
  };
  const stored = putResource(stack, next, 'running');
  return { stack: stored, events: [resourceEvent(stored, { ...next, physicalId })] };
}

export function completeStep(stack: Stack, logicalId: string, made: Made, now: number): Transition {
  const { pending, reason: _reason, question: _question, noEcho: _noEcho, ...resource } = stack.resources[logicalId]!;
  const { action, properties } = pending!;
  const done: StackResource = {
    ...resource,
    physicalId: made.physicalId,
    attributes: made.attributes,
    ...(made.noEcho && { noEcho: true }),
    properties,
    status: action === 'create' ? 'CREATE_COMPLETE' : 'UPDATE_COMPLETE',
    changedAt: now,
  };
  const next = putResource(stack, done, 'done');
  const event = resourceEvent(next, done);
  // M3: the old one waits for the end of the update.
  const before = stack.deployment!.before?.[logicalId];
  // An update whose outcome has another id was a replacement that the resource itself decided on.
  const replaced = action === 'replace' || (action === 'update' && before?.physicalId !== made.physicalId);
  if (!replaced || !before) return { stack: next, events: [event] };
  return { stack: addGarbage(next, [{ ...before, replacePolicy: done.replacePolicy }]), events: [event] };
}

export function failStep(stack: Stack, logicalId: string, reason: string, now: number): Transition {
  const { question: _question, ...resource } = stack.resources[logicalId]!;
  const creating = resource.pending?.action === 'create';
  const failed: StackResource = {
    ...resource,
    status: creating ? 'CREATE_FAILED' : 'UPDATE_FAILED',
    reason,
    changedAt: now,
  };
  const next = putResource(stack, failed, 'failed');
  return { stack: next, events: [resourceEvent(next, failed)] };
}

/** A resource that could not even be begun: its properties cannot be computed. */
export function failBegin(stack: Stack, step: Omit<BeginStep, 'pending'>, reason: string): Transition {
  const existing = stack.resources[step.logicalId];
  const pending: PendingStep = { action: existing ? 'update' : 'create', name: '', properties: {} };
  return then(beginStep(stack, { ...step, pending }), (begun) => failStep(begun, step.logicalId, reason, step.now));
}

function putResource(stack: Stack, resource: StackResource, state: 'running' | 'done' | 'failed'): Stack {
  const deployment = stack.deployment!;
  return {
    ...stack,
    resources: { ...stack.resources, [resource.logicalId]: resource },
    deployment: { ...deployment, walk: markNode(deployment.walk, resource.logicalId, state) },
  };
}

function addGarbage(stack: Stack, more: readonly StackResource[]): Stack {
  const deployment = stack.deployment!;
  return { ...stack, deployment: { ...deployment, garbage: [...deployment.garbage, ...more] } };
}

/** The resource that a node of a deletion or a cleanup is about. */
export function deletionTarget(stack: Stack, node: string): StackResource {
  const deployment = stack.deployment!;
  return deployment.phase === 'cleanup' ? deployment.garbage[Number(node)]! : stack.resources[node]!;
}

/** Whether a deletion leaves the thing in the world. */
export function isRetained(stack: Stack, node: string): boolean {
  const { kind, phase, retain } = stack.deployment!;
  const resource = deletionTarget(stack, node);
  if (phase === 'delete' && retain.includes(node)) return true;
  if (kind === 'create') return resource.deletionPolicy === 'Retain';
  const replaced = phase === 'cleanup' && stack.resources[resource.logicalId] !== undefined;
  // A rolled back update made it moments ago, so that only a plain Retain keeps it.
  const policy = replaced ? resource.replacePolicy : resource.deletionPolicy;
  return phase === 'cleanup' && isRollback(stack) ? policy === 'Retain' && !replaced : policy !== 'Delete';
}

const isRollback = (stack: Stack) => stack.status.startsWith('UPDATE_ROLLBACK');

export function markDeletion(
  stack: Stack,
  node: string,
  status: Extract<ResourceStatus, `DELETE_${string}`>,
  now: number,
  reason?: string,
  resuming = false,
): Transition {
  const { pending: _pending, reason: _reason, question, ...target } = deletionTarget(stack, node);
  const resource: StackResource = {
    ...target,
    status,
    changedAt: now,
    ...(reason !== undefined && { reason }),
    ...(resuming && question && { question }),
  };
  const state = status === 'DELETE_IN_PROGRESS' ? 'running' : status === 'DELETE_FAILED' ? 'failed' : 'done';
  const event = resourceEvent(stack, resource);
  const deployment = stack.deployment!;
  if (deployment.phase !== 'cleanup') return { stack: putResource(stack, resource, state), events: [event] };
  const garbage = deployment.garbage.map((one, index) => (String(index) === node ? resource : one));
  // A leftover must not keep the others: a cleanup goes on over a failure.
  const walk = markNode(deployment.walk, node, state === 'failed' ? 'done' : state);
  return { stack: { ...stack, deployment: { ...deployment, garbage, walk } }, events: [event] };
}

/** The step of a node now asks somebody outside. */
export function noteQuestion(stack: Stack, node: string, question: PendingQuestion): Stack {
  const deployment = stack.deployment!;
  const resource = { ...deletionTarget(stack, node), question };
  if (deployment.phase !== 'cleanup') return { ...stack, resources: { ...stack.resources, [node]: resource } };
  const garbage = deployment.garbage.map((one, index) => (String(index) === node ? resource : one));
  return { ...stack, deployment: { ...deployment, garbage } };
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
  const verb =
    stack.deployment!.kind === 'create' ? 'create' : stack.deployment!.kind === 'update' ? 'update' : 'delete';
  return `The following resource(s) failed to ${verb}: [${[...failed].sort().join(', ')}].`;
}

function undo(before: Stack, failure: string, now: number, always = false): Transition {
  const deployment = { ...before.deployment!, failure };
  const stack = { ...before, failure };
  const { kind, onFailure } = deployment;
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

/** The physical id that an update brought into the world, if it did. */
function newPhysicalId(resource: StackResource, old: StackResource | undefined): string | undefined {
  const id = resource.pending?.made ?? resource.physicalId;
  return id !== '' && id !== old?.physicalId ? id : undefined;
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
