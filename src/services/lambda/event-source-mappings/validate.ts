import { hasCode, parseArn } from '../../../base/index.ts';
import { compileFilter } from '../../../pollers/index.ts';
import { invalidParameter } from '../errors.ts';
import { LAMBDA_LIMITS } from '../model.ts';
import type { SourceKind } from './kinds.ts';
import {
  type MappingSettings,
  type QueueMappingSettings,
  type StreamMappingSettings,
  WINDOW_TAG,
  windowMsOf,
} from './mapping.ts';

/** The members of CreateEventSourceMapping and UpdateEventSourceMapping that make settings. */
export interface SettingsInput {
  readonly BatchSize?: number;
  readonly MaximumBatchingWindowInSeconds?: number;
  readonly FilterCriteria?: { readonly Filters?: readonly { readonly Pattern?: string }[] };
  readonly FunctionResponseTypes?: readonly string[];
  readonly DestinationConfig?: {
    readonly OnFailure?: { readonly Destination?: string };
    readonly OnSuccess?: { readonly Destination?: string };
  };
  readonly ScalingConfig?: { readonly MaximumConcurrency?: number };
  readonly ProvisionedPollerConfig?: {
    readonly MinimumPollers?: number;
    readonly MaximumPollers?: number;
    readonly PollerGroupName?: string;
  };
  readonly MetricsConfig?: { readonly Metrics?: readonly string[] };
  readonly KMSKeyArn?: string;
  readonly ParallelizationFactor?: number;
  readonly StartingPosition?: string;
  readonly StartingPositionTimestamp?: Date;
  readonly BisectBatchOnFunctionError?: boolean;
  readonly MaximumRetryAttempts?: number;
  readonly MaximumRecordAgeInSeconds?: number;
  readonly TumblingWindowInSeconds?: number;
  readonly Tags?: Readonly<Record<string, string>>;
}

/** Numbers of event source mappings (S5). @see AWS Lambda API reference, CreateEventSourceMapping */
export const MAPPING_LIMITS = {
  /** AWS: five, or ten on request; we need not be asked. */
  filtersMax: 10,
  windowSecondsMax: 300,
  parallelizationMax: 10,
  retriesMax: 10_000,
  recordAgeSecondsMin: 60,
  recordAgeSecondsMax: 604_800,
  tumblingSecondsMax: 900,
  concurrencyMin: 2,
  concurrencyMax: 1000,
  /** Provisioned mode of queues. */
  pollersMin: 2,
  minimumPollersMax: 200,
  maximumPollersMax: 2000,
  /** Provisioned mode of queues, where nothing is said. */
  minimumPollersDefault: 2,
  maximumPollersDefault: 200,
} as const;

/**
 * Settings from a request, on top of those there are (update) or of AWS's defaults (create).
 * @param now  epoch milliseconds
 * @throws invalid-parameter
 */
export function settingsFrom(
  input: SettingsInput,
  kind: SourceKind,
  now: number,
  current?: MappingSettings,
): MappingSettings {
  refuseForeign(input, kind);
  const base = current ?? defaultsOf(kind);
  const onFailureArn = input.DestinationConfig ? onFailureOf(input) : base.onFailureArn;
  const kmsKeyArn = input.KMSKeyArn ?? base.kmsKeyArn;
  const settings: MappingSettings = {
    batchSize: input.BatchSize ?? base.batchSize,
    windowSeconds: input.MaximumBatchingWindowInSeconds ?? base.windowSeconds,
    responseTypes: input.FunctionResponseTypes ?? base.responseTypes,
    filters: input.FilterCriteria ? filtersOf(input) : base.filters,
    ...(onFailureArn !== undefined && { onFailureArn }),
    ...(kmsKeyArn !== undefined && kmsKeyArn !== '' && { kmsKeyArn }),
    tags: input.Tags ?? base.tags,
    metrics: input.MetricsConfig ? (input.MetricsConfig.Metrics ?? []) : base.metrics,
    ...(kind.port === 'stream'
      ? { stream: streamSettings(input, base.stream) }
      : { queue: queueSettings(input, kind, base.queue ?? {}) }),
  };
  check(settings, kind, now);
  return settings;
}

/** Tags of a mapping, which hold a setting of ours. @throws invalid-parameter */
export function checkTags(tags: Readonly<Record<string, string>>): void {
  if (Object.keys(tags).length > LAMBDA_LIMITS.tagsMax) {
    throw invalidParameter(`Number of tags exceeds resource tag limit of ${LAMBDA_LIMITS.tagsMax}`);
  }
  const window = tags[WINDOW_TAG];
  if (window === undefined || (/^\d{1,6}$/.test(window) && Number(window) <= 300_000)) return;
  throw invalidParameter(`The tag ${WINDOW_TAG} must be whole milliseconds from 0 to 300000.`);
}

/** Streams of tables have no position in time. @throws invalid-parameter, as AWS words it */
export function checkStartingPosition(
  { startingPositions }: SourceKind,
  position: string | undefined,
  sourceArn: string,
): void {
  if (position === undefined || !startingPositions || startingPositions.includes(position)) return;
  throw invalidParameter(`Unsupported starting position for arn type: ${sourceArn}`);
}

/** A message must not be seen again while the function may still be at it. @throws invalid-parameter, as AWS words it */
export function checkVisibility(leaseMs: number, timeoutMs: number): void {
  if (leaseMs >= timeoutMs) return;
  throw invalidParameter(
    `Queue visibility timeout: ${leaseMs / 1000} seconds is less than Function timeout: ${timeoutMs / 1000} seconds`,
  );
}

function defaultsOf({ batchSizeDefault }: SourceKind): MappingSettings {
  return { batchSize: batchSizeDefault, windowSeconds: 0, responseTypes: [], filters: [], tags: {}, metrics: [] };
}

/** What AWS has for other sources is refused by name; what is empty asks for nothing. */
function refuseForeign(input: SettingsInput, { refused, name }: SourceKind): void {
  const given = input as Readonly<Record<string, unknown>>;
  const wrong = refused.find((member) => !isEmpty(given[member]));
  if (wrong) throw invalidParameter(`Unsupported parameter for event source type ${name}: ${wrong}`);
}

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null) return true;
  if (value instanceof Date || typeof value !== 'object') return false;
  return Object.values(value).every(isEmpty);
}

function streamSettings(input: SettingsInput, base?: StreamMappingSettings): StreamMappingSettings {
  const startingPosition = (input.StartingPosition ??
    base?.startingPosition) as StreamMappingSettings['startingPosition'];
  const startingAt = input.StartingPositionTimestamp?.getTime() ?? base?.startingAt;
  return {
    startingPosition,
    ...(startingAt !== undefined && { startingAt }),
    parallelizationFactor: input.ParallelizationFactor ?? base?.parallelizationFactor ?? 1,
    bisect: input.BisectBatchOnFunctionError ?? base?.bisect ?? false,
    retriesMax: input.MaximumRetryAttempts ?? base?.retriesMax ?? -1,
    recordAgeSecondsMax: input.MaximumRecordAgeInSeconds ?? base?.recordAgeSecondsMax ?? -1,
    tumblingSeconds: input.TumblingWindowInSeconds ?? base?.tumblingSeconds ?? 0,
  };
}

/** An empty `ScalingConfig` or `ProvisionedPollerConfig` takes the setting back. */
function queueSettings(
  input: SettingsInput,
  { retriesDefault }: SourceKind,
  base: QueueMappingSettings,
): QueueMappingSettings {
  const { ScalingConfig: scaling, ProvisionedPollerConfig: provisioned } = input;
  const concurrencyMax = scaling ? scaling.MaximumConcurrency : base.concurrencyMax;
  const pollers = provisioned ? pollersOf(provisioned) : base.pollers;
  const retriesMax = input.MaximumRetryAttempts ?? base.retriesMax ?? retriesDefault;
  return {
    ...(concurrencyMax !== undefined && { concurrencyMax }),
    ...(pollers && { pollers }),
    ...(retriesMax !== undefined && { retriesMax }),
  };
}

function pollersOf(config: NonNullable<SettingsInput['ProvisionedPollerConfig']>): QueueMappingSettings['pollers'] {
  const { MinimumPollers: min, MaximumPollers: max, PollerGroupName } = config;
  if (PollerGroupName !== undefined) {
    throw invalidParameter('Unsupported parameter for event source type SQS: ProvisionedPollerConfig.PollerGroupName');
  }
  if (min === undefined && max === undefined) return undefined;
  return {
    min: min ?? Math.min(MAPPING_LIMITS.minimumPollersDefault, max!),
    max: max ?? Math.max(MAPPING_LIMITS.maximumPollersDefault, min!),
  };
}

function onFailureOf({ DestinationConfig: config }: SettingsInput): string | undefined {
  if (!isEmpty(config?.OnSuccess?.Destination)) {
    throw invalidParameter('Event source mappings have no on-success destination: DestinationConfig.OnSuccess');
  }
  const destination = config?.OnFailure?.Destination;
  if (destination === undefined || destination === '') return undefined;
  const arn = parseArn(destination);
  if (['sqs', 'sns', 's3'].includes(arn?.service ?? '') && !arn!.resource.endsWith('.fifo')) return destination;
  throw invalidParameter(
    `The destination ARN ${destination} is invalid. Destinations can be standard SQS queues, standard SNS topics or S3 buckets.`,
  );
}

function filtersOf(input: SettingsInput): readonly string[] {
  return (input.FilterCriteria?.Filters ?? []).map(({ Pattern }) => Pattern ?? '');
}

function check(settings: MappingSettings, kind: SourceKind, now: number): void {
  checkBatch(settings, kind);
  checkFilters(settings.filters, kind);
  checkTags(settings.tags);
  checkMetrics(settings.metrics, kind);
  if (settings.stream) checkStream(settings.stream, now);
  if (settings.queue) checkQueue(settings.queue);
  checkOnFailure(settings, kind);
}

function checkBatch({ batchSize, windowSeconds, tags }: MappingSettings, kind: SourceKind): void {
  inRange('batchSize', batchSize, 1, 10_000);
  inRange('maximumBatchingWindowInSeconds', windowSeconds, 0, MAPPING_LIMITS.windowSecondsMax);
  if (batchSize > kind.batchSizeMax) {
    throw invalidParameter(`Batch size for ${kind.plural} can not be more than ${kind.batchSizeMax}.`);
  }
  const windowMs = windowMsOf({ windowSeconds, tags });
  if (!kind.batchingWindow && windowMs > 0) {
    throw invalidParameter('Batching window is not supported for FIFO queues.');
  }
  if (batchSize > kind.windowlessBatchMax && windowMs <= 0) {
    throw invalidParameter(
      `Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than ${kind.windowlessBatchMax}`,
    );
  }
}

function checkFilters(filters: readonly string[], { payloadKey }: SourceKind): void {
  const { filtersMax } = MAPPING_LIMITS;
  if (filters.length > filtersMax) throw invalidParameter(`Filters exceed the limit of ${filtersMax}.`);
  try {
    if (filters.length > 0) compileFilter(filters, payloadKey);
  } catch (error) {
    if (!hasCode(error, 'pattern-invalid')) throw error;
    throw invalidParameter(`Invalid filter pattern definition. ${(error as Error).message}`);
  }
}

function checkMetrics(metrics: readonly string[], { name }: SourceKind): void {
  const wrong = metrics.find((metric) => metric !== 'EventCount');
  if (wrong) throw invalidParameter(`Unsupported metric for event source type ${name}: ${wrong}`);
}

function checkStream(stream: StreamMappingSettings, now: number): void {
  if (stream.startingPosition === undefined) {
    throw invalidParameter(
      "1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: Member must not be null.",
    );
  }
  if ((stream.startingPosition === 'AT_TIMESTAMP') !== (stream.startingAt !== undefined)) {
    throw invalidParameter(
      'StartingPositionTimestamp is required for, and only valid for, StartingPosition AT_TIMESTAMP.',
    );
  }
  if (stream.startingAt !== undefined && stream.startingAt > now) {
    throw invalidParameter('StartingPositionTimestamp cannot be in the future.');
  }
  const { recordAgeSecondsMin, recordAgeSecondsMax, parallelizationMax, retriesMax, tumblingSecondsMax } =
    MAPPING_LIMITS;
  inRange('parallelizationFactor', stream.parallelizationFactor, 1, parallelizationMax);
  inRange('maximumRetryAttempts', stream.retriesMax, -1, retriesMax);
  if (stream.recordAgeSecondsMax !== -1) {
    inRange('maximumRecordAgeInSeconds', stream.recordAgeSecondsMax, recordAgeSecondsMin, recordAgeSecondsMax);
  }
  inRange('tumblingWindowInSeconds', stream.tumblingSeconds, 0, tumblingSecondsMax);
  // The state of a window is one per shard: lanes side by side would each need their own.
  if (stream.tumblingSeconds > 0 && stream.parallelizationFactor > 1) {
    throw invalidParameter('TumblingWindowInSeconds is not supported with a ParallelizationFactor greater than 1.');
  }
}

/** Failed messages go to the outbox one by one; a bucket takes whole batches of streams. */
function checkOnFailure({ onFailureArn = '' }: MappingSettings, { retriesDefault, name }: SourceKind): void {
  if (retriesDefault === undefined || parseArn(onFailureArn)?.service !== 's3') return;
  throw invalidParameter(
    `Event source type ${name} takes queues and topics as on-failure destination: ${onFailureArn}`,
  );
}

function checkQueue({ concurrencyMax, pollers, retriesMax }: QueueMappingSettings): void {
  const limits = MAPPING_LIMITS;
  if (concurrencyMax !== undefined) {
    inRange('scalingConfig.maximumConcurrency', concurrencyMax, limits.concurrencyMin, limits.concurrencyMax);
  }
  // Without end a message that no function can take would hold up the acknowledgements of all after it.
  if (retriesMax !== undefined) inRange('maximumRetryAttempts', retriesMax, 0, limits.retriesMax);
  if (!pollers) return;
  if (concurrencyMax !== undefined) {
    throw invalidParameter('ScalingConfig.MaximumConcurrency is not supported with ProvisionedPollerConfig.');
  }
  inRange('provisionedPollerConfig.minimumPollers', pollers.min, limits.pollersMin, limits.minimumPollersMax);
  inRange('provisionedPollerConfig.maximumPollers', pollers.max, limits.pollersMin, limits.maximumPollersMax);
  if (pollers.min > pollers.max) {
    throw invalidParameter('MinimumPollers cannot be greater than MaximumPollers in ProvisionedPollerConfig.');
  }
}

function inRange(member: string, value: number, min: number, max: number): void {
  if (value >= min && value <= max) return;
  const bound = value < min ? `greater than or equal to ${min}` : `less than or equal to ${max}`;
  throw invalidParameter(
    `1 validation error detected: Value '${value}' at '${member}' failed to satisfy constraint: Member must have value ${bound}`,
  );
}
