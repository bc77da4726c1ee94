import { hasCode, InternalError, isAbort, messageOf } from '../../../base/index.ts';
import { CLOUDFORMATION_LIMITS } from '../limits.ts';
import { findImported } from '../resources/importing.ts';
import { resourceType } from '../resources/index.ts';
import { coerceProperties } from '../resources/properties.ts';
import type { Made, ResourceType, Work } from '../resources/resource-type.ts';
import type { ResolvedReferences } from '../template/dynamic-references.ts';
import type { Scope } from '../template/evaluate.ts';
import { type JsonObject, sameJson } from '../template/value.ts';
import { actionFor } from './changes.ts';
import { computeOutputs, knownProperties, resourceProperties, scopeOf, standingWorld } from './evaluation.ts';
import { decideHeld, isCalledOff, isGivenUp, nextPhase } from './machine.ts';
import type { Output, PendingStep, Stack, StackResource } from './model.ts';
import { keptName, physicalName } from './naming.ts';
import { deniedByPolicy } from './policy.ts';
import { type SignalPolicy, signalPolicyOf } from './signals.ts';
import {
  type DriverDependencies,
  identityOf,
  type Run,
  STEP_CANCELLED,
  StepWork,
  type StepWorkDependencies,
} from './step-work.ts';
import {
  beginStep,
  completeStep,
  deletionTarget,
  failBegin,
  failStep,
  isRetained,
  markDeletion,
  noteImported,
  skipStep,
} from './steps.ts';
import type { Transition } from './transition.ts';
import { isOver, nodesIn, readyNodes } from './walk.ts';

/**
 * Carries out what the machine decides: stores every transition before it acts on it, runs the steps that are ready beside each
 * other, and takes up again what a crash cut off. One run a stack at a time.
 */
export class StackDriver implements AsyncDisposable {
  readonly #dependencies: DriverDependencies;
  readonly #runs = new Map<string, Run>();
  readonly #stop = new AbortController();
  readonly #stepWork: StepWork;

  constructor(dependencies: DriverDependencies) {
    this.#dependencies = dependencies;
    const change: StepWorkDependencies['change'] = (run, transition) => this.#change(run, transition);
    this.#stepWork = new StepWork({ ...dependencies, signal: this.#stop.signal, change });
  }

  /** Takes up every deployment that was under way when the node stopped. */
  resume(): void {
    const { answers, store, logger } = this.#dependencies;
    const under = new Set(store.stacks().flatMap(({ uuid, deployment }) => (deployment ? [uuid] : [])));
    answers.keepOnly(under).catch((error: unknown) => logger.error('stack-answers-not-cleared', { error }));
    const { nested } = this.#dependencies;
    nested()
      .tidyAll()
      .catch((error: unknown) => logger.error('stack-change-sets-not-cleared', { error }));
    const cutOff = store.stacks().filter(({ deployment }) => deployment);
    // Those that are held come first: a parent that decides at once must find them, or both wait for each other.
    const [held = [], others = []] = [true, false].map((isHeld) =>
      cutOff.filter(({ deployment }) => (deployment!.phase === 'held') === isHeld),
    );
    for (const stack of [...held, ...others]) {
      this.#run(stack, new Set(nodesIn(stack.deployment!.walk, 'running')));
    }
    for (const { uuid, deployment, parentId } of store.stacks()) {
      if (deployment?.phase !== 'held') continue;
      const parent = store.stacks().find(({ id }) => id === parentId);
      // The parent ended and had no time to say so.
      if (!parent?.deployment) void this.decide(uuid, 'release').catch(() => {});
    }
  }

  /** Begins to carry out the deployment of a stack that was stored with one. */
  start(stack: Stack): void {
    this.#run(stack, new Set());
  }

  /** Changes a stack beside its deployment, if it has one under way; false when it has none. */
  async amend(uuid: string, amendment: (stack: Stack) => Stack): Promise<boolean> {
    const run = this.#runs.get(uuid);
    if (!run) return false;
    await this.#change(run, (stack) => ({ stack: amendment(stack), events: [] }));
    return true;
  }

  /** Resolves when the deployment of the stack has ended (for callers in process; clients poll). */
  async settled(uuid: string): Promise<void> {
    await this.#runs.get(uuid)?.ended;
  }

  /** Resolves when the stack's deployment has ended, or waits for its parent. @throws AbortError when the node drains first */
  async atRest(uuid: string): Promise<Stack> {
    await this.#runs.get(uuid)?.rested.promise;
    this.#stop.signal.throwIfAborted();
    return this.#dependencies.store.stack(uuid)!;
  }

  /** Resolves when the stack's deployment has ended. @throws AbortError when the node drains first */
  async settledStack(uuid: string): Promise<Stack> {
    await this.settled(uuid);
    this.#stop.signal.throwIfAborted();
    return this.#dependencies.store.stack(uuid)!;
  }

  /** Carries out what a parent decides about a stack that is held; nothing when it is not. */
  async decide(uuid: string, decision: 'release' | 'undo'): Promise<void> {
    const run = this.#runs.get(uuid);
    if (!run) return;
    await this.#change(run, (stack) => decideHeld(stack, decision, this.#dependencies.clock.now()));
    run.decided.resolve();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new DOMException('the node is draining', 'AbortError'));
    await Promise.all([...this.#runs.values()].map((run) => run.ended));
  }

  #run(stack: Stack, resuming: Set<string>): void {
    const run: Run = {
      stack,
      resuming,
      steps: new Map(),
      tail: Promise.resolve(),
      ended: Promise.resolve(),
      givenUp: new AbortController(),
      rested: Promise.withResolvers(),
      decided: Promise.withResolvers(),
    };
    if (isGivenUp(stack)) run.givenUp.abort();
    this.#runs.set(stack.uuid, run);
    run.ended = this.#loop(run)
      .catch((error: unknown) => {
        if (!isAbort(error)) this.#dependencies.logger.error('stack-driver-failed', { stack: stack.name, error });
      })
      .finally(() => {
        if (this.#runs.get(stack.uuid) === run) this.#runs.delete(stack.uuid);
        run.rested.resolve();
      });
  }

  async #loop(run: Run): Promise<void> {
    while (run.stack.deployment) {
      if (this.#stop.signal.aborted) {
        // What runs is left to end by itself: its state says how to go on.
        await Promise.allSettled([...run.steps.values()]);
        return;
      }
      const { walk, phase } = run.stack.deployment;
      if (phase === 'held') {
        await this.#hold(run);
        continue;
      }
      const held = isCalledOff(run.stack, this.#dependencies.clock.now());
      const ready = held ? [] : readyNodes(walk, CLOUDFORMATION_LIMITS.stepsInFlightMax);
      // What a crash cut off must come to its end even when nothing new may begin: only then is known what there is to undo.
      const cutOff = nodesIn(walk, 'running').filter((node) => run.resuming.has(node));
      const begin = [...cutOff, ...ready].filter((node) => !run.steps.has(node));
      for (const node of begin) this.#startStep(run, node);
      if (begin.length > 0 || run.steps.size > 0) await this.#nextEnd(run);
      else if (held || isOver(walk)) {
        // Before the stack says that it has ended, so that those below have too.
        if (phase === 'cleanup') await this.#releaseNested(run);
        await this.#advance(run);
      } else throw new InternalError('a deployment stands still: a step is marked as running, and nobody runs it');
    }
    await this.#releaseNested(run);
    await this.#dependencies.nested().tidy(run.stack);
    const { answers, store, logger } = this.#dependencies;
    logger.info('stack-settled', { stack: run.stack.name, status: run.stack.status });
    await store.dropDefinitions(run.stack);
    await answers.forgetStack(run.stack.uuid);
  }

  /** Waits until one of the steps has ended, or the time of the creation is over. */
  async #nextEnd(run: Run): Promise<void> {
    const { clock } = this.#dependencies;
    const { phase, deadline } = run.stack.deployment!;
    const steps = [...run.steps.values()];
    if (phase !== 'apply' || deadline === undefined || clock.now() >= deadline) return Promise.race(steps);
    const ended = new AbortController();
    const late = clock.sleep(deadline - clock.now(), ended.signal);
    late.catch(() => {});
    try {
      await Promise.race([...steps, late]);
    } finally {
      ended.abort();
    }
  }

  /** Waits for the parent's decision, or for the node to drain. */
  async #hold(run: Run): Promise<void> {
    run.rested.resolve();
    const { signal } = this.#stop;
    const stopped = Promise.withResolvers<void>();
    const stop = () => stopped.resolve();
    signal.addEventListener('abort', stop, { once: true });
    if (!signal.aborted && run.stack.deployment?.phase === 'held') {
      await Promise.race([run.decided.promise, stopped.promise]);
    }
    signal.removeEventListener('abort', stop);
  }

  /** Tells the stacks below that nothing will be undone. */
  async #releaseNested(run: Run): Promise<void> {
    const nested = this.#dependencies.nested().below(run.stack, undefined);
    const below = Object.values(run.stack.resources).filter(({ physicalId }) => physicalId !== '');
    await Promise.all(below.map((resource) => resourceType(resource.type)?.release?.(resource, { nested })));
    this.#stop.signal.throwIfAborted();
  }

  #startStep(run: Run, node: string): void {
    const step = this.#step(run, node).finally(() => {
      run.steps.delete(node);
      run.resuming.delete(node);
    });
    // The loop sees a failure through the race; this keeps it from being reported as unhandled before.
    step.catch(() => {});
    run.steps.set(node, step);
  }

  #step(run: Run, node: string): Promise<void> {
    const { phase } = run.stack.deployment!;
    if (phase === 'apply') return this.#apply(run, node);
    if (phase === 'restore') return this.#restore(run, node);
    return this.#delete(run, node);
  }

  /** Stores what a transition makes of the stack; transitions of one stack are made one after the other. */
  #change(run: Run, transition: (stack: Stack) => Transition): Promise<void> {
    const { store, clock } = this.#dependencies;
    const next = run.tail.then(async () => {
      const { stack, events } = transition(run.stack);
      run.stack = await store.save(stack, events, clock.now());
      if (isGivenUp(run.stack)) run.givenUp.abort();
    });
    run.tail = next.catch(() => {});
    return next;
  }

  async #advance(run: Run): Promise<void> {
    const outputs = this.#outputs(run.stack);
    await this.#change(run, (stack) => nextPhase(stack, outputs, this.#dependencies.clock.now()));
  }

  #outputs(stack: Stack): readonly Output[] | { readonly error: string } {
    if (stack.deployment?.phase !== 'apply') return stack.outputs;
    try {
      const denial = this.#deniedRemoval(stack);
      return denial === undefined ? computeOutputs(this.#scope(stack)) : { error: denial };
    } catch (error) {
      return { error: this.#reason(stack, error) };
    }
  }

  /** Why the stack's policy keeps a resource that the new template does not have any more. */
  #deniedRemoval(stack: Stack): string | undefined {
    const { walk, policy } = stack.deployment!;
    return Object.values(stack.resources)
      .filter(({ logicalId, physicalId }) => !walk[logicalId] && physicalId !== '')
      .map(({ logicalId, type }) => deniedByPolicy(policy, 'Update:Delete', logicalId, type))
      .find((denial) => denial !== undefined);
  }

  #scope(stack: Stack): Scope {
    const { store, exports } = this.#dependencies;
    const definition = store.definition(stack, stack.deployment!.revision)!;
    const world = standingWorld(stack.resources, (name) => exports.importValue(stack.region, name));
    return scopeOf(definition, identityOf(stack, definition.notificationArns), world);
  }

  async #apply(run: Run, node: string): Promise<void> {
    const { clock } = this.#dependencies;
    const scope = this.#scope(run.stack);
    const declaration = scope.template.resources[node]!;
    const base = {
      logicalId: node,
      declaration,
      dependsOn: run.stack.deployment!.walk[node]!.after,
      now: clock.now(),
    };
    let pending: PendingStep | undefined;
    try {
      pending = this.#decide(run, node, scope);
      // A name that is read elsewhere is settled before the first try, as every name is.
      if (pending) pending = { ...pending, name: await this.#stepWork.references(run).in(pending.name) };
    } catch (error) {
      return this.#change(run, (stack) => failBegin(stack, base, this.#reason(stack, error)));
    }
    if (!pending) return this.#change(run, (stack) => skipStep(stack, base));
    const { signals } = pending;
    const question = signals && this.#stepWork.newQuestion(run.stack, signals.timeoutMs);
    const step = { ...base, pending, resuming: run.resuming.has(node), ...(question && { question }) };
    await this.#change(run, (stack) => beginStep(stack, step));
    await this.#carryOut(run, node);
  }

  /** What is to be done with a resource; nothing when it stands as it should. */
  #decide(run: Run, node: string, scope: Scope): PendingStep | undefined {
    const { store, random } = this.#dependencies;
    const { stack } = run;
    const existing = stack.resources[node];
    // M2: the step as it was begun before the crash.
    if (existing?.pending && run.resuming.has(node)) return existing.pending;
    const { kind, revision } = stack.deployment!;
    if (kind === 'import') return this.#decideImport(stack, node, scope);
    const definition = store.definition(stack, revision)!;
    const properties = knownProperties(resourceProperties(node, scope, definition.tags));
    const typeName = scope.template.resources[node]!.Type;
    const type = resourceType(typeName)!;
    const name = () =>
      this.#dependencies.nested().reviewedName(stack, node) ?? physicalName(type, properties, stack.name, node, random);
    const signals = signalPolicyOf(scope.template.resources[node]!.CreationPolicy, scope);
    if (!existing?.physicalId || existing.status === 'DELETE_COMPLETE')
      return { action: 'create', name: name(), properties, ...(signals && { signals }) };
    const action = actionFor(typeName, existing.properties, properties);
    if (action === 'none') return undefined;
    const deed = action === 'update' ? 'Update:Modify' : 'Update:Replace';
    const denial = deniedByPolicy(stack.deployment!.policy, deed, node, typeName);
    if (denial !== undefined) throw new Error(denial);
    if (action === 'update') return { action, name: existing.physicalId, properties };
    const own = keptName(type, existing.properties, properties);
    if (own !== undefined) {
      throw new Error(
        `CloudFormation cannot update a stack when a custom-named resource requires replacing. Rename ${own} and update the stack again.`,
      );
    }
    return { action, name: name(), properties, ...(signals && { signals }) };
  }

  /** All that an import does not bring in stands as it is. */
  #decideImport(stack: Stack, node: string, scope: Scope): PendingStep | undefined {
    const { revision, imported } = stack.deployment!;
    const identifier = imported![node];
    if (!identifier) return undefined;
    const { tags } = this.#dependencies.store.definition(stack, revision)!;
    const properties = knownProperties(resourceProperties(node, scope, tags));
    const untagged = knownProperties(resourceProperties(node, scope, []));
    const gainsTags = !sameJson(properties.Tags, untagged.Tags);
    return { action: 'import', name: Object.values(identifier).join('|'), properties, ...(gainsTags && { untagged }) };
  }

  async #restore(run: Run, node: string): Promise<void> {
    const { clock } = this.#dependencies;
    const { stack } = run;
    const old = stack.deployment!.before![node]!;
    await this.#change(run, (current) =>
      beginStep(current, {
        logicalId: node,
        declaration: {
          Type: old.type,
          DeletionPolicy: old.deletionPolicy,
          UpdateReplacePolicy: old.replacePolicy,
          ...(old.metadata !== undefined && { Metadata: old.metadata }),
        },
        dependsOn: old.dependsOn,
        pending: { action: 'restore', name: old.physicalId, properties: old.properties },
        resuming: run.resuming.has(node),
        now: clock.now(),
      }),
    );
    await this.#carryOut(run, node);
  }

  /** Does what the resource's pending step says. */
  async #carryOut(run: Run, node: string): Promise<void> {
    const { clock } = this.#dependencies;
    const resource = run.stack.resources[node]!;
    const { action, properties: written, name, signals } = resource.pending!;
    const type = resourceType(resource.type)!;
    const work = this.#stepWork.work(run, node, resource.type, name);
    const references = this.#stepWork.references(run);
    using claims = new DisposableStack();
    const act = async () => {
      const properties = await resolved(type, written, references);
      if (action === 'create' || action === 'replace') {
        return this.#signalled(work, signals, () => type.create(properties, work));
      }
      if (action === 'update') return type.update!(resource, properties, work);
      if (action === 'import') return this.#import(run, node, properties, work, claims);
      // What every change replaces stands as it was.
      return (type.restore ?? type.update)?.(resource, properties, work) ?? resource;
    };
    await this.#settle(
      run,
      () => act().catch((error: unknown) => Promise.reject(references.masked(error))),
      (made) => this.#change(run, (stack) => completeStep(stack, node, made, clock.now())),
      (reason) => this.#change(run, (stack) => failStep(stack, node, reason, clock.now())),
    );
  }

  /** Finds what an import names, and brings the stack's tags to it. */
  async #import(run: Run, node: string, properties: JsonObject, work: Work, claims: DisposableStack): Promise<Made> {
    const { clock, ownership } = this.#dependencies;
    const { stack } = run;
    const { type, pending } = stack.resources[node]!;
    const identifier = stack.deployment!.imported![node]!;
    const found = (await findImported(type, identifier, properties, work))!;
    claims.use(ownership.claim({ stack, logicalId: node, type, identifier, physicalId: found.physicalId }));
    if (!pending!.untagged) return found;
    if (pending!.made === undefined) {
      await this.#change(run, (current) => noteImported(current, node, found, clock.now()));
    }
    return resourceType(type)!.update!({ ...found, properties: pending!.untagged }, properties, work);
  }

  /** Makes a resource and waits for the signals that its `CreationPolicy` asks for. */
  async #signalled(work: Work, policy: SignalPolicy | undefined, create: () => Promise<Made>): Promise<Made> {
    if (!policy) return create();
    // Before the thing exists: it may signal as soon as it does.
    const question = await work.question(policy.timeoutMs);
    const made = await create();
    const { count } = policy;
    const failures = await question.wait((signals) => {
      const failed = signals.filter(({ body }) => (body as { Status?: unknown }).Status !== 'SUCCESS').length;
      return failed > 0 || signals.length >= count ? failed : undefined;
    });
    if (failures === undefined) {
      const missing = count - question.answers().length;
      throw new Error(`Failed to receive ${missing} resource signal(s) within the specified duration`);
    }
    if (failures > 0) throw new Error(`Received ${failures} FAILURE signal(s) out of ${count}`);
    return made;
  }

  async #delete(run: Run, node: string): Promise<void> {
    const { clock } = this.#dependencies;
    if (isRetained(run.stack, node)) {
      return this.#change(run, (stack) => markDeletion(stack, node, 'DELETE_SKIPPED', clock.now()));
    }
    const resuming = run.resuming.has(node);
    await this.#change(run, (stack) =>
      markDeletion(stack, node, 'DELETE_IN_PROGRESS', clock.now(), undefined, resuming),
    );
    const target: StackResource = deletionTarget(run.stack, node);
    const work = this.#stepWork.work(run, node, target.type, target.physicalId);
    await this.#settle(
      run,
      () => resourceType(target.type)!.delete(target, work),
      () => this.#change(run, (stack) => markDeletion(stack, node, 'DELETE_COMPLETE', clock.now())),
      (reason) => this.#change(run, (stack) => markDeletion(stack, node, 'DELETE_FAILED', clock.now(), reason)),
    );
  }

  /** Runs a step to its end. When the node drains it ends without one: the next start takes it up. */
  async #settle<T>(
    run: Run,
    act: () => Promise<T>,
    succeeded: (result: T) => Promise<void>,
    failed: (reason: string) => Promise<void>,
  ): Promise<void> {
    let result: T;
    try {
      result = await act();
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      if (hasCode(error, STEP_CANCELLED)) return failed(messageOf(error));
      const code = (error as { code?: unknown } | null)?.code;
      const handlerCode = typeof code === 'string' ? code : 'GeneralServiceException';
      this.#dependencies.logger.debug('stack-step-failed', { stack: run.stack.name, error });
      const reason = this.#reason(run.stack, error);
      return failed(`Resource handler returned message: "${reason}" (HandlerErrorCode: ${handlerCode})`);
    }
    return succeeded(result);
  }

  /** What went wrong, as answers and events may tell it. */
  #reason(stack: Stack, error: unknown): string {
    return this.#dependencies.store.maskedText(stack, messageOf(error));
  }
}

/** Properties with what their dynamic references stand for, which may be numbers and flags too. */
async function resolved(type: ResourceType, written: JsonObject, references: ResolvedReferences): Promise<JsonObject> {
  const properties = await references.in(written);
  return properties === written ? written : knownProperties(coerceProperties(type.properties, properties));
}
