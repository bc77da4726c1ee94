import { type Clock, hasCode, isAbort, type Random, uuid } from '../../base/index.ts';
import { type Records, Registry } from '../../store/index.ts';
import type { Logger } from '../../telemetry/index.ts';
import { DELAYED, FIRST } from './backlog.ts';
import { parameterInvalid, SqsError } from './errors.ts';
import { SQS_LIMITS } from './limits.ts';
import { beyond, type Found, type Place } from './message.ts';
import { isActive, type MoveTask, parseTaskHandle } from './move-task.ts';
import type { Queue } from './queue.ts';
import type { Queues } from './queues.ts';

export interface MoveTasksDependencies {
  readonly records: Records;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** Messages moved side by side: few enough that the largest ones fit into memory. */
const BATCH = 25;
/** After a failure of the store a task goes on this much later. */
const RETRY_MS = 5_000;
/** How often progress is stored: what was moved since is counted again after a crash, and not moved again. */
const STORE_MS = 1_000;

/** Message move tasks: they take a dead-letter queue's messages back, and go on after a restart. */
export class MoveTasks implements AsyncDisposable {
  readonly #queues: Queues;
  readonly #dependencies: MoveTasksDependencies;
  readonly #registry: Registry<MoveTask>;
  readonly #running = new Map<string, Promise<void>>();
  /** Queues of which a task is being stored: there is one active task a queue. */
  readonly #starting = new Set<string>();
  /** Tasks that were told to end; what is stored says so a little later. */
  readonly #cancelled = new Set<string>();
  /** Tasks whose end is being stored. */
  readonly #ending = new Set<string>();
  readonly #stop = new AbortController();

  private constructor(queues: Queues, dependencies: MoveTasksDependencies, registry: Registry<MoveTask>) {
    this.#queues = queues;
    this.#dependencies = dependencies;
    this.#registry = registry;
  }

  static async open(queues: Queues, dependencies: MoveTasksDependencies): Promise<MoveTasks> {
    const registry = await Registry.open<MoveTask>(dependencies.records, 'sqs/moves');
    const tasks = new MoveTasks(queues, dependencies, registry);
    for (const name of registry.names()) if (isActive(registry.get(name)!)) tasks.#run(name);
    return tasks;
  }

  /** @throws resource-not-found, parameter-invalid, over-limit */
  async start(
    sourceArn: string,
    { destinationArn, rateMax }: { readonly destinationArn?: string; readonly rateMax?: number },
  ): Promise<MoveTask> {
    const source = this.#existing(sourceArn, 'SourceArn');
    if (destinationArn !== undefined) this.#checkDestination(source, destinationArn);
    if (rateMax !== undefined && (rateMax < 1 || rateMax > SQS_LIMITS.moveRateMax)) {
      const reason = `Must be between 1 and ${SQS_LIMITS.moveRateMax}.`;
      throw parameterInvalid(rateMax, 'MaxNumberOfMessagesPerSecond', reason);
    }
    if (this.#queues.sourcesOf(sourceArn).length === 0) {
      throw new SqsError('parameter-invalid', 'Source queue must be configured as a Dead Letter Queue.');
    }
    if (this.#starting.has(sourceArn) || this.#of(sourceArn).some(isActive)) {
      const rule = 'Only one active task is allowed for a source queue arn at a given time.';
      throw new SqsError('parameter-invalid', `There is already a task running. ${rule}`);
    }
    if (this.#running.size >= SQS_LIMITS.moveTasksMax) {
      throw new SqsError('over-limit', `${SQS_LIMITS.moveTasksMax} message move tasks are running.`);
    }
    const { clock, random } = this.#dependencies;
    const task: MoveTask = {
      ...{ id: uuid(random), sourceArn, startedAt: clock.now(), status: 'RUNNING', moved: 0 },
      ...{ sequenceMax: this.#queues.takeSequence(), toMove: source.counts.visible },
      ...(destinationArn !== undefined && { destinationArn }),
      ...(rateMax !== undefined && { rateMax }),
    };
    const name = `${sourceArn}/${String(task.sequenceMax).padStart(16, '0')}-${task.id}`;
    this.#starting.add(sourceArn);
    try {
      await this.#registry.create(name, task);
    } finally {
      this.#starting.delete(sourceArn);
    }
    this.#run(name);
    await this.#trim(sourceArn);
    return task;
  }

  /** The last tasks of a queue, the latest first. @throws resource-not-found */
  list(sourceArn: string, max: number): readonly MoveTask[] {
    this.#existing(sourceArn, 'SourceArn');
    return this.#of(sourceArn).toReversed().slice(0, max);
  }

  /** Ends a task; what it has moved stays moved. @throws parameter-invalid, resource-not-found */
  async cancel(handle: string): Promise<MoveTask> {
    const parsed = parseTaskHandle(handle);
    if (!parsed) throw new SqsError('parameter-invalid', 'Value for parameter TaskHandle is invalid.');
    this.#existing(parsed.sourceArn, 'SourceArn');
    const name = this.#registry.names(`${parsed.sourceArn}/`).find((one) => one.endsWith(`-${parsed.id}`));
    const task = name === undefined ? undefined : this.#registry.get(name);
    if (!task) throw new SqsError('resource-not-found', 'Task does not exist.');
    if (task.status !== 'RUNNING' || this.#ending.has(name!))
      throw new SqsError('parameter-invalid', 'Only active tasks can be cancelled.');
    const cancelling: MoveTask = { ...task, status: 'CANCELLING' };
    this.#cancelled.add(name!);
    await this.#registry.put(name!, cancelling);
    return cancelling;
  }

  /** Stops moving; tasks go on at the next start. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#running.values());
  }

  #run(name: string): void {
    const running = this.#moveToEnd(name).finally(() => {
      this.#running.delete(name);
      this.#cancelled.delete(name);
      this.#ending.delete(name);
    });
    this.#running.set(name, running);
  }

  /** Whatever fails, a task that has begun comes to its end: while it is active no other one may be started. */
  async #moveToEnd(name: string): Promise<void> {
    const { clock, logger } = this.#dependencies;
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        return await this.#move(name);
      } catch (error) {
        this.#ending.delete(name);
        if (!isAbort(error)) logger.warn('messages-not-moved', { task: name, error });
        await clock.sleep(RETRY_MS, signal).catch(() => {});
      }
    }
  }

  async #move(name: string): Promise<void> {
    const { clock } = this.#dependencies;
    const { signal } = this.#stop;
    const first = this.#registry.get(name)!;
    const { batch, pauseMs } = paceOf(first);
    let { moved } = first;
    let storedAt = clock.monotonic();
    for (let cursor = FIRST; ; ) {
      signal.throwIfAborted();
      const task = this.#registry.get(name);
      if (!task) return;
      if (task.status === 'CANCELLING' || this.#cancelled.has(name)) {
        return this.#end(name, { ...task, moved, status: 'CANCELLED' });
      }
      const source = this.#queues.byArn(task.sourceArn);
      if (!source) return this.#end(name, { ...task, moved, status: 'FAILED', failureReason: NO_QUEUE });
      const page = await source.browse(cursor, batch);
      if (page.length === 0) return this.#end(name, { ...task, moved, status: 'COMPLETED' });
      cursor = nextOf(task, page.at(-1)!.place);
      const outcome = await this.#moveAll(task, source, page);
      moved += outcome.moved;
      if (outcome.failure) return this.#end(name, { ...task, moved, status: 'FAILED', failureReason: outcome.failure });
      if (clock.monotonic() - storedAt >= STORE_MS) {
        storedAt = clock.monotonic();
        // A cancellation may be under way: it must not be written over.
        if (!this.#cancelled.has(name)) await this.#registry.put(name, { ...task, moved });
      }
      if (pauseMs > 0) await clock.sleep(pauseMs, signal);
    }
  }

  #end(name: string, task: MoveTask): Promise<void> {
    this.#ending.add(name);
    return this.#registry.put(name, task);
  }

  async #moveAll(task: MoveTask, source: Queue, page: readonly Found[]): Promise<{ moved: number; failure?: string }> {
    let moved = 0;
    let failure: string | undefined;
    const moves: Promise<void>[] = [];
    for (const found of page) {
      // What others work on stays: it is deleted, or a dead letter again. So does what came after the task.
      if (found.state !== 'visible' || source.isInFlight(found.place) || isNewer(task, found.place)) continue;
      const to = this.#queues.byArn(task.destinationArn ?? found.message.deadLetterSource ?? '');
      if (!to) {
        failure = task.destinationArn === undefined && !found.message.deadLetterSource ? NO_SOURCE : NO_QUEUE;
        break;
      }
      moves.push(
        moveOne(found, source, to, this.#dependencies).then((done) => {
          if (done) moved++;
        }),
      );
    }
    await Promise.all(moves);
    return { moved, ...(failure !== undefined && { failure }) };
  }

  #checkDestination(source: Queue, arn: string): void {
    const destination = this.#existing(arn, 'DestinationArn');
    if (destination === source) {
      throw parameterInvalid(arn, 'DestinationArn', 'Source and destination must not be the same queue.');
    }
    if (destination.settings.fifo !== source.settings.fifo) {
      throw parameterInvalid(arn, 'DestinationArn', 'Source and destination must be of the same type of queue.');
    }
  }

  #existing(arn: string, parameter: string): Queue {
    const queue = this.#queues.byArn(arn);
    if (queue) return queue;
    throw new SqsError(
      'resource-not-found',
      `The resource that you specified for the ${parameter} parameter doesn't exist.`,
    );
  }

  /** Those of a queue that was deleted are not those of the one that has its name now. */
  #of(sourceArn: string): readonly MoveTask[] {
    const since = this.#queues.stateOf(sourceArn)?.createdAt ?? Number.POSITIVE_INFINITY;
    return this.#registry.list(`${sourceArn}/`).filter(({ startedAt }) => startedAt >= since);
  }

  async #trim(sourceArn: string): Promise<void> {
    const names = this.#registry.names(`${sourceArn}/`);
    for (const name of names.slice(0, -SQS_LIMITS.moveTasksKept)) await this.#registry.delete(name);
  }
}

const NO_QUEUE = 'AWS.SimpleQueueService.NonExistentQueue';
const NO_SOURCE = 'CouldNotDetermineMessageSource';

/** A redriven message is a new one, with an id and an age of its own. @returns false when it was gone */
async function moveOne(
  { message, place }: Found,
  source: Queue,
  to: Queue,
  { clock, random }: MoveTasksDependencies,
): Promise<boolean> {
  const { deadLetterSource: _, movedAt: __, ...rest } = message;
  try {
    await to.adopt({ ...rest, id: uuid(random), sentAt: clock.now() }, source, place);
    return true;
  } catch (error) {
    if (hasCode(error, 'message-not-found')) return false;
    throw error;
  }
}

function paceOf({ rateMax }: MoveTask): { readonly batch: number; readonly pauseMs: number } {
  if (rateMax === undefined) return { batch: BATCH, pauseMs: 0 };
  const batch = Math.min(BATCH, Math.max(1, Math.floor(rateMax / 10)));
  return { batch, pauseMs: (batch * 1000) / rateMax };
}

function isNewer({ sequenceMax }: MoveTask, { sequence }: Place): boolean {
  return sequence > sequenceMax;
}

/** Those that were sent with a delay stand apart, and stay there when they are due; before that, what is newer comes last. */
function nextOf(task: MoveTask, last: Place): Place {
  return last.delayUntil === 0 && isNewer(task, last) ? DELAYED : beyond(last);
}
