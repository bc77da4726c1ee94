import { ACCOUNT_ID, formatArn } from '../../../base/index.ts';
import {
  type Checkpoints,
  compileFilter,
  createInstruments,
  POLLER_LIMITS,
  type Poller,
  type PollerSettings,
  QueuePoller,
  type QueueSettings,
  type QueueSource,
  type StartingPosition,
  StreamPoller,
  type StreamSettings,
  type StreamSource,
} from '../../../pollers/index.ts';
import { type Mapping, type MappingSettings, type StreamMappingSettings, windowMsOf } from './mapping.ts';
import type { MappingDependencies } from './mappings.ts';

/** Batches of a queue under way at once where the mapping sets no maximum, as on AWS. */
const QUEUE_CONCURRENCY_MAX = 1000;

/** Starts the poller of a mapping. @throws what `sourceFor` throws: the source is not there */
export function startPoller(mapping: Mapping, dependencies: MappingDependencies, checkpoints: Checkpoints): Poller {
  const { sourceFor, invoker, delivery, clock, random, logger, metrics } = dependencies;
  const source = sourceFor(mapping.sourceArn);
  const settings = pollerSettings(mapping);
  const common = { invoker, clock, random, logger, instruments: createInstruments(metrics, settings) };
  if (isStream(source)) {
    const streamed = streamSettings(settings, mapping.settings);
    return StreamPoller.start({ ...common, source, delivery, checkpoints, settings: streamed });
  }
  const concurrencyMax = mapping.settings.queue?.concurrencyMax ?? QUEUE_CONCURRENCY_MAX;
  const queued: QueueSettings = { ...settings, concurrencyMax };
  return QueuePoller.start({ ...common, source, settings: queued });
}

/** ARN of the mapping itself. */
export function mappingArn({ region, uuid }: Pick<Mapping, 'region' | 'uuid'>): string {
  return formatArn('lambda', region, ACCOUNT_ID, `event-source-mapping:${uuid}`);
}

function isStream(source: StreamSource | QueueSource): source is StreamSource {
  return 'shards' in source;
}

function pollerSettings(mapping: Mapping): PollerSettings {
  const { settings } = mapping;
  const payloadKey = settings.stream ? 'data' : 'body';
  return {
    id: mapping.uuid,
    mappingArn: mappingArn(mapping),
    functionArn: mapping.functionArn,
    functionName: mapping.functionName,
    sourceArn: mapping.sourceArn,
    batchSize: settings.batchSize,
    windowMs: windowMsOf(settings),
    ...(settings.filters.length > 0 && { filter: compileFilter(settings.filters, payloadKey) }),
    partialResponses: settings.responseTypes.includes('ReportBatchItemFailures'),
  };
}

function streamSettings(common: PollerSettings, { stream, onFailureArn }: MappingSettings): StreamSettings {
  const { parallelizationFactor, bisect, retriesMax, recordAgeSecondsMax, tumblingSeconds } = stream!;
  return {
    ...common,
    start: startOf(stream!),
    lanes: parallelizationFactor,
    lingerMs: common.windowMs === 0 ? POLLER_LIMITS.lingerMs : 0,
    bisectOnError: bisect,
    retriesMax: retriesMax < 0 ? Number.POSITIVE_INFINITY : retriesMax,
    recordAgeMsMax: recordAgeSecondsMax < 0 ? Number.POSITIVE_INFINITY : recordAgeSecondsMax * 1000,
    tumblingWindowMs: tumblingSeconds * 1000,
    ...(onFailureArn !== undefined && { onFailureArn }),
  };
}

function startOf({ startingPosition, startingAt }: StreamMappingSettings): StartingPosition {
  if (startingPosition === 'AT_TIMESTAMP') return { kind: startingPosition, at: startingAt! };
  return { kind: startingPosition };
}
