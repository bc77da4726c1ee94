/* What transitions of stacks are made of; see `machine.ts`. */
import type { Stack, StackEvent, StackResource, StackStatus } from './model.ts';
import { markNode } from './walk.ts';

/** An event before it has its id. */
export type NewEvent = Omit<StackEvent, 'id' | 'stackId' | 'stackName' | 'at'>;

export interface Transition {
  readonly stack: Stack;
  readonly events: readonly NewEvent[];
}

const STACK_TYPE = 'AWS::CloudFormation::Stack';

/** The stack in its new status, which is an event. */
export function withStatus(stack: Stack, status: StackStatus, reason?: string): Transition {
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

/** What a resource has come to. */
export function resourceEvent(stack: Stack, resource: StackResource): NewEvent {
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
export function then(first: Transition, next: (stack: Stack) => Transition): Transition {
  const second = next(first.stack);
  return { stack: second.stack, events: [...first.events, ...second.events] };
}

/** The stack with a resource as it is now, and its node of the walk. */
export function putResource(stack: Stack, resource: StackResource, state: 'running' | 'done' | 'failed'): Stack {
  const deployment = stack.deployment!;
  return {
    ...stack,
    resources: { ...stack.resources, [resource.logicalId]: resource },
    deployment: { ...deployment, walk: markNode(deployment.walk, resource.logicalId, state) },
  };
}

/** Resources that are the stack's no more go at the end. */
export function addGarbage(stack: Stack, more: readonly StackResource[]): Stack {
  const deployment = stack.deployment!;
  return { ...stack, deployment: { ...deployment, garbage: [...deployment.garbage, ...more] } };
}

export const isDeleted = ({ status }: StackResource) => status === 'DELETE_COMPLETE' || status === 'DELETE_SKIPPED';
