import { parseArn } from '../../../base/index.ts';
import { invalidParameter } from '../errors.ts';

/** What mappings of one kind of source may set, and how: a row each. */
export interface SourceKind {
  /** As errors name it. */
  readonly name: string;
  readonly port: 'stream' | 'queue';
  /** The key that filter criteria know the payload by. */
  readonly payloadKey: 'data' | 'body';
  readonly batchSizeDefault: number;
  readonly batchSizeMax: number;
  readonly batchingWindow: boolean;
  /** AWS wants a batching window for batches beyond this size. */
  readonly windowlessBatchMax: number;
  /** How AWS words `StateTransitionReason`. */
  readonly userAction: string;
  /** Members that AWS has for other sources only. */
  readonly refused: readonly string[];
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
  port: 'stream',
  payloadKey: 'data',
  batchSizeDefault: 100,
  batchSizeMax: 10_000,
  batchingWindow: true,
  windowlessBatchMax: 10_000,
  userAction: 'User action',
  refused: [...FOREIGN, 'ScalingConfig', 'ProvisionedPollerConfig'],
};

const SQS: SourceKind = {
  name: 'SQS',
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
};

const SQS_FIFO: SourceKind = { ...SQS, batchSizeMax: 10, batchingWindow: false };

/** The kind of source by its ARN. @throws invalid-parameter */
export function sourceKindOf(sourceArn: string): SourceKind {
  const arn = parseArn(sourceArn);
  if (arn?.service === 'kinesis') return KINESIS;
  if (arn?.service === 'sqs') return arn.resource.endsWith('.fifo') ? SQS_FIFO : SQS;
  throw invalidParameter('Unrecognized event source.');
}
