/* What requests say of a stack to be. */
import type { Caller } from '../../index.ts';
import type { ParameterInput } from '../template/parameters.ts';
import type { ChangeSetType, Deployment, ResourceToImport, Tag } from './model.ts';

/** What Create, Update and CreateChangeSet have in common. */
export interface StackRequest {
  readonly stackName: string;
  readonly region: string;
  readonly caller: Caller;
  /** Absent takes the template in force. */
  readonly templateBody?: string;
  readonly parameters: readonly ParameterInput[];
  /** Absent keeps the tags in force. */
  readonly tags?: readonly Tag[];
  readonly capabilities: readonly string[];
  readonly notificationArns?: readonly string[];
  readonly roleArn?: string;
  /** Types of resources that may be made, changed and removed, `AWS::*` for all of them; any where it is absent. */
  readonly resourceTypes?: readonly string[];
  readonly onFailure: Deployment['onFailure'];
  readonly token?: string;
  /** Stack policy from now on. */
  readonly policy?: string;
  /** Stack policy of this update alone. */
  readonly policyDuringUpdate?: string;
  /** Change set that it carries out. */
  readonly changeSetId?: string;
  /** Stack that it is made or changed for. */
  readonly parent?: { readonly id: string; readonly rootId: string };
}

export type NestedStackRequest = StackRequest & Required<Pick<StackRequest, 'parent'>>;

export interface CreateStackRequest extends StackRequest {
  readonly terminationProtection: boolean;
  /** How long it may take. */
  readonly timeoutMinutes?: number;
  /** When it must have ended at the latest, epoch milliseconds. */
  readonly deadline?: number;
}

export interface ChangeSetRequest extends StackRequest {
  readonly name: string;
  readonly description?: string;
  readonly type: ChangeSetType;
  /** Of an import. */
  readonly resourcesToImport?: readonly ResourceToImport[];
  readonly includesNested?: boolean;
  /** Of a nested stack. */
  readonly above?: AboveChangeSet;
}

/** What stands above the change set of a nested stack. */
export interface AboveChangeSet {
  readonly parentId: string;
  readonly rootId: string;
  /** What the nested stack is given is not known yet: it counts as changed. */
  readonly isUncertain: boolean;
}
