import { type Clock, formatArn, hasCode, type Random, uuid } from '../../../base/index.ts';
import type { Caller } from '../../index.ts';
import type { Call } from '../calls.ts';
import { CloudFormationError, invalid } from '../errors.ts';
import { CLOUDFORMATION_LIMITS } from '../limits.ts';
import type { ReadObjectAs } from '../template/location.ts';
import type { ParameterInput } from '../template/parameters.ts';
import { dependencyGraph } from '../template/program.ts';
import { sameJson } from '../template/value.ts';
import { type Answers, questionKey } from './answers.ts';
import { announceChanges } from './changes.ts';
import { detectDrift } from './drift.ts';
import { identityOf, type StackDriver } from './driver.ts';
import { computeOutputs, importsOf, scopeOf, templateOf, unknownWorld } from './evaluation.ts';
import type { Exports } from './exports.ts';
import {
  cancelUpdate,
  continueRollback,
  isSettled,
  rollBack,
  type StartOptions,
  startCreate,
  startDelete,
  startUpdate,
} from './machine.ts';
import {
  actingFor,
  type Change,
  type ChangeSet,
  type Definition,
  type Deployment,
  type Stack,
  type StackDrift,
  type StackEvent,
  type StackStatus,
  type Tag,
} from './model.ts';
import { checkStackPolicy } from './policy.ts';
import { capabilitiesMissing, checkDefinition, prepareDefinition } from './preparation.ts';
import type { StackStore } from './store.ts';
import type { Transition } from './transition.ts';

export interface StacksDependencies {
  readonly store: StackStore;
  readonly exports: Exports;
  readonly driver: StackDriver;
  readonly answers: Answers;
  readonly call: Call;
  readonly readAs: ReadObjectAs;
  readonly clock: Clock;
  readonly random: Random;
  /** How long operations wait for the deployment that they begin. */
  readonly promptMs: number;
}

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
  readonly onFailure: Deployment['onFailure'];
  readonly token?: string;
  /** Stack policy from now on. */
  readonly policy?: string;
  /** Stack policy of this update alone. */
  readonly policyDuringUpdate?: string;
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
  readonly type: 'CREATE' | 'UPDATE';
}

export const NO_UPDATES = 'No updates are to be performed.';

/** The words that `aws cloudformation deploy` knows as "nothing to do". */
const NO_CHANGES =
  "The submitted information didn't contain changes. Submit different information to create a change set.";

/** Statuses from which a stack may be updated. */
const UPDATABLE: ReadonlySet<StackStatus> = new Set([
  'CREATE_COMPLETE',
  'UPDATE_COMPLETE',
  'UPDATE_FAILED',
  'UPDATE_ROLLBACK_COMPLETE',
  'CREATE_FAILED',
]);

/** Statuses in which a stack's resources can be compared with what is. */
const DETECTABLE: ReadonlySet<StackStatus> = new Set([
  'CREATE_COMPLETE',
  'UPDATE_COMPLETE',
  'UPDATE_ROLLBACK_COMPLETE',
  'UPDATE_ROLLBACK_FAILED',
]);

/** Stacks and change sets: what may be done to them, and what that begins. */
export class Stacks {
  readonly exports: Exports;
  readonly #store: StackStore;
  readonly #driver: StackDriver;
  readonly #answers: Answers;
  readonly #call: Call;
  readonly #readAs: ReadObjectAs;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #promptMs: number;
  readonly #tails = new Map<string, Promise<unknown>>();

  constructor({ store, exports, driver, answers, call, readAs, clock, random, promptMs }: StacksDependencies) {
    this.exports = exports;
    this.#store = store;
    this.#driver = driver;
    this.#answers = answers;
    this.#call = call;
    this.#readAs = readAs;
    this.#clock = clock;
    this.#random = random;
    this.#promptMs = promptMs;
  }

  /** Stacks of a region, newest first, deleted ones included for as long as they are kept. */
  list(region: string): readonly Stack[] {
    return this.#store
      .stacks()
      .filter((stack) => stack.region === region)
      .sort((a, b) => b.createdAt - a.createdAt || (a.uuid < b.uuid ? 1 : -1));
  }

  /** The stack of this name that lives, or the one of this id even if it is deleted. */
  find(region: string, nameOrId: string): Stack | undefined {
    if (nameOrId.startsWith('arn:')) return this.#store.stack(nameOrId.slice(nameOrId.lastIndexOf('/') + 1));
    return this.#store
      .stacks()
      .find((stack) => stack.name === nameOrId && stack.region === region && stack.status !== 'DELETE_COMPLETE');
  }

  /** @throws validation when there is none */
  get(region: string, nameOrId: string): Stack {
    const stack = this.find(region, nameOrId);
    if (!stack) throw invalid(`Stack with id ${nameOrId} does not exist`);
    return stack;
  }

  /** What the stack is made from; `undefined` while it only has change sets. */
  definition(stack: Stack): Definition | undefined {
    return this.#store.definition(
      stack,
      stack.deployment?.kind === 'create' ? stack.deployment.revision : stack.revision,
    );
  }

  events(stack: Stack, before: number | undefined, limit: number): Promise<readonly StackEvent[]> {
    return this.#store.events(stack, before, limit);
  }

  /** Resolves when what is being done to the stack has ended. */
  async settled(stack: Stack): Promise<Stack> {
    await this.#driver.settled(stack.uuid);
    return this.#store.stack(stack.uuid) ?? stack;
  }

  /** Waits a moment for what was begun on a stack: many stacks are done before their client asks. */
  async prompt(stackId: string): Promise<void> {
    if (this.#promptMs === 0) return;
    const late = new AbortController();
    const moment = this.#clock.sleep(this.#promptMs, late.signal).catch(() => {});
    await Promise.race([this.#driver.settled(stackId.slice(stackId.lastIndexOf('/') + 1)), moment]);
    late.abort();
  }

  async create(request: CreateStackRequest): Promise<Stack> {
    return this.#exclusively(request.stackName, async () => {
      const existing = this.find(request.region, request.stackName);
      if (existing) throw new CloudFormationError('stack-exists', `Stack [${request.stackName}] already exists`);
      const definition = await this.#prepare(request, undefined);
      if (usesMacro(definition)) requireAutoExpand(definition);
      const { terminationProtection, timeoutMinutes } = request;
      const stack = {
        ...this.#newStack(request, terminationProtection),
        ...(timeoutMinutes !== undefined && { timeoutMinutes }),
      };
      this.#check(definition, stack);
      return this.#begin(stack, definition, request, startCreate);
    });
  }

  async update(request: StackRequest): Promise<Stack> {
    return this.#exclusively(request.stackName, async () => {
      const stack = this.find(request.region, request.stackName);
      if (!stack) throw invalid(`Stack [${request.stackName}] does not exist`);
      requireUpdatable(stack);
      const definition = await this.#prepare(request, stack);
      if (usesMacro(definition)) requireAutoExpand(definition);
      this.#check(definition, stack);
      if (!this.#differs(stack, definition)) throw invalid(NO_UPDATES);
      await this.#outdateChangeSets(stack);
      return this.#begin(stack, definition, request, startUpdate);
    });
  }

  /** Deleting what is gone, or being deleted, is no error. */
  async delete(
    region: string,
    nameOrId: string,
    options: { readonly retain: readonly string[]; readonly caller: Caller; readonly token?: string },
  ): Promise<void> {
    return this.#exclusively(nameOrId, async () => {
      const stack = this.find(region, nameOrId);
      if (!stack || stack.status === 'DELETE_COMPLETE' || stack.status === 'DELETE_IN_PROGRESS') return;
      if (stack.terminationProtection) {
        throw invalid(`Stack [${stack.name}] cannot be deleted while TerminationProtection is enabled`);
      }
      if (!isSettled(stack.status)) {
        throw invalid(`Stack [${stack.name}] cannot be deleted while in status ${stack.status}`);
      }
      if (options.retain.length && stack.status !== 'DELETE_FAILED') {
        throw invalid(
          'Invalid operation on stack. RetainResources is only valid for stacks in the DELETE_FAILED state',
        );
      }
      this.exports.requireUnused(stack, []);
      await this.#store.deleteChangeSets(this.#store.changeSets(stack.id).map(({ id }) => id));
      await this.#go(actingFor(stack, options.caller), (current) =>
        startDelete(current, options.retain, options.token),
      );
      await this.#forgetOld();
    });
  }

  async cancelUpdate(region: string, nameOrId: string): Promise<void> {
    const stack = this.get(region, nameOrId);
    if (stack.status !== 'UPDATE_IN_PROGRESS') {
      throw invalid(`CancelUpdateStack cannot be called from current stack status: ${stack.status}`);
    }
    await this.#driver.amend(stack.uuid, cancelUpdate);
    for (const { id, parentId, status } of this.#store.stacks()) {
      if (parentId === stack.id && status === 'UPDATE_IN_PROGRESS') await this.cancelUpdate(region, id);
    }
  }

  /** Undoes a deployment that failed and was left as it was. */
  async rollback(region: string, nameOrId: string, caller: Caller, token: string | undefined): Promise<Stack> {
    return this.#exclusively(nameOrId, async () => {
      const stack = this.get(region, nameOrId);
      if (!stack.suspended || (stack.status !== 'CREATE_FAILED' && stack.status !== 'UPDATE_FAILED')) {
        throw invalid(`Stack:${stack.id} is in ${stack.status} state and can not be rolled back.`);
      }
      await this.#outdateChangeSets(stack);
      return this.#go(actingFor(stack, caller), (current) => rollBack(current, token, this.#clock.now()));
    });
  }

  /** Goes on with a rollback that failed. @param skip logical ids that count as undone */
  async continueRollback(
    region: string,
    nameOrId: string,
    options: { readonly skip: readonly string[]; readonly caller: Caller; readonly token?: string },
  ): Promise<void> {
    await this.#exclusively(nameOrId, async () => {
      const stack = this.get(region, nameOrId);
      if (!stack.suspended || stack.status !== 'UPDATE_ROLLBACK_FAILED') {
        throw invalid(`Stack:${stack.id} is in ${stack.status} state and can not continue to be rolled back.`);
      }
      const { walk } = stack.suspended;
      const unknown = options.skip.filter((id) => walk[id]?.state !== 'failed');
      if (unknown.length > 0) {
        throw invalid(
          `The following resources cannot be skipped, as they did not fail to roll back: [${unknown.join(', ')}]`,
        );
      }
      await this.#outdateChangeSets(stack);
      await this.#go(actingFor(stack, options.caller), (current) =>
        continueRollback(current, options.skip, options.token),
      );
    });
  }

  async setPolicy(region: string, nameOrId: string, policy: string): Promise<void> {
    checkStackPolicy(policy);
    await this.#amend(this.get(region, nameOrId), (current) => ({ ...current, policy }));
  }

  /** Tells a resource that waits for it of a signal. */
  async signal(region: string, nameOrId: string, logicalId: string, id: string, Status: string): Promise<void> {
    const stack = this.get(region, nameOrId);
    const resource = stack.resources[logicalId];
    if (!resource) throw invalid(`Resource ${logicalId} does not exist for stack ${nameOrId}`);
    // Custom resources and wait conditions are answered by whoever was given their URL, and by nobody else.
    if (!resource.question || !resource.pending?.signals || !resource.status.endsWith('_IN_PROGRESS')) {
      throw invalid(`Resource ${logicalId} is in ${resource.status} state and cannot be signaled.`);
    }
    await this.#answers.give(questionKey(stack.uuid, resource.question.id), { id, body: { Status } });
  }

  /** Finds how far a stack's resources are from what it made them; it is stored with the stack. */
  async detectDrift(
    region: string,
    nameOrId: string,
    { caller, only }: { readonly caller: Caller; readonly only?: readonly string[] },
  ): Promise<StackDrift> {
    return this.#exclusively(nameOrId, async () => {
      const stack = this.get(region, nameOrId);
      if (!DETECTABLE.has(stack.status)) {
        throw invalid(`Drift detection cannot be performed on stack [${stack.id}] in status ${stack.status}`);
      }
      const id = uuid(this.#random);
      const drift = await detectDrift(stack, {
        id,
        now: this.#clock.now(),
        call: this.#call,
        caller,
        ...(only && { only }),
        isSecret: (value) => this.masked(stack, JSON.stringify(value)) !== JSON.stringify(value),
      });
      await this.#amend(stack, (current) => ({ ...current, drift }));
      return drift;
    });
  }

  /** JSON of a stack's properties without what was given with `NoEcho`. */
  masked(stack: Stack, json: string): string {
    return this.#store.masked(stack, json);
  }

  async #amend(stack: Stack, amendment: (stack: Stack) => Stack): Promise<Stack> {
    if (await this.#driver.amend(stack.uuid, amendment)) return stack;
    return this.#store.save(amendment(stack), [], this.#clock.now());
  }

  async setTerminationProtection(region: string, nameOrId: string, enabled: boolean): Promise<Stack> {
    const stack = this.get(region, nameOrId);
    return this.#amend(stack, (current) => ({ ...current, terminationProtection: enabled }));
  }

  async createChangeSet(request: ChangeSetRequest): Promise<ChangeSet> {
    return this.#exclusively(request.stackName, async () => {
      const stack = await this.#stackForChangeSet(request);
      const siblings = this.#store.changeSets(stack.id);
      const namesake = siblings.find(({ name }) => name === request.name);
      // One that cannot be executed makes room: the aws CLI names its change sets by the second, and ours are made at once.
      if (namesake?.executionStatus === 'AVAILABLE') {
        throw new CloudFormationError('change-set-exists', `ChangeSet ${request.name} already exists`);
      }
      if (siblings.length >= CLOUDFORMATION_LIMITS.changeSetsPerStackMax) {
        throw new CloudFormationError('limit-exceeded', `Stack ${stack.name} has too many change sets`);
      }
      const definition = await this.#prepare(request, stack);
      this.#check(definition, stack);
      const changes = this.#announce(stack, definition);
      const changeSet = this.#changeSetOf(request, stack, definition, changes);
      await this.#store.saveChangeSet(changeSet);
      if (namesake) await this.#store.deleteChangeSets([namesake.id]);
      return changeSet;
    });
  }

  /**
   * By its ARN, or by its name and that of its stack. Where both name a stack it must be one: rights are asked on that of the name.
   * @throws change-set-not-found
   */
  getChangeSet(region: string, nameOrId: string, stackName: string | undefined): ChangeSet {
    const byId = nameOrId.startsWith('arn:') ? this.#store.changeSet(nameOrId) : undefined;
    const stack = stackName === undefined ? undefined : this.find(region, stackName);
    const found = byId ?? (stack && this.#store.changeSets(stack.id).find(({ name }) => name === nameOrId));
    if (!found || (stackName !== undefined && found.stackId !== stack?.id))
      throw new CloudFormationError('change-set-not-found', `ChangeSet [${nameOrId}] does not exist`);
    return found;
  }

  changeSets(stack: Stack): readonly ChangeSet[] {
    return [...this.#store.changeSets(stack.id)].sort((a, b) => b.createdAt - a.createdAt);
  }

  async executeChangeSet(
    changeSet: ChangeSet,
    options: { readonly disableRollback: boolean; readonly caller: Caller; readonly token?: string },
  ): Promise<void> {
    return this.#exclusively(changeSet.stackName, async () => {
      if (changeSet.executionStatus !== 'AVAILABLE') {
        throw new CloudFormationError(
          'change-set-state',
          `ChangeSet [${changeSet.id}] cannot be executed in its current status of [${changeSet.status}]`,
        );
      }
      const stack = this.#store.stacks().find(({ id }) => id === changeSet.stackId)!;
      const creating = stack.status === 'REVIEW_IN_PROGRESS';
      if (!creating) requireUpdatable(stack);
      const onFailure = options.disableRollback ? 'DO_NOTHING' : (changeSet.onStackFailure ?? 'ROLLBACK');
      const start = { onFailure, caller: options.caller, ...(options.token !== undefined && { token: options.token }) };
      const reviewed = { ...stack, changeSetId: changeSet.id };
      await this.#begin(reviewed, changeSet.definition, start, creating ? startCreate : startUpdate);
      await this.#store.saveChangeSet({ ...changeSet, executionStatus: 'EXECUTE_COMPLETE' });
      const others = this.#store.changeSets(stack.id).filter(({ id }) => id !== changeSet.id);
      await this.#store.deleteChangeSets(others.map(({ id }) => id));
    });
  }

  async deleteChangeSet(changeSet: ChangeSet): Promise<void> {
    await this.#store.deleteChangeSets([changeSet.id]);
  }

  /** They tell what would change in what will not be there any more. */
  async #outdateChangeSets(stack: Stack): Promise<void> {
    for (const changeSet of this.#store.changeSets(stack.id)) {
      if (changeSet.executionStatus !== 'AVAILABLE') continue;
      await this.#store.saveChangeSet({ ...changeSet, executionStatus: 'OBSOLETE' });
    }
  }

  /** One decision about a stack at a time, so that two requests cannot both find it free. */
  #exclusively<T>(nameOrId: string, act: () => Promise<T>): Promise<T> {
    const stackName = this.#nameOf(nameOrId);
    const turn = (this.#tails.get(stackName) ?? Promise.resolve()).then(act, act);
    this.#tails.set(stackName, turn);
    const forget = () => {
      if (this.#tails.get(stackName) === turn) this.#tails.delete(stackName);
    };
    turn.then(forget, forget);
    return turn;
  }

  /** What the stack itself is called: the name within an id decides nothing. */
  #nameOf(nameOrId: string): string {
    return nameOrId.startsWith('arn:') ? (this.find('', nameOrId)?.name ?? nameOrId) : nameOrId;
  }

  async #prepare(request: StackRequest, stack: Stack | undefined): Promise<Definition> {
    const previous = stack && this.definition(stack);
    const templateBody = request.templateBody ?? previous?.templateBody;
    if (templateBody === undefined) throw invalid('Either Template URL or Template Body must be specified.');
    const roleArn = request.roleArn ?? previous?.roleArn;
    return prepareDefinition(
      {
        templateBody,
        parameters: request.parameters,
        tags: request.tags ?? previous?.tags ?? [],
        capabilities: request.capabilities,
        notificationArns: request.notificationArns ?? previous?.notificationArns ?? [],
        ...(roleArn !== undefined && { roleArn }),
      },
      previous,
      {
        identity: stack
          ? identityOf(stack, [])
          : {
              name: request.stackName,
              id: '',
              region: request.region,
              accountId: request.caller.accountId,
              notificationArns: [],
            },
        readObject: this.#readAs(request),
        storedParameter: (name) => this.#storedParameter(name, request),
      },
    );
  }

  async #storedParameter(Name: string, { region, caller }: StackRequest): Promise<string> {
    try {
      const { Parameter } = await this.#call('ssm', 'GetParameter', { Name }, { region, caller });
      if (Parameter.Type === 'SecureString') {
        throw invalid(`Parameters [${Name}] referenced by template have types not supported by CloudFormation.`);
      }
      return String(Parameter.Value);
    } catch (error) {
      if (!hasCode(error, 'ParameterNotFound')) throw error;
      throw invalid(`Unable to fetch parameters [${Name}] from parameter store for this account.`);
    }
  }

  #check(definition: Definition, stack: Stack): void {
    const identity = identityOf(stack, definition.notificationArns);
    checkDefinition(definition, identity, (name) => this.exports.importValue(stack.region, name));
    this.#requireSameTypes(definition, stack);
    const exported = this.#exportNames(definition, stack);
    this.exports.requireUnused(stack, exported);
    this.exports.requireFree(stack, exported);
  }

  #requireSameTypes(definition: Definition, stack: Stack): void {
    const { resources } = templateOf(definition);
    const changed = Object.values(stack.resources)
      .filter(
        ({ logicalId, type, physicalId }) => physicalId && resources[logicalId] && resources[logicalId].Type !== type,
      )
      .map(({ logicalId }) => logicalId);
    if (changed.length) {
      throw invalid(
        `Update of resource type is not permitted. The new template modifies resource type of the following resources: [${changed.join(', ')}]`,
      );
    }
  }

  /** Names of the exports that a definition will have. */
  #exportNames(definition: Definition, stack: Stack): readonly string[] {
    const importValue = (name: string) => this.exports.importValue(stack.region, name);
    const world = unknownWorld(templateOf(definition), importValue);
    const outputs = computeOutputs(scopeOf(definition, identityOf(stack, definition.notificationArns), world));
    return outputs.flatMap(({ exportName }) => (exportName ? [exportName] : []));
  }

  #announce(stack: Stack, definition: Definition): readonly Change[] {
    const identity = identityOf(stack, definition.notificationArns);
    return announceChanges(definition, identity, stack.resources, (name) =>
      this.exports.importValue(stack.region, name),
    );
  }

  #differs(stack: Stack, definition: Definition): boolean {
    const previous = this.definition(stack);
    if (!previous || stack.status.endsWith('_FAILED')) return true;
    if (this.#announce(stack, definition).length > 0) return true;
    return !sameJson(
      [definition.processed.Outputs, definition.tags, definition.notificationArns],
      [previous.processed.Outputs, previous.tags, previous.notificationArns],
    );
  }

  #newStack(request: StackRequest, terminationProtection: boolean): Stack {
    if (this.#store.stacks().length >= CLOUDFORMATION_LIMITS.stacksMax) {
      throw new CloudFormationError(
        'limit-exceeded',
        `Limit for stack has been exceeded (${CLOUDFORMATION_LIMITS.stacksMax})`,
      );
    }
    const { stackName: name, region, caller, parent } = request;
    // The id of one that is there no more: a stack is not called so.
    if (name.startsWith('arn:')) throw invalid(`Stack [${name}] does not exist`);
    const id = uuid(this.#random);
    return {
      id: formatArn('cloudformation', region, caller.accountId, `stack/${name}/${id}`),
      uuid: id,
      name,
      region,
      accountId: caller.accountId,
      callerArn: caller.arn,
      callerSession: caller.session,
      status: 'REVIEW_IN_PROGRESS',
      createdAt: this.#clock.now(),
      revision: 0,
      revisionsUsed: 0,
      resources: {},
      outputs: [],
      imports: [],
      disableRollback: false,
      terminationProtection,
      ...(parent && { parentId: parent.id, rootId: parent.rootId }),
      eventsWritten: 0,
    };
  }

  /** A change set of a stack that is not there makes one, empty and under review. */
  async #stackForChangeSet(request: ChangeSetRequest): Promise<Stack> {
    const existing = this.find(request.region, request.stackName);
    if (request.type === 'UPDATE') {
      if (!existing) throw invalid(`Stack [${request.stackName}] does not exist`);
      if (existing.status === 'REVIEW_IN_PROGRESS') throw notUpdatable(existing);
      requireUpdatable(existing);
      return existing;
    }
    if (existing && existing.status !== 'REVIEW_IN_PROGRESS') {
      throw invalid(
        `Stack [${request.stackName}] already exists and cannot be created again with the changeSet [${request.name}].`,
      );
    }
    if (existing) return existing;
    const stack = this.#newStack(request, false);
    // Before the stack is there: a template that is wrong leaves none behind.
    this.#check(await this.#prepare(request, undefined), stack);
    const event = {
      logicalId: stack.name,
      physicalId: stack.id,
      type: 'AWS::CloudFormation::Stack',
      status: stack.status,
    };
    return this.#store.save(stack, [{ ...event, reason: 'User Initiated' }], this.#clock.now());
  }

  #changeSetOf(request: ChangeSetRequest, stack: Stack, definition: Definition, changes: readonly Change[]): ChangeSet {
    const empty = request.type === 'UPDATE' && !this.#differs(stack, definition);
    return {
      id: formatArn('cloudformation', stack.region, stack.accountId, `changeSet/${request.name}/${uuid(this.#random)}`),
      name: request.name,
      stackId: stack.id,
      stackName: stack.name,
      ...(request.description !== undefined && { description: request.description }),
      type: request.type,
      status: empty ? 'FAILED' : 'CREATE_COMPLETE',
      ...(empty && { reason: NO_CHANGES }),
      executionStatus: empty ? 'UNAVAILABLE' : 'AVAILABLE',
      createdAt: this.#clock.now(),
      definition,
      changes,
      onStackFailure: request.onFailure,
    };
  }

  #begin(
    stack: Stack,
    definition: Definition,
    request: Pick<StackRequest, 'onFailure' | 'caller' | 'token' | 'parent' | 'policy' | 'policyDuringUpdate'> &
      Pick<CreateStackRequest, 'deadline'>,
    start: (stack: Stack, options: StartOptions) => Transition,
  ): Promise<Stack> {
    const identity = identityOf(stack, definition.notificationArns);
    const importValue = (name: string) => this.exports.importValue(stack.region, name);
    const scope = scopeOf(definition, identity, unknownWorld(templateOf(definition), importValue));
    const revision = stack.revisionsUsed + 1;
    const options: StartOptions = {
      revision,
      graph: dependencyGraph(scope),
      onFailure: request.onFailure,
      imports: importsOf(scope),
      ...(request.parent && { isHeld: true }),
      ...(request.policyDuringUpdate !== undefined && { policyDuringUpdate: request.policyDuringUpdate }),
      ...(request.deadline !== undefined && { deadline: request.deadline }),
      now: this.#clock.now(),
      ...(request.token !== undefined && { token: request.token }),
    };
    const counted = actingFor({ ...stack, revisionsUsed: revision }, request.caller);
    const withPolicy = (begun: Transition): Transition =>
      request.policy === undefined ? begun : { ...begun, stack: { ...begun.stack, policy: request.policy } };
    return this.#go(counted, (current) => withPolicy(start(current, options)), { revision, value: definition });
  }

  /** Stores the beginning of a deployment and lets it run. */
  async #go(
    stack: Stack,
    start: (stack: Stack) => Transition,
    definition?: { readonly revision: number; readonly value: Definition },
  ): Promise<Stack> {
    const { stack: begun, events } = start(stack);
    const saved = await this.#store.save(begun, events, this.#clock.now(), definition);
    this.#driver.start(saved);
    return saved;
  }

  async #forgetOld(): Promise<void> {
    const { deletedStackAgeMsMax } = CLOUDFORMATION_LIMITS;
    const oldest = this.#clock.now() - deletedStackAgeMsMax;
    for (const stack of this.#store.stacks()) {
      if (stack.deletedAt !== undefined && stack.deletedAt < oldest) await this.#store.forget(stack);
    }
  }
}

function requireUpdatable(stack: Stack): void {
  if (!UPDATABLE.has(stack.status)) throw notUpdatable(stack);
}

function notUpdatable(stack: Stack): CloudFormationError {
  return invalid(`Stack:${stack.id} is in ${stack.status} state and can not be updated.`);
}

function usesMacro({ hasMacros }: Definition): boolean {
  return hasMacros === true;
}

function requireAutoExpand({ capabilities }: Definition): void {
  if (!capabilities.includes('CAPABILITY_AUTO_EXPAND')) throw capabilitiesMissing(['CAPABILITY_AUTO_EXPAND']);
}
