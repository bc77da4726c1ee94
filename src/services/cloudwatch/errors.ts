import { DomainError } from '../../base/index.ts';
import type { WireAnswer } from '../index.ts';

/** - `parameter-invalid`: a value outside its range; - `parameter-combination`: values that exclude each other;
 *  - `parameter-missing`; - `token-invalid`: a page token of another call; - `metrics-full`: too many metrics or alarms;
 *  - `format-invalid`: what should be JSON is none; - `not-found`: no alarm of that name. */
export type CloudWatchErrorCode =
  | 'parameter-invalid'
  | 'parameter-combination'
  | 'parameter-missing'
  | 'token-invalid'
  | 'metrics-full'
  | 'format-invalid'
  | 'not-found';

export class CloudWatchError extends DomainError<CloudWatchErrorCode> {}

export const CLOUDWATCH_ANSWERS = {
  'parameter-invalid': { type: 'InvalidParameterValueException', status: 400 },
  'parameter-combination': { type: 'InvalidParameterCombinationException', status: 400 },
  'parameter-missing': { type: 'MissingRequiredParameterException', status: 400 },
  'token-invalid': { type: 'InvalidNextToken', status: 400 },
  'metrics-full': { type: 'LimitExceededFault', status: 400 },
  'format-invalid': { type: 'InvalidFormatFault', status: 400 },
  'not-found': { type: 'ResourceNotFound', status: 404 },
} satisfies Record<CloudWatchErrorCode, WireAnswer>;
