import { ACCOUNT_ID, DomainError, parseArn } from '../base/index.ts';
import type { Service } from '../services/index.ts';
import type { MappingDependencies } from '../services/lambda/index.ts';
import type { RoleRefusal, RoleRights, Soon, TakenRole } from './role-rights.ts';

/** How an operation names a source, and which rights on what it names Lambda reads it with: of each row one will do. */
interface Reading {
  readonly service: 'sqs' | 'kinesis' | 'dynamodbstreams';
  readonly operation: string;
  readonly input: (arn: string) => object;
  readonly actions: readonly (readonly string[])[];
}

const QUEUE: Reading = {
  service: 'sqs',
  operation: 'GetQueueAttributes',
  input: (arn) => ({ QueueUrl: `http://localhost/${ACCOUNT_ID}/${parseArn(arn)!.resource}` }),
  actions: [['sqs:ReceiveMessage'], ['sqs:DeleteMessage'], ['sqs:GetQueueAttributes']],
};

/** `DescribeStream` stands for the two that came after it: policies of before name it alone. */
const STREAM: Reading = {
  service: 'kinesis',
  operation: 'DescribeStreamSummary',
  input: (StreamARN) => ({ StreamARN }),
  actions: [
    ['kinesis:GetRecords'],
    ['kinesis:GetShardIterator'],
    ['kinesis:DescribeStreamSummary', 'kinesis:DescribeStream'],
    ['kinesis:ListShards', 'kinesis:DescribeStream'],
  ],
};

const CONSUMER: Reading = {
  service: 'kinesis',
  operation: 'DescribeStreamConsumer',
  input: (ConsumerARN) => ({ ConsumerARN }),
  actions: [['kinesis:SubscribeToShard']],
};

/** `ListStreams`, which AWS's own policy has, gives no records: it is not asked for. */
const TABLE_STREAM: Reading = {
  service: 'dynamodbstreams',
  operation: 'DescribeStream',
  input: (StreamArn) => ({ StreamArn }),
  actions: [['dynamodb:GetRecords'], ['dynamodb:GetShardIterator'], ['dynamodb:DescribeStream']],
};

function readingsOf(sourceArn: string): readonly (readonly [Reading, string])[] {
  const { service } = parseArn(sourceArn)!;
  if (service === 'sqs') return [[QUEUE, sourceArn]];
  if (service === 'dynamodb') return [[TABLE_STREAM, sourceArn]];
  if (service !== 'kinesis') return [];
  const [streamArn] = sourceArn.split('/consumer/') as [string];
  return streamArn === sourceArn
    ? [[STREAM, streamArn]]
    : [
        [STREAM, streamArn],
        [CONSUMER, sourceArn],
      ];
}

export interface SourceAuthorizationOptions {
  readonly rights: RoleRights;
  /** Who knows of a source, or of a bucket, what policies may ask: its own policy, its tags. */
  readonly service: (name: Reading['service'] | 's3') => Service;
  readonly roleOf: (functionArn: string) => string | undefined;
}

/** Holds event source mappings to the execution roles of their functions: what they read, and the buckets of what has failed. */
export function sourceAuthorization({ rights, service: serviceOf, roleOf }: SourceAuthorizationOptions): {
  readonly refusalToRead: NonNullable<MappingDependencies['refusalToRead']>;
  /** @throws access-denied  (rejects) the role may not put the object */
  readonly checkPut: (functionArn: string, bucket: string, key: string) => Promise<void>;
} {
  const roleFor = (functionArn: string): TakenRole | undefined => {
    const arn = roleOf(functionArn);
    return arn === undefined ? undefined : { arn, sessionName: functionArn.split(':')[6]! };
  };

  const rightsTo = (service: Reading['service'] | 's3', operation: string, input: object, region: string) =>
    serviceOf(service).permissions![operation]!(input, { region, accountId: ACCOUNT_ID });

  /** Decides at once where all is loaded that it takes; else once more when it is. */
  const firstRefusal = (role: TakenRole, sourceArn: string): Soon<Refused | undefined> => {
    const again = () => firstRefusal(role, sourceArn);
    const { region } = parseArn(sourceArn)!;
    for (const [{ service, operation, input, actions }, arn] of readingsOf(sourceArn)) {
      const asked = rightsTo(service, operation, input(arn), region);
      if (asked instanceof Promise) return asked.then(again);
      for (const row of actions) {
        const refusals: Refused[] = [];
        for (const action of row) {
          const refusal = rights.refusal(role, { ...asked[0]!, action }, region);
          if (refusal instanceof Promise) return refusal.then(again);
          if (refusal !== undefined) refusals.push({ action, refusal });
        }
        if (refusals.length === row.length) return refusals[0];
      }
    }
    return undefined;
  };

  return {
    refusalToRead: (functionArn, sourceArn) => {
      const role = roleFor(functionArn);
      // A function that is gone is not invoked: the poller says so.
      if (!role) return undefined;
      const told = (refused: Refused | undefined) => {
        if (!refused) return undefined;
        const { action, refusal } = refused;
        rights.tell(role, refusal, sourceArn);
        return { action, message: `The function's execution role cannot read the event source. ${refusal.message}` };
      };
      const refused = firstRefusal(role, sourceArn);
      return refused instanceof Promise ? refused.then(told) : told(refused);
    },

    checkPut: async (functionArn, Bucket, Key) => {
      // What is left of a function that is gone has no rights: nothing is known by its ARN.
      const role = roleFor(functionArn) ?? { arn: functionArn, sessionName: functionArn.split(':')[6]! };
      for (const permission of await rightsTo('s3', 'PutObject', { Bucket, Key }, '')) {
        const refusal = await rights.refusal(role, permission, '');
        if (!refusal) continue;
        rights.tell(role, refusal, functionArn);
        throw new DomainError('access-denied', refusal.message);
      }
    },
  };
}

interface Refused {
  readonly action: string;
  readonly refusal: RoleRefusal;
}
