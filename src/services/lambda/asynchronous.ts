import { createHash } from 'node:crypto';
import { type Clock, DEFAULT_REGION, DomainError, hasCode, messageOf, type Random } from '../../base/index.ts';
import {
  type Delivery,
  DeliveryFailure,
  type DeliveryService,
  type GivenUp,
  type Target,
  type Tried,
} from '../../delivery/index.ts';
import type { InvocationAnswer } from '../../runtime/index.ts';
import type { TraceContext } from '../../telemetry/index.ts';
import { LAMBDA_ANSWERS, LambdaError, type LambdaErrorCode } from './errors.ts';
import { ASYNC_LIMITS, type Ending, type EventSettings, fateOf, settingsOf } from './event-fate.ts';
import type { Functions, Resolved } from './functions.ts';
import { DESTINATION_SOURCE, type EndedEvent, type EventResponse, followersOf } from './invocation-records.ts';
import type { Invocations, Runnable } from './invocations.ts';
import type { Meters } from './metering.ts';
import type { EventInvokeConfig } from './model.ts';
import { functionArn, parseReference } from './names.ts';

/** What the outbox keeps beside the payload. */
interface EventAttributes {
  readonly requestId: string;
  readonly clientContext?: string;
  /** Of the function when it took the event: they hold when it is gone. Absent where it has none. */
  readonly settings?: KeptSettings;
}

type KeptSettings = Partial<Pick<EventInvokeConfig, 'retriesMax' | 'ageSecondsMax' | 'onFailure'>> & {
  readonly deadLetterArn?: string;
};

/** An event that is being tried. */
interface Event extends Required<Pick<EventAttributes, 'requestId'>> {
  readonly delivery: Delivery;
  readonly clientContext?: string;
  readonly region: string;
  readonly name: string;
  readonly qualifier?: string;
  readonly receivedAt: number;
  /** The API took it, not a topic or a rule. */
  readonly isOurs: boolean;
  readonly settings: EventSettings;
}

/** One try: how it ended, and what was answered. */
interface Try {
  readonly ending: Ending;
  readonly response: EventResponse;
}

export interface AsynchronousOptions {
  readonly functions: Functions;
  readonly meters: Meters;
  readonly invocations: Invocations;
  readonly delivery: DeliveryService;
  readonly clock: Clock;
  readonly random: Random;
}

/**
 * Asynchronous invocations: queued durably, run with retries, reported to destinations and dead-letter queues.
 *
 *     send -> row in the outbox (202) -> deliver -> again after a minute, or two | held up: again after 1 s to 5 min
 *                                                | over: records and dead letters, in the transaction that removes the row
 *
 * What topics and rules send to functions comes the same way, and is treated as the function's own configuration says.
 */
export class Asynchronous implements Target {
  /** Events that grow too old have destinations and dead-letter queues of their own. */
  readonly judgesAge = true;
  /** A function runs for up to 15 minutes, and may have waited for its place before. */
  readonly attemptMsMax = ASYNC_LIMITS.tryMsMax;
  readonly #options: AsynchronousOptions;

  constructor(options: AsynchronousOptions) {
    this.#options = options;
  }

  /** Queues an event; durable when it resolves. @throws function-not-found */
  async send(
    region: string,
    name: string,
    qualifier: string | undefined,
    event: { readonly payload: Uint8Array; readonly trace: TraceContext } & Omit<EventAttributes, 'settings'>,
  ): Promise<void> {
    const { functions, delivery, meters } = this.#options;
    const resolved = functions.resolve(region, name, qualifier);
    const kept = keptSettings(this.#config(region, name, qualifier), resolved);
    const { payload, trace, requestId, clientContext } = event;
    const arn = functionArn(region, name, qualifier);
    const { retriesMax = ASYNC_LIMITS.retriesMax, ageSecondsMax = ASYNC_LIMITS.ageMsMax / 1000 } = kept ?? {};
    await delivery.send([
      {
        arn,
        payload,
        attributes: {
          requestId,
          ...(clientContext === undefined ? {} : { clientContext }),
          ...(kept ? { settings: kept } : {}),
        } satisfies EventAttributes,
        policy: {
          attemptsMax: 1 + retriesMax,
          ageMsMax: ageSecondsMax * 1000,
          backoffMsBase: ASYNC_LIMITS.backoffMsMin,
          backoffMsMax: ASYNC_LIMITS.backoffMsMax,
        },
        source: arn,
        trace,
      },
    ]);
    meters.put(region, name, 'AsyncEventsReceived', 1);
  }

  /** Counts what the outbox has given up of ours: events, their dead letters, records for destinations. */
  givenUp({ delivery, errorCode }: GivenUp): void {
    const { meters } = this.#options;
    const to = functionOf(delivery.arn);
    if (to && errorCode !== 'function-not-found') return meters.put(to.region, to.name, 'AsyncEventsDropped', 1);
    const from = functionOf(delivery.source);
    if (!from) return;
    const isRecord = delivery.attributes?.source === DESTINATION_SOURCE;
    meters.put(from.region, from.name, isRecord ? 'DestinationDeliveryFailures' : 'DeadLetterErrors', 1);
  }

  async deliver(
    delivery: Delivery,
    attempt: number,
    signal: AbortSignal,
    { sentAt, uncounted }: Tried = { sentAt: this.#options.clock.now(), uncounted: 0 },
  ): Promise<readonly Delivery[]> {
    const { meters, clock } = this.#options;
    const event = this.#event(delivery, sentAt);
    const { region, name, settings } = event;
    if (this.#isSwitchedOff(event)) {
      throw this.#over({ ...event, condition: 'ZeroReservedConcurrency', attempts: attempt - 1 }, settings);
    }
    const ageMs = clock.now() - sentAt;
    if (ageMs >= settings.ageMsMax) {
      throw this.#over({ ...event, condition: 'EventAgeExceeded', attempts: attempt - 1 }, settings);
    }
    // Topics and rules hand their events to the outbox themselves: they are counted when they come.
    if (!event.isOurs && attempt === 1 && uncounted === 0) meters.put(region, name, 'AsyncEventsReceived', 1);
    meters.put(region, name, 'AsyncEventAge', ageMs);
    const { ending, response } = await this.#try(event, settings.ageMsMax - ageMs, signal);
    const fate = fateOf(ending, { attempt, uncounted, ageMs: clock.now() - sentAt }, settings);
    if (fate.kind === 'again') throw new DeliveryFailure(codeOf(response), response.message, fate);
    const attempts = ending === 'held-up' ? attempt - 1 : attempt;
    const ended: EndedEvent = { ...event, condition: fate.condition, attempts, response };
    if (fate.condition !== 'Success') throw this.#over(ended, settings);
    return followersOf(ended, settings, this.#options);
  }

  #over(ended: EndedEvent, settings: EventSettings): DeliveryFailure {
    const { condition, response } = ended;
    const instead = followersOf(ended, settings, this.#options);
    return new DeliveryFailure(codeOf(response), response?.message ?? condition, { kind: 'given-up', instead });
  }

  #event(delivery: Delivery, receivedAt: number): Event {
    const { region = DEFAULT_REGION, name, qualifier } = parseReference(delivery.arn);
    const { requestId, clientContext, settings } = (delivery.attributes ?? {}) as Partial<EventAttributes>;
    const isOurs = typeof requestId === 'string';
    return {
      delivery,
      region,
      name,
      ...(qualifier === undefined ? {} : { qualifier }),
      requestId: isOurs ? requestId : requestIdOf(delivery),
      ...(typeof clientContext === 'string' ? { clientContext } : {}),
      receivedAt,
      isOurs,
      settings: this.#settings(region, name, qualifier, isOurs ? (settings ?? {}) : undefined),
    };
  }

  /**
   * Those of the function as it is now; where it is gone, those it had when it took the event.
   *
   * @param kept  absent for an event that the sender may have back
   * @throws function-not-found: nothing was kept
   */
  #settings(
    region: string,
    name: string,
    qualifier: string | undefined,
    kept: KeptSettings | undefined,
  ): EventSettings {
    try {
      const { version } = this.#options.functions.resolve(region, name, qualifier);
      return settingsOf(this.#config(region, name, qualifier), version.deadLetterArn);
    } catch (error) {
      if (!kept || !hasCode(error, 'function-not-found')) throw error;
      return settingsOf(kept, kept.deadLetterArn);
    }
  }

  /** No event is run while the function's reserved concurrency is zero: AWS gives them up without a try. */
  #isSwitchedOff({ region, name }: Event): boolean {
    return this.#options.functions.find(region, name)?.reservedConcurrency === 0;
  }

  /** @param leftMs  until the event is too old */
  async #try(event: Event, leftMs: number, signal: AbortSignal): Promise<Try> {
    const { invocations } = this.#options;
    const { region, name, qualifier } = event;
    try {
      const runnable = invocations.runnable(region, name, qualifier);
      const { result, executedVersion } = await this.#invoke(runnable, event, leftMs, signal);
      return answered(result, executedVersion);
    } catch (error) {
      if (signal.aborted || !(error instanceof DomainError)) throw error;
      return refused(error);
    }
  }

  /** Waits for a place for a while, rather than to try again and again. @throws throttled */
  async #invoke(runnable: Runnable, event: Event, leftMs: number, signal: AbortSignal) {
    const { invocations, clock } = this.#options;
    const { requestId, clientContext, delivery } = event;
    const { payload, trace } = delivery;
    const patience = new AbortController();
    const timer = clock.timer(Math.min(ASYNC_LIMITS.placeWaitMsMax, leftMs), () => {
      runnable.meter.throttled();
      patience.abort(new LambdaError('throttled', 'Rate Exceeded.', { remedy: 'retry' }));
    });
    const hold = { wait: true, signal: AbortSignal.any([signal, patience.signal]), onPlace: () => timer.cancel() };
    const context = clientContext === undefined ? {} : { clientContext };
    try {
      return await invocations.invoke(runnable, { requestId, payload, trace, ...context }, hold);
    } finally {
      timer.cancel();
    }
  }

  #config(region: string, name: string, qualifier: string | undefined): EventInvokeConfig | undefined {
    return this.#options.functions.eventInvokeConfigs.get(`${region}/${name}/${qualifier ?? '$LATEST'}`);
  }
}

/** Nothing for most functions: it is written with each event. */
function keptSettings(config: EventInvokeConfig | undefined, { version }: Resolved): KeptSettings | undefined {
  const { deadLetterArn } = version;
  if (!config && deadLetterArn === undefined) return undefined;
  const { retriesMax, ageSecondsMax, onFailure } = config ?? {};
  return {
    ...(retriesMax === undefined ? {} : { retriesMax }),
    ...(ageSecondsMax === undefined ? {} : { ageSecondsMax }),
    ...(onFailure === undefined ? {} : { onFailure }),
    ...(deadLetterArn === undefined ? {} : { deadLetterArn }),
  };
}

function answered(result: InvocationAnswer, executedVersion: string): Try {
  const { payload } = result;
  if (result.kind === 'success') {
    return { ending: 'success', response: { statusCode: 200, executedVersion, payload, message: '' } };
  }
  const message = errorMessageOf(payload) ?? result.errorType;
  const response = { statusCode: 200, executedVersion, functionError: 'Unhandled', payload, message } as const;
  return { ending: 'failed', response };
}

/** How a try ends that did not come to the function. */
const ENDINGS: Partial<Record<LambdaErrorCode, Ending>> = {
  'function-not-found': 'failed',
  'request-content-invalid': 'impossible',
  'recursive-invocation': 'impossible',
};

function refused(error: DomainError): Try {
  const code = error.code as LambdaErrorCode;
  const statusCode = LAMBDA_ANSWERS[code]?.status ?? 500;
  return { ending: ENDINGS[code] ?? 'held-up', response: { statusCode, message: messageOf(error) } };
}

/** Names the failure in logs and figures of the outbox. */
function codeOf(response: EventResponse | undefined): string {
  if (!response) return 'event-not-tried';
  if (response.functionError) return 'function-failed';
  return response.statusCode === 429 ? 'throttled' : 'function-not-run';
}

function errorMessageOf({ buffer, byteOffset, byteLength }: Uint8Array): string | undefined {
  try {
    const { errorMessage } = JSON.parse(Buffer.from(buffer, byteOffset, byteLength).toString('utf8'));
    return typeof errorMessage === 'string' ? errorMessage : undefined;
  } catch {
    return undefined;
  }
}

/** The function that an ARN names; `undefined` for one of another service. */
function functionOf(arn: string): { readonly region: string; readonly name: string } | undefined {
  const parts = arn.split(':');
  if (parts[2] !== 'lambda' || parts[5] !== 'function') return undefined;
  return { region: parts[3]!, name: parts[6]! };
}

/** Deliveries of other services get a request id that stays the same over their tries: functions know a repetition by it. */
function requestIdOf({ id, arn, idempotencyKey, trace }: Delivery): string {
  const key = `${arn} ${idempotencyKey ?? id ?? `${trace.traceId}${trace.spanId}`}`;
  const hex = createHash('sha256').update(key).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20, 32)}`;
}
