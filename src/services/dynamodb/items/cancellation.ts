/* Why transactions are cancelled. */
import { DynamodbError, type DynamodbErrorCode } from '../errors.ts';

/** `CancellationReasons` have codes of their own. */
const CODES: { readonly [code in DynamodbErrorCode]?: string } = {
  'condition-failed': 'ConditionalCheckFailed',
  'duplicate-item': 'DuplicateItem',
  'validation-failed': 'ValidationError',
  'transaction-conflict': 'TransactionConflict',
  'throughput-exceeded': 'ProvisionedThroughputExceeded',
  'records-busy': 'ThrottlingError',
  'collection-too-large': 'ItemCollectionSizeLimitExceeded',
};

/**
 * The refusal of a whole transaction, with a reason for each of its items in their order.
 * @param errors  by their places; the others were not refused
 * @param count  items of the transaction
 */
export function cancelled(errors: readonly (DynamodbError | undefined)[], count: number): DynamodbError {
  const stranger = errors.find((error) => error && CODES[error.code] === undefined);
  if (stranger) return stranger;
  const reasons = Array.from({ length: count }, (_, at) => reasonOf(errors[at]));
  const codes = reasons.map(({ Code }) => Code).join(', ');
  const message = `Transaction cancelled, please refer cancellation reasons for specific reasons [${codes}]`;
  return new DynamodbError('transaction-canceled', message, { fields: { CancellationReasons: reasons } });
}

function reasonOf(error: DynamodbError | undefined): { readonly Code: string } {
  if (!error) return { Code: 'None' };
  return { Code: CODES[error.code]!, ...{ Message: error.message }, ...error.fields };
}
