import { type Clock, DomainError, formatArn, type Random, uuid } from '../../../base/index.ts';
import type { Caller } from '../../index.ts';
import { CloudFormationError, invalid } from '../errors.ts';
import { CLOUDFORMATION_LIMITS } from '../limits.ts';
import { type Deployments, notUpdatable, requireUpdatable } from './deployments.ts';
import { checkImport, type ImportPlan, type Ownership, planImports } from './imports.ts';
import { startCreate, startImport, startUpdate } from './machine.ts';
import type { Change, ChangeSet, Definition, Deployment, Stack, StackStatus } from './model.ts';
import { NESTED_TYPE, type NestedChange, type NestedRequests } from './nested-requests.ts';
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

const isAvailable = ({ executionStatus }: ChangeSet) => executionStatus === 'AVAILABLE';

const withChangeSet = (change: Change, changeSetId: string | undefined): Change =>
  changeSetId === undefined ? change : { ...change, changeSetId };

/** @throws change-set-state  it is that of a nested stack */
function requireRoot({ id, rootId }: ChangeSet, deed: string): void {
  if (rootId === undefined) return;
  throw new CloudFormationError(
    'change-set-state',
    `ChangeSet [${id}] cannot be ${deed} by itself: it belongs to the root change set [${rootId}]`,
  );
}

/** Change sets: what an update would do, kept until it is carried out. */
export class ChangeSets {
  readonly #store: StackStore;
  readonly #proposals: Proposals;
  readonly #deployments: Deployments;
  readonly #ownership: Ownership;
  readonly #nested: NestedRequests;
  readonly #clock: Clock;
  readonly #random: Random;

  constructor({
    store,
    proposals,
    deployments,
    ownership,
    nested,
    clock,
    random,
  }: {
    readonly store: StackStore;
    readonly proposals: Proposals;
    readonly deployments: Deployments;
    readonly ownership: Ownership;
    readonly nested: NestedRequests;
    readonly clock: Clock;
    readonly random: Random;
  }) {
    this.#store = store;
    this.#proposals = proposals;
    this.#deployments = deployments;
    this.#ownership = ownership;
    this.#nested = nested;
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
      this.#proposals.check(definition, stack, request);
      const changeSet = await this.#changeSetOf(request, stack, definition);
      await this.#store.saveChangeSet(changeSet);
      if (namesake) await this.#remove([namesake]);
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
      requireRoot(changeSet, 'executed');
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
      const { caller, token } = options;
      const start = { onFailure, caller, changeSetId: changeSet.id, ...(token !== undefined && { token }) };
      await this.#deployments.begin(stack, changeSet.definition, start, begin);
      await this.#executed(changeSet);
    });
  }

  /** What is carried out takes the place of all that was proposed beside it. */
  async #executed(changeSet: ChangeSet): Promise<void> {
    await this.#store.saveChangeSet({ ...changeSet, executionStatus: 'EXECUTE_COMPLETE' });
    const others = this.#store.changeSets(changeSet.stackId).filter(({ id }) => id !== changeSet.id);
    await this.#remove(others);
  }

  async delete(changeSet: ChangeSet): Promise<void> {
    requireRoot(changeSet, 'deleted');
    await this.#remove([changeSet]);
  }

  /** Those of a stack that goes. */
  async deleteAll(stack: Stack): Promise<void> {
    await this.#remove(this.#store.changeSets(stack.id));
  }

  /** With those of nested stacks, and with the stacks that are there only to be reviewed. */
  async #remove(changeSets: readonly ChangeSet[]): Promise<void> {
    const all = changeSets.flatMap((one) => [one, ...this.#hierarchyBelow(one)]);
    await this.#store.deleteChangeSets(all.map(({ id }) => id));
    for (const { stackId, parentId } of all) {
      const stack = this.#store.stacks().find(({ id }) => id === stackId);
      if (parentId !== undefined && stack?.status === 'REVIEW_IN_PROGRESS') await this.#store.forget(stack);
    }
  }

  #hierarchyBelow({ id }: ChangeSet): readonly ChangeSet[] {
    return this.#store.changeSetsBelow(id).flatMap((one) => [one, ...this.#hierarchyBelow(one)]);
  }

  /**
   * What a deployment that carries out a change set is to make of a nested stack.
   *
   * @param stackId  of the nested stack; absent for one that is to be made
   * @returns the nested stack's change set; `as it stands` where there was nothing to do, nothing where nobody has looked
   */
  reviewed(
    deployment: Deployment | undefined,
    logicalId: string,
    stackId: string | undefined,
  ): ChangeSet | 'as it stands' | undefined {
    const { changeSetId = '' } = deployment ?? {};
    const carriedOut = this.#store.changeSet(changeSetId);
    if (!carriedOut?.includesNested) return undefined;
    const change = carriedOut.changes.find((one) => one.logicalId === logicalId);
    if (!change) return 'as it stands';
    const nested = change.changeSetId === undefined ? undefined : this.#store.changeSet(change.changeSetId);
    return stackId === undefined || nested?.stackId === stackId ? nested : undefined;
  }

  /** A nested stack is being deployed as it was reviewed. */
  async carriedOut(stack: Stack): Promise<void> {
    const changeSet = this.#store.changeSet(stack.deployment?.changeSetId ?? '');
    if (changeSet) await this.#executed(changeSet);
  }

  /** The deployment of a stack is over: what it did not get to in nested stacks will not be done. */
  async tidy({ changeSetId }: Pick<Stack, 'changeSetId'>): Promise<void> {
    const left = this.#store.changeSetsBelow(changeSetId ?? '').filter(isAvailable);
    const isNew = ({ type }: ChangeSet) => type === 'CREATE';
    await this.#remove(left.filter(isNew));
    for (const one of left.filter((other) => !isNew(other))) {
      await this.#store.saveChangeSet({ ...one, executionStatus: 'OBSOLETE' });
      await this.tidy({ changeSetId: one.id });
    }
  }

  /** After a crash: what belongs to a change set that is not there, or was carried out. */
  async tidyAll(): Promise<void> {
    const stacks = this.#store.stacks();
    const isDeployed = new Set(stacks.flatMap(({ id, deployment }) => (deployment ? [id] : [])));
    const nested = this.#store.changeSets().filter(isAvailable);
    for (const changeSetId of new Set(nested.flatMap(({ parentId }) => parentId ?? []))) {
      const above = this.#store.changeSet(changeSetId);
      if (!above || (!isAvailable(above) && !isDeployed.has(above.stackId))) await this.tidy({ changeSetId });
    }
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
    if (existing && existing.parentId !== request.parent?.id) throw notUpdatable(existing);
    if (existing) return existing;
    const stack = this.#deployments.newStack(request, false);
    // Before the stack is there: a template that is wrong leaves none behind.
    const definition = await this.#proposals.prepare(request, undefined);
    this.#proposals.check(definition, stack, request);
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
  async #outcome(id: string, request: ChangeSetRequest, stack: Stack, definition: Definition): Promise<Outcome> {
    if (request.type !== 'IMPORT') {
      const outcome = request.includesNested
        ? await this.#nestedOutcome(id, request, stack, definition)
        : { changes: this.#proposals.announce(stack, definition) };
      if ('fault' in outcome || request.type === 'CREATE' || request.above?.isUncertain) return outcome;
      const differs = this.#proposals.differs(stack, definition, outcome.changes);
      return differs ? outcome : { ...outcome, fault: NO_CHANGES };
    }
    const plan = this.#checkedImport(request, stack, definition);
    return planImports(plan, this.#proposals.reading(request, stack, definition), this.#ownership);
  }

  /** Gives each nested stack that changes a change set; one that does not is no change. */
  async #nestedOutcome(
    id: string,
    request: ChangeSetRequest,
    stack: Stack,
    definition: Definition,
  ): Promise<{ readonly changes: readonly Change[] } | { readonly fault: string }> {
    const steady = new Set<string>();
    const made = new Map<string, string | undefined>();
    for (;;) {
      // What a nested stack gives that stays as it is, those after it may be made from.
      const { changes, properties } = this.#proposals.preview(stack, definition, steady);
      const isOpen = ({ logicalId }: Change) => !made.has(logicalId) && !steady.has(logicalId);
      const next = changes.find((one) => one.type === NESTED_TYPE && one.action !== 'Remove' && isOpen(one));
      if (!next) return { changes: changes.map((one) => withChangeSet(one, made.get(one.logicalId))) };
      const { logicalId } = next;
      try {
        const plan = { id, request, stack, definition, change: next, properties: properties.get(logicalId)! };
        const nested = await this.#nestedChangeSet(plan);
        if (nested === 'nothing to do') steady.add(logicalId);
        else made.set(logicalId, nested?.id);
      } catch (error) {
        if (!(error instanceof DomainError)) throw error;
        await this.#remove(this.#store.changeSetsBelow(id));
        return { fault: `Nested change set of ${logicalId} was not successfully created: ${error.message}` };
      }
    }
  }

  async #nestedChangeSet(plan: NestedChange): Promise<ChangeSet | 'nothing to do' | undefined> {
    const request = await this.#nested.of(plan);
    if (!request) return undefined;
    const made = await this.create(request);
    if (made.status !== 'FAILED') return made;
    await this.#remove([made]);
    if (made.reason !== NO_CHANGES) throw invalid(made.reason!);
    return 'nothing to do';
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
    const id = formatArn(
      'cloudformation',
      stack.region,
      stack.accountId,
      `changeSet/${request.name}/${uuid(this.#random)}`,
    );
    const { changes = [], fault } = await this.#outcome(id, request, stack, definition);
    const failed = fault !== undefined;
    const { parentId, rootId } = request.above ?? {};
    return {
      id,
      name: request.name,
      stackId: stack.id,
      stackName: stack.name,
      ...(request.description !== undefined && { description: request.description }),
      type: request.type,
      ...(request.resourcesToImport && { resourcesToImport: request.resourcesToImport }),
      ...(request.includesNested && { includesNested: true }),
      ...(parentId !== undefined && { parentId }),
      ...(rootId !== undefined && { rootId }),
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
