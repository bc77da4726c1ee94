import { DomainError } from '../../base/index.ts';
import type { WireAnswer } from '../index.ts';

/** How the SNS API answers each of its domain's errors. */
export const SNS_ANSWERS = {
  'parameter-invalid': { type: 'InvalidParameterException', status: 400 },
  'parameter-value-invalid': { type: 'InvalidParameterValueException', status: 400 },
  'validation-failed': { type: 'ValidationException', status: 400 },
  'not-found': { type: 'NotFoundException', status: 404 },
  'resource-not-found': { type: 'ResourceNotFoundException', status: 404 },
  'authorization-missing': { type: 'AuthorizationErrorException', status: 403 },
  'state-invalid': { type: 'InvalidStateException', status: 400 },
  'filter-limit': { type: 'FilterPolicyLimitExceededException', status: 403 },
  'subscription-limit': { type: 'SubscriptionLimitExceededException', status: 403 },
  'tag-limit': { type: 'TagLimitExceededException', status: 400 },
  'replay-limit': { type: 'ReplayLimitExceededException', status: 403 },
  'endpoint-disabled': { type: 'EndpointDisabledException', status: 400 },
  'application-disabled': { type: 'PlatformApplicationDisabledException', status: 400 },
  'opted-out': { type: 'OptedOutException', status: 400 },
  'verification-failed': { type: 'VerificationException', status: 400 },
  'user-error': { type: 'UserErrorException', status: 400 },
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

/** Which call an attribute came with: AWS words its refusal by that. */
export type AttributeCall = 'create' | 'set';

export const invalid = (what: string) => new SnsError('parameter-invalid', `Invalid parameter: ${what}`);

/** Refuses a value of an attribute: one among others at creation, the one that is set later. */
export const invalidAttribute = (what: string, call: AttributeCall) =>
  invalid(call === 'create' ? `Attributes Reason: ${what}` : what);

export const valueInvalid = (message: string) => new SnsError('parameter-value-invalid', message);
export const topicNotFound = () => new SnsError('not-found', 'Topic does not exist');
export const subscriptionNotFound = () => new SnsError('not-found', 'Subscription does not exist');

/** What a node can only pass on, and to nobody as long as it is not told to whom. */
export const webhookMissing = (what: 'sms' | 'push') => {
  const setting = `notifications.${what}Webhook`;
  const name = what === 'sms' ? 'text messages' : 'push notifications';
  return invalid(`this node has no way to send ${name}: set ${setting} in its configuration`);
};
