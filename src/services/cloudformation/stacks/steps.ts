/** The steps of a walk: what becomes of one resource, from the moment a step begins to its end; see `machine.ts`. */
import type { Made } from '../resources/resource-type.ts';
import type { ResourceDeclaration } from '../template/template.ts';
import type { PendingQuestion, PendingStep, ResourceStatus, Stack, StackResource } from './model.ts';
import { addGarbage, isDeleted, putResource, resourceEvent, type Transition, then } from './transition.ts';
import { markNode } from './walk.ts';

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

/** How statuses name what is done. */
const VERBS = {
  create: 'CREATE',
  update: 'UPDATE',
  replace: 'UPDATE',
  restore: 'UPDATE',
  import: 'IMPORT',
} as const satisfies Record<PendingStep['action'], string>;

const REASONS: Partial<Readonly<Record<PendingStep['action'], string>>> = {
  replace: 'Requested update requires the creation of a new physical resource; hence creating one.',
  import: 'Resource import started.',
};

/** AWS says it of every resource that is imported. */
const IMPORTED = 'Resource import completed.';
const TAGGING = 'Apply stack-level tags to imported resource if applicable.';

export function beginStep(stack: Stack, step: BeginStep): Transition {
  const { logicalId, declaration, dependsOn, pending, now } = step;
  const existing = stack.resources[logicalId];
  const standing = existing && !isDeleted(existing) ? existing : undefined;
  const { reason: _reason, question, ...rest } = standing ?? {};
  const resource: StackResource = {
    physicalId: '',
    properties: {},
    attributes: {},
    ...rest,
    logicalId,
    type: declaration.Type,
    status: `${VERBS[pending.action]}_IN_PROGRESS`,
    ...(REASONS[pending.action] !== undefined && { reason: REASONS[pending.action] }),
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

/** The thing is the stack's; the stack's tags are still to be brought to it. */
export function noteImported(stack: Stack, logicalId: string, made: Made, now: number): Transition {
  const { reason: _reason, ...resource } = stack.resources[logicalId]!;
  const { physicalId, attributes } = made;
  const pending = { ...resource.pending!, made: physicalId };
  const found: StackResource = {
    ...resource,
    physicalId,
    attributes,
    pending,
    changedAt: now,
    status: 'IMPORT_COMPLETE',
  };
  const tagging: StackResource = { ...found, status: 'UPDATE_IN_PROGRESS', reason: TAGGING };
  const stored = putResource(stack, tagging, 'running');
  const complete = resourceEvent(stored, { ...found, reason: IMPORTED });
  return { stack: stored, events: [complete, resourceEvent(stored, tagging)] };
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
    status: `${action === 'import' && pending!.made !== undefined ? 'UPDATE' : VERBS[action]}_COMPLETE`,
    changedAt: now,
    ...(action === 'import' && { reason: pending!.made === undefined ? IMPORTED : TAGGING }),
  };
  const next = putResource(stack, done, 'done');
  const event = resourceEvent(next, done);
  // M3: the old one waits for the end of the update.
  const before = stack.deployment!.before?.[logicalId];
  // An update whose outcome has another id was a replacement that the resource itself decided on.
  const replaced = action === 'replace' || (action === 'update' && before?.physicalId !== made.physicalId);
  if (!replaced || !before) return { stack: next, events: [event] };
  const reborn = putResource(next, { ...done, generation: (before.generation ?? 0) + 1 }, 'done');
  return { stack: addGarbage(reborn, [{ ...before, replacePolicy: done.replacePolicy }]), events: [event] };
}

export function failStep(stack: Stack, logicalId: string, reason: string, now: number): Transition {
  const { question: _question, ...resource } = stack.resources[logicalId]!;
  const { action = 'update' } = resource.pending ?? {};
  const failed: StackResource = {
    ...resource,
    status: `${VERBS[action]}_FAILED`,
    reason,
    changedAt: now,
  };
  const next = putResource(stack, failed, 'failed');
  return { stack: next, events: [resourceEvent(next, failed)] };
}

/** A resource that could not even be begun: its properties cannot be computed. */
export function failBegin(stack: Stack, step: Omit<BeginStep, 'pending'>, reason: string): Transition {
  const existing = stack.resources[step.logicalId];
  const fresh = stack.deployment!.imported?.[step.logicalId] ? 'import' : 'create';
  const pending: PendingStep = { action: existing ? 'update' : fresh, name: '', properties: {} };
  return then(beginStep(stack, { ...step, pending }), (begun) => failStep(begun, step.logicalId, reason, step.now));
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
  if (deployment.phase !== 'cleanup') {
    const reached = state === 'failed' && deployment.force ? 'done' : state;
    return { stack: putResource(stack, resource, reached), events: [event] };
  }
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
