import { parseObject } from './json-object.ts';
import { API_LIMITS } from './limits.ts';
import type { Destination } from './supervisor-link.ts';

/** The two APIs: Telemetry (2022-07-01), and Logs (2020-08-15), which it replaces. An environment uses one of them. */
export type TelemetryApi = 'telemetry' | 'logs';
export type TelemetryType = 'platform' | 'function' | 'extension';

/** What an extension asked to be told. */
export interface SubscriptionRequest {
  readonly types: readonly TelemetryType[];
  readonly destination: Destination;
  readonly maxItems: number;
  readonly maxBytes: number;
  readonly timeoutMs: number;
  /** `2021-03-18` and later have `platform.runtimeDone`, `2022-12-13` and later everything. */
  readonly schemaVersion: string;
}

const TYPES: readonly string[] = ['platform', 'function', 'extension'];
const SCHEMAS: Readonly<Record<TelemetryApi, readonly string[]>> = {
  telemetry: ['2022-07-01', '2022-12-13', '2025-01-29'],
  logs: ['2020-08-15', '2021-03-18'],
};
/** Where both APIs deliver to: the sandbox itself, by the name that Lambda gives it. */
const HOSTS: readonly string[] = ['sandbox', 'sandbox.localdomain'];

/**
 * Reads the body of a subscription.
 *
 * @returns the request; a text says what is wrong with it
 */
export function parseSubscription(api: TelemetryApi, body: string): SubscriptionRequest | string {
  const value = parseObject(body);
  if (!value) return 'the body is no JSON object';
  const { schemaVersion = SCHEMAS[api][0], types, destination, buffering = {} } = value;
  if (typeof schemaVersion !== 'string' || !SCHEMAS[api].includes(schemaVersion)) {
    return `schemaVersion must be one of ${SCHEMAS[api].join(', ')}`;
  }
  if (!Array.isArray(types) || types.length === 0 || !types.every((type) => TYPES.includes(type as string))) {
    return `types must be a list of ${TYPES.join(', ')}`;
  }
  const where = parseDestination(destination);
  if (typeof where === 'string') return where;
  const limits = parseBuffering(buffering);
  if (typeof limits === 'string') return limits;
  return { types: [...new Set(types as TelemetryType[])], destination: where, schemaVersion, ...limits };
}

function parseDestination(value: unknown): Destination | string {
  if (typeof value !== 'object' || value === null) return 'destination must be an object';
  const { protocol, URI: uri, port } = value as Readonly<Record<string, unknown>>;
  if (protocol === 'TCP') {
    return isPort(port) ? { protocol, port, path: '' } : 'destination.port must be a number from 1 to 65535';
  }
  if (protocol !== 'HTTP') return 'destination.protocol must be HTTP or TCP';
  const url = typeof uri === 'string' && URL.canParse(uri) ? new URL(uri) : undefined;
  if (url?.protocol !== 'http:' || !HOSTS.includes(url.hostname)) {
    return 'destination.URI must be http://sandbox.localdomain:PORT, with or without a path';
  }
  return { protocol, port: Number(url.port || '80'), path: url.pathname + url.search };
}

const isPort = (value: unknown): value is number =>
  Number.isInteger(value) && Number(value) >= 1 && Number(value) <= 65_535;

interface Range {
  readonly least: number;
  readonly most: number;
  readonly unsaid: number;
}

const RANGES: Readonly<Record<'maxItems' | 'maxBytes' | 'timeoutMs', Range>> = {
  maxItems: { least: API_LIMITS.batchItemsMin, most: API_LIMITS.batchItemsMax, unsaid: API_LIMITS.batchItemsMax },
  maxBytes: { least: API_LIMITS.batchBytesMin, most: API_LIMITS.batchBytesMax, unsaid: API_LIMITS.batchBytesMin },
  timeoutMs: { least: API_LIMITS.batchMsMin, most: API_LIMITS.batchMsMax, unsaid: 1_000 },
};

type Buffering = Pick<SubscriptionRequest, 'maxItems' | 'maxBytes' | 'timeoutMs'>;

function parseBuffering(value: unknown): Buffering | string {
  if (typeof value !== 'object' || value === null) return 'buffering must be an object';
  const asked = value as Readonly<Record<string, unknown>>;
  const found: Record<string, number> = {};
  for (const [name, { least, most, unsaid }] of Object.entries(RANGES)) {
    const number = asked[name] ?? unsaid;
    if (!Number.isInteger(number) || (number as number) < least || (number as number) > most) {
      return `buffering.${name} must be a whole number from ${least} to ${most}`;
    }
    found[name] = number as number;
  }
  return found as unknown as Buffering;
}
