import type { Clock } from '../../base/index.ts';
import { API_LIMITS } from './limits.ts';
import { type Post, TelemetryFeed } from './telemetry-feed.ts';
import type { SubscriptionRequest, TelemetryApi, TelemetryType } from './telemetry-subscription.ts';

interface Subscription {
  readonly api: TelemetryApi;
  readonly request: SubscriptionRequest;
  readonly feed: TelemetryFeed;
}

type Record_ = Readonly<Record<string, unknown>>;

/** An event as the two APIs have it; the older one has fewer, and smaller ones. */
interface PlatformEvent {
  readonly type: string;
  /** For the Telemetry API; absent where it has no such event. */
  readonly record?: Record_;
  /** For the Logs API; absent where it has no such event. */
  readonly logs?: Record_ | string;
  /** The Logs API has it from this version on. */
  readonly logsSince?: string;
}

/** What is told to the extensions of one environment: what happens to it, and what its function and they themselves write. */
export class Telemetry {
  readonly #clock: Clock;
  readonly #post: Post;
  /** By extension. */
  readonly #subscriptions = new Map<string, Subscription>();
  /** What happened before anybody could subscribe. */
  #early:
    | { readonly category: TelemetryType; readonly time: string; readonly event: PlatformEvent | string }[]
    | undefined = [];
  #earlyLength = 0;

  constructor(clock: Clock, post: Post) {
    this.#clock = clock;
    this.#post = post;
  }

  /** The API that its extensions use: all of them the same. */
  get api(): TelemetryApi | undefined {
    for (const { api } of this.#subscriptions.values()) return api;
    return undefined;
  }

  /** Adds a subscription, or replaces the one that this extension has. It is told what happened before, too. */
  subscribe(extension: string, api: TelemetryApi, request: SubscriptionRequest): void {
    this.#subscriptions.get(extension)?.feed.stop();
    const subscription = { api, request, feed: new TelemetryFeed(request, this.#clock, this.#post) };
    this.#subscriptions.set(extension, subscription);
    for (const { category, time, event } of this.#early ?? []) deliver(subscription, category, time, event);
    const record = { name: extension, state: 'Subscribed', types: request.types };
    const type = api === 'logs' ? 'platform.logsSubscription' : 'platform.telemetrySubscription';
    this.platform({ type, record, logs: record });
  }

  /** Init is over: nobody subscribes any more. */
  closeSubscriptions(): void {
    this.#early = undefined;
  }

  get closed(): boolean {
    return this.#early === undefined;
  }

  platform(event: PlatformEvent): void {
    this.#emit('platform', event);
  }

  /** A line that the function or an extension wrote. */
  line(category: 'function' | 'extension', text: string): void {
    this.#emit(category, text);
  }

  /** Sends what is kept. */
  async flush(): Promise<void> {
    await Promise.all(Array.from(this.#subscriptions.values(), ({ feed }) => feed.flush()));
  }

  stop(): void {
    for (const { feed } of this.#subscriptions.values()) feed.stop();
  }

  #emit(category: TelemetryType, event: PlatformEvent | string): void {
    if (this.#subscriptions.size === 0 && !this.#early) return;
    const time = new Date(this.#clock.now()).toISOString();
    this.#remember(category, time, event);
    for (const subscription of this.#subscriptions.values()) deliver(subscription, category, time, event);
  }

  #remember(category: TelemetryType, time: string, event: PlatformEvent | string): void {
    const length = typeof event === 'string' ? event.length : 0;
    if (!this.#early || this.#early.length >= API_LIMITS.earlyEventsMax) return;
    if (this.#earlyLength + length > API_LIMITS.earlyLengthMax) return;
    this.#earlyLength += length;
    this.#early.push({ category, time, event });
  }
}

function deliver(
  subscription: Subscription,
  category: TelemetryType,
  time: string,
  event: PlatformEvent | string,
): void {
  const { request, feed } = subscription;
  if (!request.types.includes(category)) return;
  if (typeof event === 'string')
    return feed.push(JSON.stringify({ time, type: category, record: recordOf(subscription, event) }));
  const record = subscription.api === 'telemetry' ? event.record : logsRecord(subscription, event);
  if (record !== undefined) feed.push(JSON.stringify({ time, type: event.type, record }));
}

function logsRecord({ request }: Subscription, { logs, logsSince }: PlatformEvent): Record_ | string | undefined {
  return logsSince === undefined || request.schemaVersion >= logsSince ? logs : undefined;
}

/** A function that logs JSON is told of as JSON, to those who know that. */
function recordOf({ request }: Subscription, text: string): unknown {
  if (request.schemaVersion < '2022-12-13' || !text.startsWith('{')) return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
