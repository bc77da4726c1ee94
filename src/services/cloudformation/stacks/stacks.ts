import { type Clock, type Random, uuid } from '../../../base/index.ts';
import type { Caller } from '../../index.ts';
import type { Call } from '../calls.ts';
import { CloudFormationError, invalid } from '../errors.ts';
import { CLOUDFORMATION_LIMITS } from '../limits.ts';
import type { ReadObjectAs } from '../template/location.ts';
import { type Answers, questionKey } from './answers.ts';
import { ChangeSets } from './change-sets.ts';
import { Deployments, requireUpdatable } from './deployments.ts';
import { detectDrift } from './drift.ts';
import type { StackDriver } from './driver.ts';
import type { Exports } from './exports.ts';
import type { Ownership } from './imports.ts';
import {
  cancelUpdate,
  continueRollback,
  isSettled,
  rollBack,
  startCreate,
  startDelete,
  startUpdate,
} from './machine.ts';
import {
  actingFor,
  type Definition,
  type Deployment,
  type Stack,
  type StackDrift,
  type StackEvent,
  type StackStatus,
} from './model.ts';
import { NestedRequests } from './nested-requests.ts';
import { checkStackPolicy } from './policy.ts';
import { capabilitiesMissing } from './preparation.ts';
import { Proposals } from './proposals.ts';
import type { CreateStackRequest, StackRequest } from './requests.ts';
import type { StackStore } from './store.ts';

export interface StacksDependencies {
  readonly store: StackStore;
  readonly exports: Exports;
  readonly driver: StackDriver;
  readonly answers: Answers;
  readonly ownership: Ownership;
  readonly call: Call;
  readonly readAs: ReadObjectAs;
  readonly clock: Clock;
  readonly random: Random;
  /** How long operations wait for the deployment that they begin. */
  readonly promptMs: number;
}

export const NO_UPDATES = 'No updates are to be performed.';

/** Statuses in which a stack's resources can be compared with what is. */
const DETECTABLE: ReadonlySet<StackStatus> = new Set([
  'CREATE_COMPLETE',
  'UPDATE_COMPLETE',
  'UPDATE_ROLLBACK_COMPLETE',
  'UPDATE_ROLLBACK_FAILED',
  'IMPORT_COMPLETE',
  'IMPORT_ROLLBACK_COMPLETE',
]);

/** Stacks: what may be done to them, and what that begins. */
export class Stacks {
  readonly exports: Exports;
  readonly changeSets: ChangeSets;
  readonly #proposals: Proposals;
  readonly #deployments: Deployments;
  readonly #store: StackStore;
  readonly #driver: StackDriver;
  readonly #answers: Answers;
  readonly #call: Call;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #promptMs: number;

  constructor(dependencies: StacksDependencies) {
    const { store, exports, driver, answers, call, clock, random, promptMs } = dependencies;
    this.exports = exports;
    this.#proposals = new Proposals(dependencies);
    this.#deployments = new Deployments(dependencies);
    const nested = new NestedRequests(dependencies);
    const parts = { proposals: this.#proposals, deployments: this.#deployments, nested };
    this.changeSets = new ChangeSets({ ...dependencies, ...parts });
    this.#store = store;
    this.#driver = driver;
    this.#answers = answers;
    this.#call = call;
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
    return this.#store.find(region, nameOrId);
  }

  /** @throws validation when there is none */
  get(region: string, nameOrId: string): Stack {
    const stack = this.find(region, nameOrId);
    if (!stack) throw invalid(`Stack with id ${nameOrId} does not exist`);
    return stack;
  }

  /** What the stack is made from; `undefined` while it only has change sets. */
  definition(stack: Stack): Definition | undefined {
    return this.#proposals.inForce(stack);
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
    return this.#deployments.exclusively(request.stackName, async () => {
      const existing = this.find(request.region, request.stackName);
      // A nested stack may be there already for its change set alone.
      const reviewed = request.changeSetId !== undefined && existing?.status === 'REVIEW_IN_PROGRESS';
      if (existing && !reviewed)
        throw new CloudFormationError('stack-exists', `Stack [${request.stackName}] already exists`);
      const definition = await this.#proposals.prepare(request, undefined);
      if (usesMacro(definition)) requireAutoExpand(definition);
      const { terminationProtection, timeoutMinutes } = request;
      const stack = {
        ...(existing ?? this.#deployments.newStack(request, terminationProtection)),
        ...(timeoutMinutes !== undefined && { timeoutMinutes }),
      };
      this.#proposals.check(definition, stack, request);
      const begun = await this.#deployments.begin(stack, definition, request, startCreate);
      await this.changeSets.carriedOut(begun);
      return begun;
    });
  }

  async update(request: StackRequest): Promise<Stack> {
    return this.#deployments.exclusively(request.stackName, async () => {
      const stack = this.find(request.region, request.stackName);
      if (!stack) throw invalid(`Stack [${request.stackName}] does not exist`);
      requireUpdatable(stack);
      const definition = await this.#proposals.prepare(request, stack);
      if (usesMacro(definition)) requireAutoExpand(definition);
      this.#proposals.check(definition, stack, request);
      if (!this.#proposals.differs(stack, definition)) throw invalid(NO_UPDATES);
      if (request.changeSetId === undefined) await this.changeSets.outdate(stack);
      const begun = await this.#deployments.begin(stack, definition, request, startUpdate);
      await this.changeSets.carriedOut(begun);
      return begun;
    });
  }

  /** Deleting what is gone, or being deleted, is no error. */
  async delete(
    region: string,
    nameOrId: string,
    options: Pick<Deployment, 'retain' | 'force' | 'token'> & { readonly caller: Caller },
  ): Promise<void> {
    return this.#deployments.exclusively(nameOrId, async () => {
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
      if (options.force && stack.status !== 'DELETE_FAILED') {
        throw invalid(
          'Invalid operation on stack. FORCE_DELETE_STACK is only valid for stacks in the DELETE_FAILED state',
        );
      }
      this.exports.requireUnused(stack, []);
      await this.changeSets.deleteAll(stack);
      await this.#deployments.go(actingFor(stack, options.caller), (current) => startDelete(current, options));
      await this.#forgetOld();
    });
  }

  async cancelUpdate(region: string, nameOrId: string): Promise<Stack> {
    const stack = this.get(region, nameOrId);
    if (stack.status !== 'UPDATE_IN_PROGRESS') {
      throw invalid(`CancelUpdateStack cannot be called from current stack status: ${stack.status}`);
    }
    await this.#driver.amend(stack.uuid, cancelUpdate);
    for (const { id, parentId, status } of this.#store.stacks()) {
      if (parentId === stack.id && status === 'UPDATE_IN_PROGRESS') await this.cancelUpdate(region, id);
    }
    return stack;
  }

  /** Undoes a deployment that failed and was left as it was. */
  async rollback(region: string, nameOrId: string, caller: Caller, token: string | undefined): Promise<Stack> {
    return this.#deployments.exclusively(nameOrId, async () => {
      const stack = this.get(region, nameOrId);
      if (!stack.suspended || (stack.status !== 'CREATE_FAILED' && stack.status !== 'UPDATE_FAILED')) {
        throw invalid(`Stack:${stack.id} is in ${stack.status} state and can not be rolled back.`);
      }
      await this.changeSets.outdate(stack);
      return this.#deployments.go(actingFor(stack, caller), (current) => rollBack(current, token, this.#clock.now()));
    });
  }

  /** Goes on with a rollback that failed. @param skip logical ids that count as undone */
  async continueRollback(
    region: string,
    nameOrId: string,
    options: { readonly skip: readonly string[]; readonly caller: Caller; readonly token?: string },
  ): Promise<void> {
    await this.#deployments.exclusively(nameOrId, async () => {
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
      await this.changeSets.outdate(stack);
      await this.#deployments.go(actingFor(stack, options.caller), (current) =>
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
    return this.#deployments.exclusively(nameOrId, async () => {
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

  async #forgetOld(): Promise<void> {
    const { deletedStackAgeMsMax } = CLOUDFORMATION_LIMITS;
    const oldest = this.#clock.now() - deletedStackAgeMsMax;
    for (const stack of this.#store.stacks()) {
      if (stack.deletedAt !== undefined && stack.deletedAt < oldest) await this.#store.forget(stack);
    }
  }
}

function usesMacro({ hasMacros }: Definition): boolean {
  return hasMacros === true;
}

function requireAutoExpand({ capabilities }: Definition): void {
  if (!capabilities.includes('CAPABILITY_AUTO_EXPAND')) throw capabilitiesMissing(['CAPABILITY_AUTO_EXPAND']);
}
