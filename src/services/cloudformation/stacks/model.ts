import type { Caller, CallerSession } from '../../index.ts';

import type { Existing, Identifier } from '../resources/resource-type.ts';
import type { ParameterTexts } from '../template/parameters.ts';
import type { DeletionPolicy } from '../template/template.ts';
import type { Json, JsonObject } from '../template/value.ts';
import type { Walk } from './walk.ts';

export type StackStatus =
  | 'REVIEW_IN_PROGRESS'
  | 'CREATE_IN_PROGRESS'
  | 'CREATE_COMPLETE'
  | 'CREATE_FAILED'
  | 'ROLLBACK_IN_PROGRESS'
  | 'ROLLBACK_COMPLETE'
  | 'ROLLBACK_FAILED'
  | 'UPDATE_IN_PROGRESS'
  | 'UPDATE_COMPLETE_CLEANUP_IN_PROGRESS'
  | 'UPDATE_COMPLETE'
  | 'UPDATE_FAILED'
  | 'UPDATE_ROLLBACK_IN_PROGRESS'
  | 'UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS'
  | 'UPDATE_ROLLBACK_COMPLETE'
  | 'UPDATE_ROLLBACK_FAILED'
  | 'IMPORT_IN_PROGRESS'
  | 'IMPORT_COMPLETE'
  | 'IMPORT_ROLLBACK_IN_PROGRESS'
  | 'IMPORT_ROLLBACK_COMPLETE'
  | 'DELETE_IN_PROGRESS'
  | 'DELETE_COMPLETE'
  | 'DELETE_FAILED';

export type ResourceStatus =
  | 'CREATE_IN_PROGRESS'
  | 'CREATE_COMPLETE'
  | 'CREATE_FAILED'
  | 'UPDATE_IN_PROGRESS'
  | 'UPDATE_COMPLETE'
  | 'UPDATE_FAILED'
  | 'IMPORT_IN_PROGRESS'
  | 'IMPORT_COMPLETE'
  | 'IMPORT_FAILED'
  | 'IMPORT_ROLLBACK_IN_PROGRESS'
  | 'IMPORT_ROLLBACK_COMPLETE'
  | 'DELETE_IN_PROGRESS'
  | 'DELETE_COMPLETE'
  | 'DELETE_FAILED'
  | 'DELETE_SKIPPED';

export interface Tag {
  readonly Key: string;
  readonly Value: string;
}

/** What a stack is made from. Never changes once stored; a stack counts its definitions by revision. */
export interface Definition {
  /** As the caller gave it. */
  readonly templateBody: string;
  /** It declares macros, to which the caller must agree. */
  readonly hasMacros?: boolean;
  /** Plain template, macros run. */
  readonly processed: JsonObject;
  readonly parameters: ParameterTexts;
  /** Values of parameters that name one in SSM. */
  readonly stored?: ParameterTexts;
  readonly tags: readonly Tag[];
  readonly capabilities: readonly string[];
  readonly notificationArns: readonly string[];
  readonly roleArn?: string;
}

/** A step that has begun and not ended; kept so that it can begin again after a crash. */
export interface PendingStep {
  readonly action: 'create' | 'update' | 'replace' | 'restore' | 'import';
  /** Physical name to be made, settled before the first try. */
  readonly name: string;
  /** Properties to be reached. */
  readonly properties: JsonObject;
  /** Signals that it waits for once it exists. */
  readonly signals?: { readonly count: number; readonly timeoutMs: number };
  /** Physical id, once the thing exists; until then there is nothing to undo. */
  readonly made?: string;
  /** Properties as the template has them, where an import is to bring the stack's tags to the resource. */
  readonly untagged?: JsonObject;
}

/** One resource of a stack. `physicalId` is empty until it exists. */
export interface StackResource extends Existing {
  readonly logicalId: string;
  readonly type: string;
  readonly status: ResourceStatus;
  readonly reason?: string;
  /** Epoch milliseconds. */
  readonly changedAt: number;
  readonly dependsOn: readonly string[];
  readonly deletionPolicy: DeletionPolicy;
  readonly replacePolicy: DeletionPolicy;
  readonly metadata?: Json;
  readonly pending?: PendingStep;
  /** How often it was replaced: another one may have the same physical id, which is a name within a parent. Absent: never. */
  readonly generation?: number;
  /** What it gives must not be shown in events. */
  readonly noEcho?: boolean;
  /** What the step that is under way asks somebody outside. */
  readonly question?: PendingQuestion;
}

/** Stored, so that an answer finds its step after a crash. */
export interface PendingQuestion {
  readonly id: string;
  /** Part of its URL: who has it may answer. */
  readonly token: string;
  /** Epoch milliseconds. */
  readonly deadline: number;
  /** URL that went out with it, once it has: what carries it on is durable, so that it need not go out again. */
  readonly sentAs?: string;
}

export interface Output {
  readonly key: string;
  readonly value: string;
  readonly description?: string;
  readonly exportName?: string;
}

/**
 * What is being done to a stack, phase by phase:
 *
 * - create: `apply` -> done | `delete` (rollback) -> done
 * - update: `apply` -> `cleanup` -> done | `restore` -> `cleanup` -> done
 * - update for a parent: `apply` -> `held` -> `cleanup` | `restore`, as the parent decides
 * - delete: `delete` -> done | `cleanup` of what failed updates have left -> `delete` -> done
 * - import: `apply` -> done, with the resources or without
 */
export interface Deployment {
  readonly kind: 'create' | 'update' | 'delete' | 'import';
  readonly phase: 'apply' | 'held' | 'restore' | 'cleanup' | 'delete';
  /** Definition that is being made; that of the stack for a deletion. */
  readonly revision: number;
  /** Nodes are logical ids; in `cleanup` they are indexes into `garbage`. */
  readonly walk: Walk;
  readonly onFailure: 'ROLLBACK' | 'DELETE' | 'DO_NOTHING';
  /** Resources as an update found them, to be restored. */
  readonly before?: Readonly<Record<string, StackResource>>;
  /** What an import brings in, by logical id. */
  readonly imported?: Readonly<Record<string, Identifier>>;
  /** What else an update found. */
  readonly previous?: Pick<Stack, 'revision' | 'outputs' | 'imports'>;
  /** It is made for a parent, which decides whether it stays. */
  readonly isHeld?: boolean;
  /** Resources that are no longer the stack's and must go at the end. */
  readonly garbage: readonly StackResource[];
  /** Those of them that earlier deployments have left: they go whatever this one comes to. */
  readonly carried?: readonly StackResource[];
  /** It carries out. */
  readonly changeSetId?: string;
  /** Stack policy that holds for this update. */
  readonly policy?: string;
  /** Logical ids that a deletion leaves behind. */
  readonly retain: readonly string[];
  /** What cannot be deleted stays, and keeps neither others nor the stack. */
  readonly force?: boolean;
  readonly token?: string;
  /** Why it is being rolled back. */
  readonly failure?: string;
  /** The caller cancelled the update: nothing more begins, what was done is undone. */
  readonly cancelled?: boolean;
  /** When a creation must have ended, epoch milliseconds: nothing more begins then, what was done is undone. */
  readonly deadline?: number;
}

export interface DriftDifference {
  readonly path: string;
  readonly expected: string;
  readonly actual: string;
  readonly kind: 'NOT_EQUAL' | 'REMOVE';
}

export interface ResourceDrift {
  readonly logicalId: string;
  /** Epoch milliseconds. */
  readonly at: number;
  readonly status: 'IN_SYNC' | 'MODIFIED' | 'DELETED' | 'NOT_CHECKED';
  readonly differences: readonly DriftDifference[];
  readonly actual?: JsonObject;
}

/** How far the resources of a stack are from what it made them. */
export interface StackDrift {
  readonly id: string;
  /** Epoch milliseconds. */
  readonly at: number;
  readonly status: 'IN_SYNC' | 'DRIFTED';
  readonly drifted: number;
  readonly resources: readonly ResourceDrift[];
}

export interface Stack {
  readonly id: string;
  readonly uuid: string;
  readonly name: string;
  readonly region: string;
  readonly accountId: string;
  readonly callerArn: string;
  /** What limits that caller, where their keys are temporary. */
  readonly callerSession?: CallerSession | undefined;
  readonly status: StackStatus;
  readonly reason?: string;
  /** Epoch milliseconds. */
  readonly createdAt: number;
  readonly updatedAt?: number;
  readonly deletedAt?: number;
  /** Definition in force; 0 while there is none. */
  readonly revision: number;
  readonly revisionsUsed: number;
  readonly resources: Readonly<Record<string, StackResource>>;
  readonly outputs: readonly Output[];
  /** Names of exports that it uses. */
  readonly imports: readonly string[];
  readonly deployment?: Deployment;
  /** Stack that this one is a resource of. */
  readonly parentId?: string;
  /** The outermost of them. */
  readonly rootId?: string;
  /** Why the last deployment failed. */
  readonly failure?: string;
  /** What the last detection found. */
  readonly drift?: StackDrift;
  /** Stack policy in force. */
  readonly policy?: string;
  /** The deployment that ended in a failure and can be rolled back, or its rollback gone on with. */
  readonly suspended?: Deployment;
  readonly disableRollback: boolean;
  /** How long its creation might take. */
  readonly timeoutMinutes?: number;
  readonly terminationProtection: boolean;
  readonly changeSetId?: string;
  readonly eventsWritten: number;
}

export interface StackEvent {
  readonly id: string;
  readonly stackId: string;
  readonly stackName: string;
  readonly logicalId: string;
  readonly physicalId: string;
  readonly type: string;
  readonly at: number;
  readonly status: StackStatus | ResourceStatus;
  readonly reason?: string;
  readonly properties?: string;
  readonly token?: string;
}

/** A resource that an import is to bring under a stack. */
export interface ResourceToImport {
  readonly logicalId: string;
  readonly type: string;
  readonly identifier: Identifier;
}

/** A change that a change set announces. */
export interface Change {
  readonly action: 'Add' | 'Modify' | 'Remove' | 'Import';
  readonly logicalId: string;
  readonly physicalId?: string;
  readonly type: string;
  readonly replacement?: 'True' | 'False' | 'Conditional';
  readonly scope: readonly string[];
  readonly properties: readonly ChangedProperty[];
  /** Of a nested stack: what changes in it. */
  readonly changeSetId?: string;
}

export interface ChangedProperty {
  readonly name: string;
  readonly requiresRecreation: 'Never' | 'Always' | 'Conditionally';
  readonly evaluation: 'Static' | 'Dynamic';
  readonly cause?: string;
}

export type ChangeSetType = 'CREATE' | 'UPDATE' | 'IMPORT';

export interface ChangeSet {
  readonly id: string;
  readonly name: string;
  readonly stackId: string;
  readonly stackName: string;
  readonly description?: string;
  readonly type: ChangeSetType;
  /** Of an import. */
  readonly resourcesToImport?: readonly ResourceToImport[];
  /** Each nested stack that changes has a change set of its own, carried out and deleted with this one. */
  readonly includesNested?: boolean;
  /** Of a nested stack: that of the stack above it, and that of the outermost. */
  readonly parentId?: string;
  readonly rootId?: string;
  readonly status: 'CREATE_COMPLETE' | 'FAILED';
  readonly reason?: string;
  readonly executionStatus:
    | 'AVAILABLE'
    | 'UNAVAILABLE'
    | 'EXECUTE_IN_PROGRESS'
    | 'EXECUTE_COMPLETE'
    | 'EXECUTE_FAILED'
    | 'OBSOLETE';
  readonly createdAt: number;
  readonly definition: Definition;
  readonly changes: readonly Change[];
  readonly onStackFailure?: 'ROLLBACK' | 'DELETE' | 'DO_NOTHING';
}

/** The stack as its next steps are taken in the name of `caller`. */
export function actingFor<S extends Stack>(stack: S, { arn: callerArn, session: callerSession }: Caller): S {
  return { ...stack, callerArn, callerSession };
}

/** In whose name the resources of a stack are made: who has begun its last deployment. */
export function callerOf({ accountId, callerArn: arn, callerSession: session }: Stack): Caller {
  return { accountId, arn, ...(session && { session }) };
}
