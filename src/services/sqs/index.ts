/** sqs: standard and FIFO queues. */
import type { Target } from '../../delivery/index.ts';
import type { QueueSource } from '../../pollers/index.ts';
import type { Service } from '../index.ts';
import { queueNotFound, SQS_ANSWERS } from './errors.ts';
import { Letters } from './letters.ts';
import { MoveTasks } from './move-tasks.ts';
import { batchOperations } from './operations/batches.ts';
import { messageOperations } from './operations/messages.ts';
import { moveTaskOperations } from './operations/move-tasks.ts';
import { queueOperations } from './operations/queues.ts';
import { sqsPermissions } from './permissions.ts';
import { Queues, type QueuesDependencies, queueArn } from './queues.ts';
import { SqsSource } from './source.ts';
import { SqsTarget } from './target.ts';

export { SqsError, type SqsErrorCode } from './errors.ts';
export type { QueuedMessage, QueuedMessages, Redriven } from './letters.ts';
export { SQS_LIMITS } from './limits.ts';

export type SqsDependencies = QueuesDependencies;

/** Numbers of a queue, for metrics and the flow picture. */
export interface QueueView {
  readonly arn: string;
  readonly name: string;
  readonly visible: number;
  readonly inFlight: number;
  readonly delayed: number;
  /** Milliseconds since the oldest message was sent; 0 when there is none. */
  readonly oldestAgeMs: number;
  /** Where messages go that were received too often. */
  readonly redrive?: { readonly arn: string; readonly receivesMax: number };
}

/** The queues of a node. */
export interface Sqs extends AsyncDisposable {
  readonly service: Service;
  /** Takes deliveries to queue ARNs. */
  readonly target: Target;
  /** A queue as pollers read it. @throws queue-not-found */
  source(queueArn: string): QueueSource;
  /** What its policy says of who may use a queue; `undefined` when there is none of that ARN. */
  access(queueArn: string): { readonly fifo: boolean; readonly policy: string | undefined } | undefined;
  /** The queues of a region, or all. */
  describe(region?: string): readonly QueueView[];
  /** The messages of a queue one by one, without receiving them: dead letters are looked at, edited, redriven and removed here. */
  readonly letters: Letters;
}

/** Opens the service over its store; disposing it ends long polls and writes what is not yet written. */
export async function openSqs(dependencies: SqsDependencies): Promise<Sqs> {
  const { clock, random } = dependencies;
  await using scope = new AsyncDisposableStack();
  const queues = scope.use(await Queues.open(dependencies));
  const tasks = scope.use(await MoveTasks.open(queues, dependencies));
  const find = (arn: string) => {
    const queue = queues.byArn(arn);
    if (!queue) throw queueNotFound();
    return queue;
  };
  const messages = { queues, clock, random };
  const owned = scope.move();
  return {
    service: {
      name: 'sqs',
      operations: {
        ...queueOperations(queues),
        ...messageOperations(messages),
        ...batchOperations(messages),
        ...moveTaskOperations(tasks),
      },
      permissions: sqsPermissions(queues),
      errors: SQS_ANSWERS,
    },
    target: new SqsTarget(queues, clock, random),
    source: (arn) => {
      find(arn);
      return new SqsSource(() => find(arn), clock);
    },
    access: (arn) => {
      const attributes = queues.stateOf(arn)?.attributes;
      return attributes && { fifo: attributes.FifoQueue === 'true', policy: attributes.Policy };
    },
    describe: (region) =>
      queues.list(region).flatMap((state) => {
        const arn = queueArn(state);
        const queue = queues.byArn(arn);
        // One that is being made or deleted has nothing to show.
        if (!queue) return [];
        const { counts, oldestAgeMs, settings } = queue;
        const { redrive } = settings;
        return [{ arn, name: state.name, ...counts, oldestAgeMs, ...(redrive && { redrive }) }];
      }),
    letters: new Letters(queues, clock, random),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
