import type { DiscardCondition, Work } from './attempt.ts';
import type { StreamSettings } from './settings.ts';
import type { InvocationOutcome } from './source.ts';

/**
 * The document that an on-failure destination gets for a discarded batch: it names the records, it does not carry them.
 *
 * @param last  how the last invocation ended; `undefined` when there was none
 * @see AWS Lambda developer guide, "Retain discarded batch records for a Kinesis Data Streams event source"
 */
export function discardDocument(
  work: Work,
  condition: DiscardCondition,
  last: InvocationOutcome | undefined,
  context: {
    readonly settings: StreamSettings;
    readonly eventSource: string;
    readonly shardId: string;
    readonly now: number;
  },
): string {
  const { settings, eventSource, shardId, now } = context;
  const first = work.records[0]!;
  const final = work.records.at(-1)!;
  const kind = BATCH_INFO[eventSource] ?? BATCH_INFO['aws:kinesis']!;
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
    [kind.member]: {
      shardId,
      startSequenceNumber: first.id,
      endSequenceNumber: final.id,
      approximateArrivalOfFirstRecord: iso(first.arrivedAt),
      approximateArrivalOfLastRecord: iso(final.arrivedAt),
      batchSize: work.records.length,
      streamArn: settings.sourceArn,
    },
  });
}

/** How each source names the part about the batch. */
const BATCH_INFO: Readonly<Record<string, { readonly member: string }>> = {
  'aws:kinesis': { member: 'KinesisBatchInfo' },
  'aws:dynamodb': { member: 'DDBStreamBatchInfo' },
};

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
