import type { Delivery, RetryPolicy } from './delivery.ts';
import type { Row } from './rows.ts';

/** A dead letter is worth keeping at: its queue may be away for as long as messages are kept there (14 days). */
const DEAD_LETTER_POLICY: RetryPolicy = {
  attemptsMax: 100_000,
  ageMsMax: 14 * 86_400_000,
  backoffMsBase: 1000,
  backoffMsMax: 300_000,
};

/**
 * What is sent to the dead-letter ARN of a delivery that was given up.
 *
 * @see AWS Lambda developer guide, "Dead-letter queues": RequestID, ErrorCode, ErrorMessage (its first 1 KB)
 */
export function deadLetterOf({ delivery, sequence }: Row, errorCode: string, errorMessage: string): Delivery {
  const { deadLetterArn, orderingGroup, idempotencyKey: _, ...rest } = delivery;
  const text = (value: string) => ({ DataType: 'String', StringValue: value === '' ? ' ' : value });
  const attributes = {
    ...delivery.attributes,
    messageAttributes: {
      ...(delivery.attributes?.messageAttributes as object | undefined),
      RequestID: text((delivery.attributes?.requestId as string | undefined) ?? delivery.trace.traceId),
      ErrorCode: text(errorCode),
      ErrorMessage: text(errorMessage),
    },
  };
  return {
    ...rest,
    arn: deadLetterArn!,
    attributes,
    policy: DEAD_LETTER_POLICY,
    // A first-in first-out queue takes it in order, and once.
    ...(orderingGroup !== undefined && { orderingGroup }),
    idempotencyKey: `dead-letter ${sequence}`,
  };
}
