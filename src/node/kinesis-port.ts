import { DomainError, parseArn } from '../base/index.ts';
import type { KinesisPort } from '../services/dynamodb/index.ts';
import type { Kinesis, Stream } from '../services/kinesis/index.ts';

/** Kinesis as the streaming destinations of tables need it. */
export function kinesisPort(kinesis: Pick<Kinesis, 'stream' | 'committed'>): KinesisPort {
  const find = (streamArn: string): Stream | undefined => {
    const arn = parseArn(streamArn);
    const name = arn?.service === 'kinesis' ? /^stream\/([^/]+)$/.exec(arn.resource)?.[1] : undefined;
    return name === undefined ? undefined : kinesis.stream(name, arn!.region);
  };
  return {
    has: (streamArn) => find(streamArn) !== undefined,
    put: async (streamArn, records) => {
      const stream = find(streamArn);
      if (!stream)
        throw new DomainError('stream-not-found', `There is no stream ${streamArn} now.`, { remedy: 'retry' });
      for (const { partitionKey, data } of records) stream.enqueue(partitionKey, data);
      await kinesis.committed();
    },
  };
}
