import { hasCode, parseArn } from '../../../base/index.ts';
import { compileFilter } from '../../../pollers/index.ts';
import { invalidParameter } from '../errors.ts';
import { type MappingSettings, type StreamMappingSettings, WINDOW_TAG } from './mapping.ts';

/** The members of CreateEventSourceMapping and UpdateEventSourceMapping that make settings. */
export interface SettingsInput {
  readonly BatchSize?: number;
  readonly MaximumBatchingWindowInSeconds?: number;
  readonly FilterCriteria?: { readonly Filters?: readonly { readonly Pattern?: string }[] };
  readonly FunctionResponseTypes?: readonly string[];
  readonly DestinationConfig?: { readonly OnFailure?: { readonly Destination?: string } };
  readonly ScalingConfig?: { readonly MaximumConcurrency?: number };
  readonly MetricsConfig?: { readonly Metrics?: readonly string[] };
  readonly ParallelizationFactor?: number;
  readonly StartingPosition?: string;
  readonly StartingPositionTimestamp?: Date;
  readonly BisectBatchOnFunctionError?: boolean;
  readonly MaximumRetryAttempts?: number;
  readonly MaximumRecordAgeInSeconds?: number;
  readonly TumblingWindowInSeconds?: number;
  readonly Tags?: Readonly<Record<string, string>>;
}

/** Filters of one mapping: five, or ten on request; we need not be asked. */
const FILTERS_MAX = 10;

const STREAM_ONLY = [
  'ParallelizationFactor',
  'StartingPosition',
  'StartingPositionTimestamp',
  'BisectBatchOnFunctionError',
  'MaximumRetryAttempts',
  'MaximumRecordAgeInSeconds',
  'TumblingWindowInSeconds',
  'DestinationConfig',
] as const;

export type SourceKind = 'stream' | 'queue' | 'fifo-queue';

/** The kind of source by its ARN. @throws invalid-parameter */
export function sourceKindOf(sourceArn: string): SourceKind {
  const arn = parseArn(sourceArn);
  if (arn?.service === 'kinesis') return 'stream';
  if (arn?.service === 'sqs') return arn.resource.endsWith('.fifo') ? 'fifo-queue' : 'queue';
  throw invalidParameter('Unrecognized event source.');
}

/**
 * Settings from a request, on top of those there are (update) or of AWS's defaults (create).
 * @throws invalid-parameter
 */
export function settingsFrom(input: SettingsInput, kind: SourceKind, current?: MappingSettings): MappingSettings {
  const base = current ?? defaultsOf(kind);
  const onFailureArn = input.DestinationConfig ? onFailureOf(input) : base.onFailureArn;
  const settings: MappingSettings = {
    batchSize: input.BatchSize ?? base.batchSize,
    windowSeconds: input.MaximumBatchingWindowInSeconds ?? base.windowSeconds,
    responseTypes: input.FunctionResponseTypes ?? base.responseTypes,
    filters: input.FilterCriteria ? filtersOf(input) : base.filters,
    ...(onFailureArn !== undefined && { onFailureArn }),
    tags: input.Tags ?? base.tags,
    metrics: input.MetricsConfig?.Metrics ?? base.metrics,
    ...(kind === 'stream'
      ? { stream: streamSettings(input, base.stream) }
      : { queue: queueSettings(input, base.queue) }),
  };
  check(settings, input, kind);
  return settings;
}

function defaultsOf(kind: SourceKind): MappingSettings {
  const batchSize = kind === 'stream' ? 100 : 10;
  return { batchSize, windowSeconds: 0, responseTypes: [], filters: [], tags: {}, metrics: [] };
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

function queueSettings(input: SettingsInput, base: MappingSettings['queue']): NonNullable<MappingSettings['queue']> {
  if (!input.ScalingConfig) return base ?? {};
  const { MaximumConcurrency: concurrencyMax } = input.ScalingConfig;
  return concurrencyMax === undefined ? {} : { concurrencyMax };
}

function onFailureOf(input: SettingsInput): string | undefined {
  const destination = input.DestinationConfig?.OnFailure?.Destination;
  if (destination === undefined || destination === '') return undefined;
  if (['sqs', 'sns'].includes(parseArn(destination)?.service ?? '')) return destination;
  throw invalidParameter(
    `The destination ARN ${destination} is invalid. Destinations can be SQS queues or SNS topics.`,
  );
}

function filtersOf(input: SettingsInput): readonly string[] {
  return (input.FilterCriteria?.Filters ?? []).map(({ Pattern }) => Pattern ?? '');
}

function check(settings: MappingSettings, input: SettingsInput, kind: SourceKind): void {
  inRange('batchSize', settings.batchSize, 1, 10_000);
  inRange('maximumBatchingWindowInSeconds', settings.windowSeconds, 0, 300);
  checkFilters(settings.filters, kind);
  checkTags(settings.tags);
  if (settings.stream) checkStream(settings.stream);
  else checkQueue(settings, input, kind);
  if (kind === 'stream' && input.ScalingConfig) throw invalidParameter(notSupported('ScalingConfig', 'Kinesis'));
}

function checkFilters(filters: readonly string[], kind: SourceKind): void {
  if (filters.length > FILTERS_MAX) throw invalidParameter(`Filters exceed the limit of ${FILTERS_MAX}.`);
  try {
    if (filters.length > 0) compileFilter(filters, kind === 'stream' ? 'data' : 'body');
  } catch (error) {
    if (!hasCode(error, 'pattern-invalid')) throw error;
    throw invalidParameter(`Invalid filter pattern definition. ${(error as Error).message}`);
  }
}

function checkTags(tags: Readonly<Record<string, string>>): void {
  const window = tags[WINDOW_TAG];
  if (window === undefined || (/^\d{1,6}$/.test(window) && Number(window) <= 300_000)) return;
  throw invalidParameter(`The tag ${WINDOW_TAG} must be whole milliseconds from 0 to 300000.`);
}

function checkStream(stream: StreamMappingSettings): void {
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
  inRange('parallelizationFactor', stream.parallelizationFactor, 1, 10);
  inRange('maximumRetryAttempts', stream.retriesMax, -1, 10_000);
  if (stream.recordAgeSecondsMax !== -1) inRange('maximumRecordAgeInSeconds', stream.recordAgeSecondsMax, 60, 604_800);
  inRange('tumblingWindowInSeconds', stream.tumblingSeconds, 0, 900);
  // The state of a window is one per shard: lanes side by side would each need their own.
  if (stream.tumblingSeconds > 0 && stream.parallelizationFactor > 1) {
    throw invalidParameter('TumblingWindowInSeconds is not supported with a ParallelizationFactor greater than 1.');
  }
}

function checkQueue(settings: MappingSettings, input: SettingsInput, kind: SourceKind): void {
  const wrong = STREAM_ONLY.find((name) => input[name] !== undefined);
  if (wrong) throw invalidParameter(notSupported(wrong, 'SQS'));
  const { concurrencyMax } = settings.queue ?? {};
  if (concurrencyMax !== undefined) inRange('scalingConfig.maximumConcurrency', concurrencyMax, 2, 1000);
  if (kind === 'fifo-queue') {
    if (settings.batchSize > 10) throw invalidParameter('Batch size for FIFO queues can not be more than 10.');
    if (settings.windowSeconds > 0) throw invalidParameter('Batching window is not supported for FIFO queues.');
  }
  if (settings.batchSize > 10 && settings.windowSeconds <= 0 && settings.tags[WINDOW_TAG] === undefined) {
    throw invalidParameter(
      'Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10',
    );
  }
}

function notSupported(member: string, source: string): string {
  return `Unsupported parameter for event source type ${source}: ${member}`;
}

function inRange(member: string, value: number, min: number, max: number): void {
  if (value >= min && value <= max) return;
  const bound = value < min ? `greater than or equal to ${min}` : `less than or equal to ${max}`;
  throw invalidParameter(
    `1 validation error detected: Value '${value}' at '${member}' failed to satisfy constraint: Member must have value ${bound}`,
  );
}
