import { parseArn } from '../../../base/index.ts';
import type { PayloadKey } from '../../../pollers/index.ts';
import { invalidParameter } from '../errors.ts';

/** What mappings of one kind of source may set, and how: a row each. */
export interface SourceKind {
  /** As errors name it. */
  readonly name: string;
  /** As errors about its batches name it. */
  readonly plural: string;
  readonly port: 'stream' | 'queue';
  /** The key that filter criteria know the payload by. */
  readonly payloadKey: PayloadKey;
  readonly batchSizeDefault: number;
  readonly batchSizeMax: number;
  readonly batchingWindow: boolean;
  /** AWS wants a batching window for batches beyond this size. */
  readonly windowlessBatchMax: number;
  /** Tries after the first, where the source has no redrive policy of its own: the mapping says what follows from a failure. */
  readonly retriesDefault?: number;
  /** Where a mapping may begin to read: of streams. */
  readonly startingPositions?: readonly string[];
  /** How AWS words `StateTransitionReason`. */
  readonly userAction: string;
  /** Members that AWS has for other sources only. */
  readonly refused: readonly string[];
  /** How AWS says that the function's role may not read it. @param action  the first that is missing */
  readonly unreadable: (sourceArn: string, action: string) => string;
}

/** Members of sources that none of ours is. */
const FOREIGN = [
  'Topics',
  'Queues',
  'SourceAccessConfigurations',
  'SelfManagedEventSource',
  'AmazonManagedKafkaEventSourceConfig',
  'SelfManagedKafkaEventSourceConfig',
  'DocumentDBEventSourceConfig',
  'LoggingConfig',
];

const KINESIS: SourceKind = {
  name: 'Kinesis',
  plural: 'streams',
  port: 'stream',
  payloadKey: 'data',
  batchSizeDefault: 100,
  batchSizeMax: 10_000,
  batchingWindow: true,
  windowlessBatchMax: 10_000,
  startingPositions: ['TRIM_HORIZON', 'LATEST', 'AT_TIMESTAMP'],
  userAction: 'User action',
  refused: [...FOREIGN, 'ScalingConfig', 'ProvisionedPollerConfig'],
  unreadable: (arn) =>
    `Cannot access stream ${arn}. Please ensure the role can perform the GetRecords, GetShardIterator, DescribeStream, ` +
    'ListShards, and DescribeStreamSummary Actions on your stream in IAM.',
};

/** Streams of tables. */
const DYNAMODB: SourceKind = {
  ...KINESIS,
  name: 'DynamoDB',
  payloadKey: 'dynamodb',
  startingPositions: ['TRIM_HORIZON', 'LATEST'],
  unreadable: (arn) =>
    `Cannot access stream ${arn}. Please ensure the role can perform the GetRecords, GetShardIterator, DescribeStream, ` +
    'and ListStreams Actions on your stream in IAM.',
};

const SQS: SourceKind = {
  name: 'SQS',
  plural: 'standard queues',
  port: 'queue',
  payloadKey: 'body',
  batchSizeDefault: 10,
  batchSizeMax: 10_000,
  batchingWindow: true,
  windowlessBatchMax: 10,
  userAction: 'USER_INITIATED',
  refused: [
    ...FOREIGN,
    'ParallelizationFactor',
    'StartingPosition',
    'StartingPositionTimestamp',
    'BisectBatchOnFunctionError',
    'MaximumRetryAttempts',
    'MaximumRecordAgeInSeconds',
    'TumblingWindowInSeconds',
    'DestinationConfig',
  ],
  unreadable: (_arn, action) =>
    `The provided execution role does not have permissions to call ${action.split(':')[1]} on SQS`,
};

const SQS_FIFO: SourceKind = { ...SQS, plural: 'FIFO queues', batchSizeMax: 10, batchingWindow: false };

/** Topics of a foreign MQTT broker: a queue whose failed messages come again as the mapping says. */
const MQTT: SourceKind = {
  ...SQS,
  name: 'MQTT',
  plural: 'MQTT brokers',
  payloadKey: 'data',
  batchSizeDefault: 100,
  batchSizeMax: 1000,
  windowlessBatchMax: 1000,
  retriesDefault: 10,
  refused: [
    ...SQS.refused.filter((member) => member !== 'MaximumRetryAttempts' && member !== 'DestinationConfig'),
    'ProvisionedPollerConfig',
  ],
};

/** The kind of source by its ARN. @throws invalid-parameter */
export function sourceKindOf(sourceArn: string): SourceKind {
  const arn = parseArn(sourceArn);
  if (arn?.service === 'kinesis') return KINESIS;
  if (arn?.service === 'sqs') return arn.resource.endsWith('.fifo') ? SQS_FIFO : SQS;
  if (arn?.service === 'dynamodb') return DYNAMODB;
  if (arn?.service === 'mqtt') return MQTT;
  throw invalidParameter('Unrecognized event source.');
}
