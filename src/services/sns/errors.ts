import { DomainError } from '../../base/index.ts';
import type { WireAnswer } from '../index.ts';

/** How the SNS API answers each of its domain's errors. */
export const SNS_ANSWERS = {
  'parameter-invalid': { type: 'InvalidParameterException', status: 400 },
  'parameter-value-invalid': { type: 'InvalidParameterValueException', status: 400 },
  'not-found': { type: 'NotFoundException', status: 404 },
  'resource-not-found': { type: 'ResourceNotFoundException', status: 404 },
  'filter-limit': { type: 'FilterPolicyLimitExceededException', status: 403 },
  'subscription-limit': { type: 'SubscriptionLimitExceededException', status: 403 },
  'tag-limit': { type: 'TagLimitExceededException', status: 400 },
  'batch-empty': { type: 'EmptyBatchRequestException', status: 400 },
  'batch-too-many': { type: 'TooManyEntriesInBatchRequestException', status: 400 },
  'batch-too-long': { type: 'BatchRequestTooLongException', status: 400 },
  'batch-ids-not-distinct': { type: 'BatchEntryIdsNotDistinctException', status: 400 },
  'batch-id-invalid': { type: 'InvalidBatchEntryIdException', status: 400 },
  'delivery-full': { type: 'ThrottledException', status: 429 },
  'delivery-too-large': { type: 'InvalidParameterException', status: 400 },
  'target-unknown': { type: 'InvalidParameterException', status: 400 },
} as const satisfies Record<string, WireAnswer>;

export type SnsErrorCode = keyof typeof SNS_ANSWERS;

export class SnsError extends DomainError<SnsErrorCode> {}

export const invalid = (what: string) => new SnsError('parameter-invalid', `Invalid parameter: ${what}`);
export const topicNotFound = () => new SnsError('not-found', 'Topic does not exist');
export const subscriptionNotFound = () => new SnsError('not-found', 'Subscription does not exist');
