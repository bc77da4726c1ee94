import { type Clock, formatArn, type Random, uuid } from '../../../base/index.ts';
import { CloudFormationError, invalid } from '../errors.ts';
import { CLOUDFORMATION_LIMITS } from '../limits.ts';
import { dependencyGraph } from '../template/program.ts';
import type { StackDriver } from './driver.ts';
import { importsOf, scopeOf, templateOf, unknownWorld } from './evaluation.ts';
import type { Exports } from './exports.ts';
import type { StartOptions } from './machine.ts';
import { actingFor, type Definition, type Stack, type StackStatus } from './model.ts';
import type { CreateStackRequest, StackRequest } from './requests.ts';
import { identityOf } from './step-work.ts';
import type { StackStore } from './store.ts';
import type { Transition } from './transition.ts';

/** Statuses from which a stack may be updated. */
const UPDATABLE: ReadonlySet<StackStatus> = new Set([
  'CREATE_COMPLETE',
  'UPDATE_COMPLETE',
  'UPDATE_FAILED',
  'UPDATE_ROLLBACK_COMPLETE',
  'CREATE_FAILED',
  'IMPORT_COMPLETE',
  'IMPORT_ROLLBACK_COMPLETE',
]);

/** @throws validation  it is not in a status from which it may be updated */
export function requireUpdatable(stack: Stack): void {
  if (!UPDATABLE.has(stack.status)) throw notUpdatable(stack);
}

export function notUpdatable(stack: Stack): CloudFormationError {
  return invalid(`Stack:${stack.id} is in ${stack.status} state and can not be updated.`);
}

/** Begins what is done to stacks: one decision about a stack at a time, stored before it is carried out. */
export class Deployments {
  readonly #store: StackStore;
  readonly #exports: Exports;
  readonly #driver: StackDriver;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #tails = new Map<string, Promise<unknown>>();

  constructor({
    store,
    exports,
    driver,
    clock,
    random,
  }: {
    readonly store: StackStore;
    readonly exports: Exports;
    readonly driver: StackDriver;
    readonly clock: Clock;
    readonly random: Random;
  }) {
    this.#store = store;
    this.#exports = exports;
    this.#driver = driver;
    this.#clock = clock;
    this.#random = random;
  }

  /** One decision about a stack at a time, so that two requests cannot both find it free. */
  exclusively<T>(nameOrId: string, act: () => Promise<T>): Promise<T> {
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
    return nameOrId.startsWith('arn:') ? (this.#store.find('', nameOrId)?.name ?? nameOrId) : nameOrId;
  }

  /** A stack that is not stored yet. @throws limit-exceeded */
  newStack(request: StackRequest, terminationProtection: boolean): Stack {
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

  /** Stores a stack with the definition that it is to have, and begins. */
  begin(
    stack: Stack,
    definition: Definition,
    request: Pick<
      StackRequest,
      'onFailure' | 'caller' | 'token' | 'parent' | 'policy' | 'policyDuringUpdate' | 'changeSetId'
    > &
      Pick<CreateStackRequest, 'deadline'>,
    start: (stack: Stack, options: StartOptions) => Transition,
  ): Promise<Stack> {
    const identity = identityOf(stack, definition.notificationArns);
    const importValue = (name: string) => this.#exports.importValue(stack.region, name);
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
      ...(request.changeSetId !== undefined && { changeSetId: request.changeSetId }),
    };
    const reviewed = request.changeSetId === undefined ? stack : { ...stack, changeSetId: request.changeSetId };
    const counted = actingFor({ ...reviewed, revisionsUsed: revision }, request.caller);
    const withPolicy = (begun: Transition): Transition =>
      request.policy === undefined ? begun : { ...begun, stack: { ...begun.stack, policy: request.policy } };
    return this.go(counted, (current) => withPolicy(start(current, options)), { revision, value: definition });
  }

  /** Stores the beginning of a deployment and lets it run. */
  async go(
    stack: Stack,
    start: (stack: Stack) => Transition,
    definition?: { readonly revision: number; readonly value: Definition },
  ): Promise<Stack> {
    const { stack: begun, events } = start(stack);
    const saved = await this.#store.save(begun, events, this.#clock.now(), definition);
    this.#driver.start(saved);
    return saved;
  }
}
