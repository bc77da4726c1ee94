import { createHash } from 'node:crypto';
import { type Clock, DEFAULT_REGION, DomainError, messageOf } from '../../base/index.ts';
import type { Delivery, DeliveryService, GivenUp, Target } from '../../delivery/index.ts';
import type { InvocationAnswer } from '../../runtime/index.ts';
import type { Logger, TraceContext } from '../../telemetry/index.ts';
import type { Functions } from './functions.ts';
import type { Invocations, Invoked } from './invocations.ts';
import type { Meters } from './metering.ts';
import type { EventInvokeConfig } from './model.ts';
import { functionArn, parseReference } from './names.ts';

/** Lambda's own policy: two retries, after one and after two minutes, within six hours. */
export const ASYNC_POLICY = {
  retriesMax: 2,
  ageSecondsMax: 21_600,
  /** Doubles with each attempt: one minute is the longest wait before the second attempt, two before the third. */
  backoffMsBase: 30_000,
  backoffMsMax: 300_000,
} as const;

/** What the outbox keeps beside the payload. */
interface EventAttributes {
  readonly requestId: string;
  readonly clientContext?: string;
  /** When the event was taken over, epoch milliseconds. */
  readonly receivedAt?: number;
}

/** What marks a record that goes to a destination, among what the outbox gives up. */
const DESTINATION_SOURCE = 'lambda';

export interface AsynchronousOptions {
  readonly functions: Functions;
  readonly meters: Meters;
  readonly invocations: Invocations;
  readonly delivery: DeliveryService;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Asynchronous invocations: queued durably, run with retries, reported to destinations. */
export class Asynchronous implements Target {
  readonly #options: AsynchronousOptions;

  constructor(options: AsynchronousOptions) {
    this.#options = options;
  }

  /** Queues an event; durable when it resolves. @throws function-not-found */
  async send(
    region: string,
    name: string,
    qualifier: string | undefined,
    event: { readonly payload: Uint8Array; readonly trace: TraceContext } & EventAttributes,
  ): Promise<void> {
    const { functions, delivery, clock, meters } = this.#options;
    const { version } = functions.resolve(region, name, qualifier);
    const config = this.#config(region, name, qualifier);
    const { deadLetterArn } = version;
    const { payload, trace, requestId, clientContext } = event;
    const arn = functionArn(region, name, qualifier);
    await delivery.send([
      {
        arn,
        payload,
        attributes: {
          requestId,
          receivedAt: clock.now(),
          ...(clientContext === undefined ? {} : { clientContext }),
        },
        policy: {
          attemptsMax: 1 + (config?.retriesMax ?? ASYNC_POLICY.retriesMax),
          ageMsMax: (config?.ageSecondsMax ?? ASYNC_POLICY.ageSecondsMax) * 1000,
          backoffMsBase: ASYNC_POLICY.backoffMsBase,
          backoffMsMax: ASYNC_POLICY.backoffMsMax,
        },
        ...(deadLetterArn === undefined ? {} : { deadLetterArn }),
        source: arn,
        trace,
      },
    ]);
    meters.put(region, name, 'AsyncEventsReceived', 1);
  }

  /** Counts what the outbox has given up of ours: events, their dead letters, records for destinations. */
  givenUp({ delivery }: GivenUp): void {
    const { meters } = this.#options;
    const to = functionOf(delivery.arn);
    if (to) return meters.put(to.region, to.name, 'AsyncEventsDropped', 1);
    const from = functionOf(delivery.source);
    if (!from) return;
    const isRecord = delivery.attributes?.source === DESTINATION_SOURCE;
    meters.put(from.region, from.name, isRecord ? 'DestinationDeliveryFailures' : 'DeadLetterErrors', 1);
  }

  async deliver(delivery: Delivery, attempt: number, signal: AbortSignal): Promise<void> {
    const { invocations, meters, clock } = this.#options;
    const { requestId, clientContext, receivedAt } = attributesOf(delivery);
    const { region = DEFAULT_REGION, name, qualifier } = parseReference(delivery.arn);
    if (attempt === 1) {
      // Topics and rules hand their events to the outbox themselves: they are counted when they come.
      if (receivedAt === undefined) meters.put(region, name, 'AsyncEventsReceived', 1);
      else meters.put(region, name, 'AsyncEventAge', clock.now() - receivedAt);
    }
    const runnable = invocations.runnable(region, name, qualifier);
    const { payload, trace } = delivery;
    const context = clientContext === undefined ? {} : { clientContext };
    const invoked = await invocations.invoke(
      runnable,
      { requestId, payload, trace, ...context },
      { wait: true, signal },
    );
    const config = this.#config(region, name, qualifier);
    const failed = invoked.result.kind === 'error';
    const last = attempt >= delivery.policy.attemptsMax;
    const destination = failed ? last && config?.onFailure : config?.onSuccess;
    if (destination) await this.#report(destination, delivery, invoked, attempt);
    if (failed) throw failure(invoked.result, last);
  }

  /** Sends the invocation record to a destination. @see Lambda developer guide, "Capturing records of Lambda asynchronous invocations" */
  async #report(destination: string, delivery: Delivery, { result, executedVersion }: Invoked, attempt: number) {
    const { delivery: outbox, clock, logger, meters } = this.#options;
    const failed = result.kind === 'error';
    const record = {
      version: '1.0',
      timestamp: new Date(clock.now()).toISOString(),
      requestContext: {
        requestId: attributesOf(delivery).requestId,
        functionArn: qualified(delivery.arn),
        condition: failed ? 'RetriesExhausted' : 'Success',
        approximateInvokeCount: attempt,
      },
      requestPayload: parsed(delivery.payload),
      responseContext: { statusCode: 200, executedVersion, ...(failed ? { functionError: 'Unhandled' } : {}) },
      responsePayload: parsed(result.payload),
    };
    const event = {
      source: DESTINATION_SOURCE,
      'detail-type': `Lambda Function Invocation Result - ${failed ? 'Failure' : 'Success'}`,
    };
    const { attemptsMax, ageMsMax } = { attemptsMax: 10, ageMsMax: ASYNC_POLICY.ageSecondsMax * 1000 };
    try {
      await outbox.send([
        {
          arn: destination,
          payload: Buffer.from(JSON.stringify(record)),
          attributes: event,
          policy: { attemptsMax, ageMsMax, backoffMsBase: 1_000, backoffMsMax: 60_000 },
          source: delivery.arn,
          trace: delivery.trace,
        },
      ]);
    } catch (error) {
      // The invocation has ended, whatever becomes of its report: running it again would not help.
      const from = functionOf(delivery.arn);
      if (from) meters.put(from.region, from.name, 'DestinationDeliveryFailures', 1);
      logger.error('destination not reached', { function: delivery.arn, destination, error });
    }
  }

  #config(region: string, name: string, qualifier: string | undefined): EventInvokeConfig | undefined {
    return this.#options.functions.eventInvokeConfigs.get(`${region}/${name}/${qualifier ?? '$LATEST'}`);
  }
}

/** Deliveries of other services (topics, rules) carry attributes of their own: their request id is made of what they have. */
function attributesOf({ id, attributes, trace, arn, idempotencyKey }: Delivery): EventAttributes {
  const { requestId, clientContext, receivedAt } = (attributes ?? {}) as Partial<EventAttributes>;
  return {
    requestId:
      typeof requestId === 'string'
        ? requestId
        : requestIdOf(`${arn} ${idempotencyKey ?? id ?? `${trace.traceId}${trace.spanId}`}`),
    ...(typeof clientContext === 'string' ? { clientContext } : {}),
    ...(typeof receivedAt === 'number' ? { receivedAt } : {}),
  };
}

/** The function that an ARN names; `undefined` for one of another service. */
function functionOf(arn: string): { readonly region: string; readonly name: string } | undefined {
  const parts = arn.split(':');
  if (parts[2] !== 'lambda' || parts[5] !== 'function') return undefined;
  return { region: parts[3]!, name: parts[6]! };
}

/** A request id that stays the same over the attempts of one delivery: functions use it to recognise a repetition. */
function requestIdOf(key: string): string {
  const hex = createHash('sha256').update(key).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20, 32)}`;
}

function failure(result: InvocationAnswer, last: boolean): DomainError {
  const type = result.kind === 'error' ? result.errorType : 'Error';
  return new DomainError('function-failed', type, { remedy: last ? 'never' : 'retry' });
}

function qualified(arn: string): string {
  return arn.split(':').length > 7 ? arn : `${arn}:$LATEST`;
}

function parsed(bytes: Uint8Array): unknown {
  const text = Buffer.from(bytes).toString('utf8');
  try {
    return JSON.parse(text);
  } catch (error) {
    return `${text.slice(0, 1024)} (${messageOf(error)})`;
  }
}
