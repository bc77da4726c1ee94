import { ACCOUNT_ID, DomainError } from '../../base/index.ts';
import type { LogErrorCode } from '../../store/index.ts';
import type { WireAnswer } from '../index.ts';

export type KinesisErrorCode =
  | 'stream-not-found'
  | 'shard-not-found'
  | 'consumer-not-found'
  | 'policy-not-found'
  | 'in-use'
  | 'invalid-argument'
  | 'validation'
  | 'limit-exceeded'
  | 'iterator-expired'
  | 'next-token-expired'
  | 'throughput-exceeded'
  | 'dry-run';

export class KinesisError extends DomainError<KinesisErrorCode> {}

const internal: WireAnswer = { type: 'InternalFailureException', status: 500 };
const notFound: WireAnswer = { type: 'ResourceNotFoundException', status: 400 };

/** How the Kinesis API answers; messages go out as they are. A full log is a 500, which every SDK retries. */
export const KINESIS_ANSWERS = {
  'stream-not-found': notFound,
  'shard-not-found': notFound,
  'consumer-not-found': notFound,
  'policy-not-found': notFound,
  'in-use': { type: 'ResourceInUseException', status: 400 },
  'invalid-argument': { type: 'InvalidArgumentException', status: 400 },
  validation: { type: 'ValidationException', status: 400 },
  'limit-exceeded': { type: 'LimitExceededException', status: 400 },
  'iterator-expired': { type: 'ExpiredIteratorException', status: 400 },
  'next-token-expired': { type: 'ExpiredNextTokenException', status: 400 },
  'throughput-exceeded': { type: 'ProvisionedThroughputExceededException', status: 400 },
  'dry-run': { type: 'DryRunOperationException', status: 400 },
  'partition-not-found': notFound,
  'records-trimmed': internal,
  'record-too-large': { type: 'ValidationException', status: 400 },
  'log-full': internal,
  'log-failed': internal,
  'log-damaged': internal,
  'log-busy': { type: 'ProvisionedThroughputExceededException', status: 400 },
} satisfies Record<KinesisErrorCode | LogErrorCode, WireAnswer>;

export const invalidArgument = (message: string) => new KinesisError('invalid-argument', message);

export const streamNotFound = (name: string) =>
  new KinesisError('stream-not-found', `Stream ${name} under account ${ACCOUNT_ID} not found.`);

export const shardNotFound = (shard: string, stream: string) =>
  new KinesisError('shard-not-found', `Could not find shard ${shard} in stream ${stream} under account ${ACCOUNT_ID}.`);
