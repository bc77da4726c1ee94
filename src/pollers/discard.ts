import type { DiscardCondition, Work } from './attempt.ts';
import type { StreamSettings } from './settings.ts';
import type { InvocationOutcome, StreamSource } from './source.ts';

/**
 * The document that an on-failure destination gets for a discarded batch: it names the records; only buckets get them too.
 *
 * @param last  how the last invocation ended; `undefined` when there was none
 * @see AWS Lambda developer guide, "Retain discarded batch records for a Kinesis Data Streams event source"
 */
export function discardDocument(
  discarded: { readonly work: Work; readonly condition: DiscardCondition; readonly shardId: string },
  last: InvocationOutcome | undefined,
  context: {
    readonly settings: Pick<StreamSettings, 'functionArn'>;
    readonly source: Pick<StreamSource, 'streamArn' | 'batchInfo'>;
    readonly now: number;
    /** JSON of the event, for a bucket. */
    readonly payload?: string;
  },
): string {
  const { work, condition, shardId } = discarded;
  const { settings, source, now, payload } = context;
  const first = work.records[0]!;
  const final = work.records.at(-1)!;
  return JSON.stringify({
    requestContext: {
      requestId: (last?.kind !== 'not-invoked' && last?.requestId) || null,
      functionArn: settings.functionArn,
      condition,
      approximateInvokeCount: work.invocations,
    },
    ...(last && last.kind !== 'not-invoked' && { responseContext: responseContext(last) }),
    version: '1.0',
    timestamp: iso(now),
    [source.batchInfo]: {
      shardId,
      startSequenceNumber: first.id,
      endSequenceNumber: final.id,
      approximateArrivalOfFirstRecord: iso(first.arrivedAt),
      approximateArrivalOfLastRecord: iso(final.arrivedAt),
      batchSize: work.records.length,
      streamArn: source.streamArn,
    },
    ...(payload !== undefined && { payload }),
  });
}

function responseContext(
  outcome: Exclude<InvocationOutcome, { kind: 'not-invoked' }>,
): Readonly<Record<string, unknown>> {
  return {
    statusCode: 200,
    executedVersion: outcome.executedVersion ?? '$LATEST',
    functionError: outcome.kind === 'function-error' ? 'Unhandled' : null,
  };
}

function iso(at: number): string {
  return new Date(at).toISOString();
}
