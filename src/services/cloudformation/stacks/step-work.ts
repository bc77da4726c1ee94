import { type Clock, DomainError, hasCode, type Random, uuid } from '../../../base/index.ts';
import type { Logger } from '../../../telemetry/index.ts';
import type { Call } from '../calls.ts';
import { CLOUDFORMATION_LIMITS } from '../limits.ts';
import type { Question, Work } from '../resources/resource-type.ts';
import { ResolvedReferences, referencesBy } from '../template/dynamic-references.ts';
import type { StackIdentity } from '../template/program.ts';
import { type Answers, answerPath, questionKey, questionOf } from './answers.ts';
import type { Exports } from './exports.ts';
import type { Ownership } from './imports.ts';
import { isGivenUp, isLate } from './machine.ts';
import { callerOf, type PendingQuestion, type Stack } from './model.ts';
import type { Nesting } from './nested.ts';
import { deletionTarget, noteMade, noteQuestion } from './steps.ts';
import type { StackStore } from './store.ts';
import type { Transition } from './transition.ts';

export interface DriverDependencies {
  readonly store: StackStore;
  readonly call: Call;
  readonly exports: Exports;
  readonly answers: Answers;
  readonly ownership: Ownership;
  /** Stacks below others; made after the driver. */
  readonly nested: () => Nesting;
  /** Where functions in their sandboxes reach this node. */
  readonly callbackBase: () => string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** What the driver works on one stack with. */
export interface Run {
  stack: Stack;
  /** Nodes that a crash cut off. */
  readonly resuming: Set<string>;
  /** Steps that are under way, by node. */
  readonly steps: Map<string, Promise<void>>;
  /** Changes to the stack wait for each other here. */
  tail: Promise<void>;
  /** Fires when the deployment is given up: nobody is waited for any more who may never come. */
  readonly givenUp: AbortController;
  /** Resolves when the run has ended. */
  ended: Promise<void>;
  /** Resolves when it has ended or waits for its parent. */
  readonly rested: PromiseWithResolvers<void>;
  /** Woken when the parent has decided. */
  decided: PromiseWithResolvers<void>;
}

export interface StepWorkDependencies extends DriverDependencies {
  /** Ends what waits when the node drains. */
  readonly signal: AbortSignal;
  /** Stores what a transition makes of the stack. */
  change(run: Run, transition: (stack: Stack) => Transition): Promise<void>;
}

/** What the steps of stacks are worked on with: calls in the name of who deploys them, and questions to somebody outside. */
export class StepWork {
  readonly #dependencies: StepWorkDependencies;

  constructor(dependencies: StepWorkDependencies) {
    this.#dependencies = dependencies;
  }

  work(run: Run, node: string, type: string, name: string): Work {
    const { clock, store } = this.#dependencies;
    const { stack } = run;
    const definition = store.definition(stack, stack.deployment!.revision);
    const { logicalId } = deletionTarget(stack, node);
    return {
      identity: identityOf(stack, definition?.notificationArns ?? []),
      logicalId,
      type,
      name,
      resuming: run.resuming.has(node),
      call: (service, operation, input, region = stack.region) => this.#call(stack, region, service, operation, input),
      made: (physicalId) =>
        this.#dependencies.change(run, (current) => noteMade(current, node, physicalId, clock.now())),
      until: (what, ready) => this.#until(run, what, ready),
      question: (timeoutMs, handle) => this.#question(run, node, timeoutMs, handle),
      nested: this.#dependencies.nested().below(stack, definition, logicalId),
    };
  }

  /** What references stand for is read with the rights by which the resources are made. */
  references({ stack }: Run): ResolvedReferences {
    const read = (service: string, operation: string, input: object) =>
      this.#call(stack, stack.region, service, operation, input);
    return new ResolvedReferences(referencesBy(read));
  }

  /** Nobody is waited for longer than the creation of the stack may take. */
  newQuestion({ deployment }: Stack, timeoutMs: number, handle?: string): PendingQuestion {
    const { answers, clock, random } = this.#dependencies;
    const id = handle === undefined ? uuid(random) : questionOf(handle);
    const latest = (deployment?.phase === 'apply' ? deployment.deadline : undefined) ?? Number.POSITIVE_INFINITY;
    return { id, token: answers.token(), deadline: Math.min(clock.now() + timeoutMs, latest) };
  }

  /** The question of a step: the one that a crash cut off, else a new one. */
  async #question(run: Run, node: string, timeoutMs: number, handle?: string): Promise<Question> {
    const { answers, callbackBase } = this.#dependencies;
    const target = deletionTarget(run.stack, node);
    const known = run.resuming.has(node) || target.pending?.signals ? target.question : undefined;
    const question = known ?? this.newQuestion(run.stack, timeoutMs, handle);
    const note = (one: PendingQuestion) =>
      this.#dependencies.change(run, (stack) => ({ stack: noteQuestion(stack, node, one), events: [] }));
    if (!known) await note(question);
    const key = questionKey(run.stack.uuid, question.id);
    const url = `${callbackBase()}${answerPath(run.stack.uuid, question)}`;
    return {
      id: question.id,
      url,
      sent: question.sentAs === url,
      markSent: () => note({ ...question, sentAs: url }),
      answers: () => answers.of(key),
      wait: async (enough, { evenIfGivenUp = false } = {}) => {
        const { signal: drained } = this.#dependencies;
        // What undoes a deployment asks too, and waits.
        const givenUp = evenIfGivenUp || run.stack.deployment?.phase !== 'apply' ? [] : [run.givenUp.signal];
        try {
          return await answers.wait(key, question.deadline, AbortSignal.any([drained, ...givenUp]), enough);
        } catch (error) {
          throw drained.aborted || !isGivenUp(run.stack) ? error : stepCancelled(run.stack, node);
        }
      },
    };
  }

  async #call(stack: Stack, region: string, service: string, operation: string, input: object): Promise<any> {
    const { call, clock, store } = this.#dependencies;
    const roleArn = stack.deployment && store.definition(stack, stack.deployment.revision)?.roleArn;
    const context = { region, caller: callerOf(stack), ...(roleArn !== undefined && { roleArn }) };
    const { callAttemptsMax, callBackoffMs } = CLOUDFORMATION_LIMITS;
    for (let attempt = 1; ; attempt++) {
      try {
        return await call(service, operation, input, context);
      } catch (error) {
        if (attempt >= callAttemptsMax || !isRetryable(error)) throw error;
        await clock.sleep(callBackoffMs * 2 ** attempt, this.#dependencies.signal);
      }
    }
  }

  async #until(run: Run, what: string, ready: () => Promise<boolean>): Promise<void> {
    const { clock } = this.#dependencies;
    const { stabilizeMsMax, stabilizePollMs } = CLOUDFORMATION_LIMITS;
    const deadline = clock.monotonic() + stabilizeMsMax;
    while (!(await ready())) {
      if (clock.monotonic() > deadline || isLate(run.stack, clock.now()))
        throw new Error(`timed out waiting for ${what}`);
      await clock.sleep(stabilizePollMs, this.#dependencies.signal);
    }
  }
}

/** The code of what ends a step that had to wait when the deployment was given up. */
export const STEP_CANCELLED = 'step-cancelled';

/** In AWS's words. */
function stepCancelled({ resources }: Stack, node: string): Error {
  const deed = resources[node]?.pending?.action === 'create' ? 'creation' : 'update';
  return new DomainError(STEP_CANCELLED, `Resource ${deed} cancelled`);
}

/** What passes by itself: throttles and changes that are under way. */
function isRetryable(error: unknown): boolean {
  return (
    (error as { remedy?: unknown } | null)?.remedy === 'retry' || hasCode(error, 'ConcurrentModificationException')
  );
}

export function identityOf(stack: Stack, notificationArns: readonly string[]): StackIdentity {
  const { name, id, region, accountId } = stack;
  return { name, id, region, accountId, notificationArns };
}
