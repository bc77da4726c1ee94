import { type Clock, formatArn, type Random, uuid } from '../../../base/index.ts';
import type { Caller } from '../../index.ts';
import { CloudFormationError, invalid } from '../errors.ts';
import { CLOUDFORMATION_LIMITS } from '../limits.ts';
import { type Deployments, notUpdatable, requireUpdatable } from './deployments.ts';
import { checkImport, type ImportPlan, type Ownership, planImports } from './imports.ts';
import { startCreate, startImport, startUpdate } from './machine.ts';
import type { Change, ChangeSet, Definition, Stack, StackStatus } from './model.ts';
import type { Proposals } from './proposals.ts';
import type { ChangeSetRequest } from './requests.ts';
import type { StackStore } from './store.ts';

/** The words that `aws cloudformation deploy` knows as "nothing to do". */
const NO_CHANGES =
  "The submitted information didn't contain changes. Submit different information to create a change set.";

/** Statuses in which a stack can take resources in. */
const IMPORTABLE: ReadonlySet<StackStatus> = new Set([
  'CREATE_COMPLETE',
  'UPDATE_COMPLETE',
  'UPDATE_ROLLBACK_COMPLETE',
  'IMPORT_COMPLETE',
  'IMPORT_ROLLBACK_COMPLETE',
]);

interface Outcome {
  readonly changes?: readonly Change[];
  readonly fault?: string;
}

/** Change sets: what an update would do, kept until it is carried out. */
export class ChangeSets {
  readonly #store: StackStore;
  readonly #proposals: Proposals;
  readonly #deployments: Deployments;
  readonly #ownership: Ownership;
  readonly #clock: Clock;
  readonly #random: Random;

  constructor({
    store,
    proposals,
    deployments,
    ownership,
    clock,
    random,
  }: {
    readonly store: StackStore;
    readonly proposals: Proposals;
    readonly deployments: Deployments;
    readonly ownership: Ownership;
    readonly clock: Clock;
    readonly random: Random;
  }) {
    this.#store = store;
    this.#proposals = proposals;
    this.#deployments = deployments;
    this.#ownership = ownership;
    this.#clock = clock;
    this.#random = random;
  }

  async create(request: ChangeSetRequest): Promise<ChangeSet> {
    return this.#deployments.exclusively(request.stackName, async () => {
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
      const definition = await this.#proposals.prepare(request, stack);
      this.#proposals.check(definition, stack);
      const changeSet = await this.#changeSetOf(request, stack, definition);
      await this.#store.saveChangeSet(changeSet);
      if (namesake) await this.#store.deleteChangeSets([namesake.id]);
      return changeSet;
    });
  }

  /**
   * By its ARN, or by its name and that of its stack. Where both name a stack it must be one: rights are asked on that of the name.
   * @throws change-set-not-found
   */
  get(region: string, nameOrId: string, stackName: string | undefined): ChangeSet {
    const byId = nameOrId.startsWith('arn:') ? this.#store.changeSet(nameOrId) : undefined;
    const stack = stackName === undefined ? undefined : this.#store.find(region, stackName);
    const found = byId ?? (stack && this.#store.changeSets(stack.id).find(({ name }) => name === nameOrId));
    if (!found || (stackName !== undefined && found.stackId !== stack?.id))
      throw new CloudFormationError('change-set-not-found', `ChangeSet [${nameOrId}] does not exist`);
    return found;
  }

  list(stack: Stack): readonly ChangeSet[] {
    return [...this.#store.changeSets(stack.id)].sort((a, b) => b.createdAt - a.createdAt);
  }

  async execute(
    changeSet: ChangeSet,
    options: { readonly disableRollback: boolean; readonly caller: Caller; readonly token?: string },
  ): Promise<void> {
    return this.#deployments.exclusively(changeSet.stackName, async () => {
      if (changeSet.executionStatus !== 'AVAILABLE') {
        throw new CloudFormationError(
          'change-set-state',
          `ChangeSet [${changeSet.id}] cannot be executed in its current status of [${changeSet.status}]`,
        );
      }
      const stack = this.#store.stacks().find(({ id }) => id === changeSet.stackId)!;
      const creating = stack.status === 'REVIEW_IN_PROGRESS';
      if (!creating) requireUpdatable(stack);
      const imported = changeSet.resourcesToImport?.map((one) => [one.logicalId, one.identifier] as const);
      const begin: Parameters<Deployments['begin']>[3] = imported
        ? (current, options) => startImport(current, options, Object.fromEntries(imported))
        : creating
          ? startCreate
          : startUpdate;
      const onFailure = options.disableRollback ? 'DO_NOTHING' : (changeSet.onStackFailure ?? 'ROLLBACK');
      const start = { onFailure, caller: options.caller, ...(options.token !== undefined && { token: options.token }) };
      const reviewed = { ...stack, changeSetId: changeSet.id };
      await this.#deployments.begin(reviewed, changeSet.definition, start, begin);
      await this.#store.saveChangeSet({ ...changeSet, executionStatus: 'EXECUTE_COMPLETE' });
      const others = this.#store.changeSets(stack.id).filter(({ id }) => id !== changeSet.id);
      await this.#store.deleteChangeSets(others.map(({ id }) => id));
    });
  }

  async delete(changeSet: ChangeSet): Promise<void> {
    await this.#store.deleteChangeSets([changeSet.id]);
  }

  /** They tell what would change in what will not be there any more. */
  async outdate(stack: Stack): Promise<void> {
    for (const changeSet of this.#store.changeSets(stack.id)) {
      if (changeSet.executionStatus !== 'AVAILABLE') continue;
      await this.#store.saveChangeSet({ ...changeSet, executionStatus: 'OBSOLETE' });
    }
  }

  /** A change set of a stack that is not there makes one, empty and under review. */
  async #stackForChangeSet(request: ChangeSetRequest): Promise<Stack> {
    const existing = this.#store.find(request.region, request.stackName);
    if (request.type === 'IMPORT' && existing && existing.status !== 'REVIEW_IN_PROGRESS') {
      if (!IMPORTABLE.has(existing.status)) throw notUpdatable(existing);
      return existing;
    }
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
    const stack = this.#deployments.newStack(request, false);
    // Before the stack is there: a template that is wrong leaves none behind.
    const definition = await this.#proposals.prepare(request, undefined);
    this.#proposals.check(definition, stack);
    if (request.type === 'IMPORT') this.#checkedImport(request, stack, definition);
    const event = {
      logicalId: stack.name,
      physicalId: stack.id,
      type: 'AWS::CloudFormation::Stack',
      status: stack.status,
    };
    return this.#store.save(stack, [{ ...event, reason: 'User Initiated' }], this.#clock.now());
  }

  /** What a change set would do; or why it can do nothing. */
  async #outcome(request: ChangeSetRequest, stack: Stack, definition: Definition): Promise<Outcome> {
    if (request.type !== 'IMPORT') {
      const empty = request.type === 'UPDATE' && !this.#proposals.differs(stack, definition);
      return { changes: this.#proposals.announce(stack, definition), ...(empty && { fault: NO_CHANGES }) };
    }
    const plan = this.#checkedImport(request, stack, definition);
    return planImports(plan, this.#proposals.reading(request, stack, definition), this.#ownership);
  }

  #checkedImport(request: ChangeSetRequest, stack: Stack, definition: Definition): ImportPlan {
    const plan: ImportPlan = {
      resources: request.resourcesToImport ?? [],
      stack,
      definition,
      previous: this.#proposals.inForce(stack),
      changes: this.#proposals.announce(stack, definition),
      propertiesOf: this.#proposals.properties(stack, definition),
    };
    checkImport(plan);
    return plan;
  }

  async #changeSetOf(request: ChangeSetRequest, stack: Stack, definition: Definition): Promise<ChangeSet> {
    const { changes = [], fault } = await this.#outcome(request, stack, definition);
    const failed = fault !== undefined;
    return {
      id: formatArn('cloudformation', stack.region, stack.accountId, `changeSet/${request.name}/${uuid(this.#random)}`),
      name: request.name,
      stackId: stack.id,
      stackName: stack.name,
      ...(request.description !== undefined && { description: request.description }),
      type: request.type,
      ...(request.resourcesToImport && { resourcesToImport: request.resourcesToImport }),
      status: failed ? 'FAILED' : 'CREATE_COMPLETE',
      ...(failed && { reason: fault }),
      executionStatus: failed ? 'UNAVAILABLE' : 'AVAILABLE',
      createdAt: this.#clock.now(),
      definition,
      changes,
      onStackFailure: request.onFailure,
    };
  }
}
