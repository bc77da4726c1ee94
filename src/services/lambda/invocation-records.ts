/** What Lambda tells destinations and dead-letter queues of an event that is over. */
import { type Clock, parseArn, type Random, uuid } from '../../base/index.ts';
import type { DeadLetterOrigin, Delivery, RetryPolicy } from '../../delivery/index.ts';
import { formatXRay } from '../../telemetry/index.ts';
import { ASYNC_LIMITS, type Condition, type EventSettings } from './event-fate.ts';

/** The answer to the last try: of the function, or of Lambda in its stead. */
export interface EventResponse {
  /** As HTTP has it: 200 also where the function has failed. */
  readonly statusCode: number;
  /** Absent where nothing was run. */
  readonly executedVersion?: string;
  readonly functionError?: 'Unhandled';
  readonly payload?: Uint8Array;
  /** Why it failed. */
  readonly message: string;
}

/** An event that is over. */
export interface EndedEvent {
  readonly delivery: Delivery;
  readonly requestId: string;
  readonly clientContext?: string;
  /** Epoch milliseconds. */
  readonly receivedAt: number;
  readonly condition: Condition;
  /** Tries made. */
  readonly attempts: number;
  /** Absent where the event was given up before it was tried. */
  readonly response?: EventResponse;
}

/** What marks a record that goes to a destination, among what the outbox gives up: the `source` of events that carry one. */
export const DESTINATION_SOURCE = 'lambda';

/** As AWS words it, slip and all: clients match it. */
const ZERO_CONCURRENCY = 'Function not invoked. Function isconfigured with zero reserved concurrent executions';

const POLICY: RetryPolicy = {
  attemptsMax: ASYNC_LIMITS.recordAttemptsMax,
  ageMsMax: ASYNC_LIMITS.ageMsMax,
  backoffMsBase: ASYNC_LIMITS.backoffMsMin,
  backoffMsMax: ASYNC_LIMITS.backoffMsMax,
};

/** Everything that is sent because the event is over: to its destination, and to the function's dead-letter queue. */
export function followersOf(
  event: EndedEvent,
  { onSuccess, onFailure, deadLetterArn }: EventSettings,
  ground: { readonly clock: Clock; readonly random: Random },
): Delivery[] {
  const isSuccess = event.condition === 'Success';
  const destination = isSuccess ? onSuccess : onFailure;
  return [
    ...(destination === undefined ? [] : [recordOf(event, destination, ground)]),
    ...(isSuccess || deadLetterArn === undefined ? [] : [letterOf(event, deadLetterArn, ground.clock)]),
  ];
}

/** @see Lambda developer guide, "Capturing records of Lambda asynchronous invocations" */
function recordOf(event: EndedEvent, destination: string, ground: { clock: Clock; random: Random }): Delivery {
  const { delivery, condition } = event;
  const at = new Date(ground.clock.now());
  const outcome = condition === 'Success' ? 'Success' : 'Failure';
  return {
    arn: destination,
    payload: invocationRecord(event, at),
    attributes: {
      source: DESTINATION_SOURCE,
      'detail-type': `Lambda Function Invocation Result - ${outcome}`,
      traceHeader: formatXRay(delivery.trace),
      ...(parseArn(destination)?.service === 's3' && { key: objectKey(delivery.arn, at, ground.random) }),
    },
    policy: POLICY,
    source: delivery.arn,
    trace: delivery.trace,
  };
}

/** Payloads are put in as they are: numbers keep every digit, and nothing is read that nobody looks at. */
function invocationRecord(event: EndedEvent, at: Date): Buffer {
  const { delivery, requestId, condition, attempts, response } = event;
  const head = JSON.stringify({
    version: '1.0',
    timestamp: at.toISOString(),
    requestContext: {
      requestId,
      functionArn: qualified(delivery.arn),
      condition,
      approximateInvokeCount: attempts,
    },
  });
  const parts = [`${head.slice(0, -1)},"requestPayload":`, jsonOf(delivery.payload)];
  if (response) {
    const { statusCode, executedVersion, functionError, payload } = response;
    parts.push(`,"responseContext":${JSON.stringify({ statusCode, executedVersion, functionError })}`);
    if (payload) parts.push(',"responsePayload":', jsonOf(payload));
  }
  return Buffer.from(`${parts.join('')}}`);
}

/** The event itself, with what went wrong in attributes. @see Lambda developer guide, "Dead-letter queue message attributes" */
function letterOf(event: EndedEvent, deadLetterArn: string, clock: Clock): Delivery {
  const { delivery, requestId, clientContext, condition, response, receivedAt, attempts } = event;
  const message = (condition === 'ZeroReservedConcurrency' ? ZERO_CONCURRENCY : response?.message) || condition;
  const errorMessage = firstBytes(message, ASYNC_LIMITS.letterMessageBytesMax);
  const code = response && { DataType: 'Number', StringValue: String(response.statusCode) };
  return {
    arn: deadLetterArn,
    payload: delivery.payload,
    attributes: {
      messageAttributes: {
        RequestID: { DataType: 'String', StringValue: requestId },
        ...(code && { ErrorCode: code }),
        ErrorMessage: { DataType: 'String', StringValue: errorMessage },
      },
      traceHeader: formatXRay(delivery.trace),
      // Where it came from, for whoever sends it there again.
      deadLetter: {
        arn: delivery.arn,
        source: delivery.source,
        attempts,
        errorCode: condition,
        errorMessage,
        sentAt: receivedAt,
        givenUpAt: clock.now(),
        traceId: delivery.trace.traceId,
        ...(clientContext !== undefined && { attributes: { clientContext } }),
      } satisfies DeadLetterOrigin,
    },
    policy: POLICY,
    source: delivery.arn,
    trace: delivery.trace,
  };
}

/** `aws/lambda/async/<function-name>/YYYY/MM/DD/YYYY-MM-DDTHH.MM.SS-<Random UUID>` */
function objectKey(functionArn: string, at: Date, random: Random): string {
  const time = at.toISOString();
  const day = time.slice(0, 10);
  const clock = time.slice(11, 19).replaceAll(':', '.');
  return `aws/lambda/async/${functionArn.split(':')[6]}/${day.replaceAll('-', '/')}/${day}T${clock}-${uuid(random)}`;
}

/** A function without version or alias is called `$LATEST` in records. */
function qualified(arn: string): string {
  return arn.split(':').length > 7 ? arn : `${arn}:$LATEST`;
}

/** What is no JSON, as only a runtime of its own may answer, comes as a string, and not all of what is long. */
function jsonOf({ buffer, byteOffset, byteLength }: Uint8Array): string {
  const text = Buffer.from(buffer, byteOffset, byteLength).toString('utf8');
  try {
    JSON.parse(text);
    return text;
  } catch {
    return JSON.stringify(text.slice(0, ASYNC_LIMITS.strayTextMax));
  }
}

function firstBytes(text: string, bytesMax: number): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= bytesMax) return text;
  // A character that is cut in two is left out.
  return new TextDecoder().decode(bytes.subarray(0, bytesMax), { stream: true });
}
