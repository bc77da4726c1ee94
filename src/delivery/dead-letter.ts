import { parseArn } from '../base/index.ts';
import type { DeadLetterOrigin, Delivery, GivenUpReason, RetryPolicy } from './delivery.ts';
import type { Row } from './rows.ts';
import type { Timeline } from './timeline.ts';

/** A dead letter is worth keeping at: its queue may be away for as long as messages are kept there (14 days). */
const DEAD_LETTER_POLICY: RetryPolicy = {
  attemptsMax: 100_000,
  ageMsMax: 14 * 86_400_000,
  backoffMsBase: 1000,
  backoffMsMax: 300_000,
};

/** Why and when a delivery was given up. */
export interface Failure {
  readonly reason: GivenUpReason;
  readonly errorCode: string;
  readonly errorMessage: string;
  /** Tries made. */
  readonly attempts: number;
  /** By the timeline. */
  readonly at: number;
}

/** What is sent to the dead-letter ARN of a delivery that was given up. */
export function deadLetterOf(row: Row, failure: Failure, timeline: Timeline): Delivery {
  const { delivery, sequence } = row;
  const { deadLetterArn, orderingGroup, idempotencyKey: _, ...rest } = delivery;
  // Several subscribers may lose one message to the same queue: none of these letters is the repetition of another.
  const { messageDeduplicationId: __, ...attributes } = delivery.attributes ?? {};
  const messageAttributes = {
    ...(delivery.attributes?.messageAttributes as object | undefined),
    ...attributesOf(delivery, failure),
  };
  return {
    ...rest,
    arn: deadLetterArn!,
    attributes: {
      ...attributes,
      ...(Object.keys(messageAttributes).length > 0 && { messageAttributes }),
      deadLetter: originOf(row, failure, timeline),
    },
    policy: DEAD_LETTER_POLICY,
    // A first-in first-out queue takes it in order, and once.
    ...(orderingGroup !== undefined && { orderingGroup }),
    idempotencyKey: `dead-letter ${sequence}`,
  };
}

export function originOf({ delivery, sentAt }: Row, failure: Failure, timeline: Timeline): DeadLetterOrigin {
  const { arn, source, trace, attributes } = delivery;
  const { attempts, errorCode, errorMessage, at } = failure;
  return {
    ...{ arn, source, attempts, errorCode, errorMessage, traceId: trace.traceId },
    ...{ sentAt: timeline.wallOf(sentAt), givenUpAt: timeline.wallOf(at) },
    ...(attributes && { attributes }),
  };
}

interface MessageAttribute {
  readonly DataType: 'String' | 'Number';
  readonly StringValue: string;
}

const text = (value: string): MessageAttribute => ({ DataType: 'String', StringValue: value === '' ? ' ' : value });

/** Statuses that Lambda's own API would have answered with; a function that failed has answered: 200. */
const LAMBDA_STATUS: Readonly<Record<string, number>> = {
  'function-failed': 200,
  'function-not-found': 404,
  'too-many-requests': 429,
};

/**
 * The message attributes that the service of the source gives its dead letters.
 *
 * - Lambda: `RequestID`, `ErrorCode` (a number: an HTTP status), `ErrorMessage`; so do we for sources that AWS does not have
 *   or that it sends no dead letters for, with our own code instead of the status.
 * - EventBridge: `RULE_ARN`, `TARGET_ARN`, `ERROR_CODE`, `ERROR_MESSAGE`, `EXHAUSTED_RETRY_CONDITION`, `RETRY_ATTEMPTS`.
 * - SNS: none; the message comes as it was.
 *
 * @see Lambda developer guide, "Dead-letter queues"; EventBridge user guide, "Using dead-letter queues to process undelivered
 *   events"; SNS developer guide, "Amazon SNS dead-letter queues"
 */
function attributesOf(delivery: Delivery, failure: Failure): Readonly<Record<string, MessageAttribute>> {
  const { errorCode, errorMessage, attempts, reason } = failure;
  switch (parseArn(delivery.source)?.service) {
    case 'sns':
      return {};
    case 'events':
      return {
        RULE_ARN: text(delivery.source),
        TARGET_ARN: text(delivery.arn),
        ERROR_CODE: text(errorCode),
        ERROR_MESSAGE: text(errorMessage),
        RETRY_ATTEMPTS: { DataType: 'Number', StringValue: String(Math.max(0, attempts - 1)) },
        ...(reason === 'attempts' && { EXHAUSTED_RETRY_CONDITION: text('MaximumRetryAttempts') }),
        ...(reason === 'age' && { EXHAUSTED_RETRY_CONDITION: text('MaximumEventAgeInSeconds') }),
      };
    case 'lambda':
      return {
        ...commonOf(delivery, failure),
        ErrorCode: { DataType: 'Number', StringValue: String(LAMBDA_STATUS[errorCode] ?? 500) },
      };
    default:
      return { ...commonOf(delivery, failure), ErrorCode: text(errorCode) };
  }
}

function commonOf({ attributes, trace }: Delivery, { errorMessage }: Failure) {
  return {
    RequestID: text((attributes?.requestId as string | undefined) ?? trace.traceId),
    ErrorMessage: text(errorMessage),
  };
}
