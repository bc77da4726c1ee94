import { DomainError } from '../../../base/index.ts';
import { type QueueSource, SOURCE_REFUSED, type StreamSource } from '../../../pollers/index.ts';

/** Why the role of a function may not read a source, now, in words; `undefined` where it may. */
export type ReadRefusal = () => string | undefined | Promise<string | undefined>;

/**
 * A source as a role sees it: each reading asks anew, so that a right that is taken away ends the reading and one that is given lets it
 * go on. What is read already may be deleted: it was the role's to read then, and would else come twice.
 */
export function heldSource<S extends StreamSource | QueueSource>(source: S, refusal: ReadRefusal): S {
  /** What was found last: where policies are loaded only now, the answer is of the last reading. */
  let found: string | undefined;
  const check = async (): Promise<void> => {
    found = await refusal();
    if (found !== undefined) throw new DomainError(SOURCE_REFUSED, found);
  };
  const problem = (): string | undefined => {
    const reason = refusal();
    return (reason instanceof Promise ? found : reason) ?? source.problem?.();
  };
  return (source.kind === 'stream' ? heldStream(source, check, problem) : heldQueue(source, check, problem)) as S;
}

type Check = () => Promise<void>;
type Problem = () => string | undefined;

function heldStream(source: StreamSource, check: Check, problem: Problem): StreamSource {
  return {
    kind: 'stream',
    eventSource: source.eventSource,
    streamArn: source.streamArn,
    batchInfo: source.batchInfo,
    identity: () => source.identity(),
    shards: () => check().then(() => source.shards()),
    start: (shard, position) => check().then(() => source.start(shard, position)),
    read: (shard, position, recordsMax, bytesMax) =>
      check().then(() => source.read(shard, position, recordsMax, bytesMax)),
    wait: (shard, position, signal) => check().then(() => source.wait(shard, position, signal)),
    backlog: (shard, position) => source.backlog(shard, position),
    problem,
  };
}

function heldQueue(source: QueueSource, check: Check, problem: Problem): QueueSource {
  return {
    kind: 'queue',
    eventSource: source.eventSource,
    // Before an environment is reserved for what it may not have.
    wait: (signal) => check().then(() => source.wait(signal)),
    leaseMs: () => source.leaseMs(),
    receive: (recordsMax, batch) => check().then(() => source.receive(recordsMax, batch)),
    delete: (records) => source.delete(records),
    release: (records) => source.release(records),
    ...(source.retryLater && { retryLater: (records) => source.retryLater!(records) }),
    backlog: () => source.backlog(),
    problem,
    ...(source[Symbol.asyncDispose] && { [Symbol.asyncDispose]: () => source[Symbol.asyncDispose]!() }),
  };
}
