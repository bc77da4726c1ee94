import { ACCOUNT_ID, formatArn } from '../../../base/index.ts';
import {
  type Checkpoints,
  compileFilter,
  POLLER_LIMITS,
  type Poller,
  type PollerSettings,
  QueuePoller,
  type QueueSettings,
  type QueueSource,
  type ScalingRules,
  type StartingPosition,
  StreamPoller,
  type StreamSettings,
  type StreamSource,
  Tally,
} from '../../../pollers/index.ts';
import { heldSource } from './held-source.ts';
import { sourceKindOf } from './kinds.ts';
import {
  type Mapping,
  type MappingSettings,
  type QueueMappingSettings,
  type StreamMappingSettings,
  windowMsOf,
} from './mapping.ts';
import type { MappingDependencies, ReadRefused } from './mappings.ts';

/** Starts the poller of a mapping. @throws what `sourceFor` throws: the source is not there */
export function startPoller(mapping: Mapping, dependencies: MappingDependencies, checkpoints: Checkpoints): Poller {
  const { sourceFor, invoker, delivery, putObject, clock, random, logger, metrics } = dependencies;
  const source = heldBy(mapping, sourceFor(mapping.sourceArn, mapping.uuid), dependencies);
  const settings = pollerSettings(mapping);
  const common = { invoker, clock, random, logger, tally: new Tally(metrics, settings) };
  if (source.kind === 'stream') {
    const streamed = streamSettings(settings, mapping.settings);
    return StreamPoller.start({ ...common, source, delivery, putObject, checkpoints, settings: streamed });
  }
  return QueuePoller.start({ ...common, source, delivery, settings: queueSettings(settings, mapping.settings) });
}

/** The source as the function's role may read it. */
function heldBy<S extends StreamSource | QueueSource>(
  { functionArn, sourceArn }: Mapping,
  source: S,
  { refusalToRead }: MappingDependencies,
): S {
  if (!refusalToRead) return source;
  const words = (refused: ReadRefused) => refused?.message;
  return heldSource(source, () => {
    const refused = refusalToRead(functionArn, sourceArn);
    return refused instanceof Promise ? refused.then(words) : words(refused);
  });
}

/** ARN of the mapping itself. */
export function mappingArn({ region, uuid }: Pick<Mapping, 'region' | 'uuid'>): string {
  return formatArn('lambda', region, ACCOUNT_ID, `event-source-mapping:${uuid}`);
}

function pollerSettings(mapping: Mapping): PollerSettings {
  const { settings } = mapping;
  const windowMs = windowMsOf(settings);
  const { payloadKey } = sourceKindOf(mapping.sourceArn);
  return {
    id: mapping.uuid,
    mappingArn: mappingArn(mapping),
    functionArn: mapping.functionArn,
    functionName: mapping.functionName,
    sourceArn: mapping.sourceArn,
    batchSize: settings.batchSize,
    windowMs,
    lingerMs: windowMs === 0 ? POLLER_LIMITS.lingerMs : 0,
    ...(settings.filters.length > 0 && { filter: compileFilter(settings.filters, payloadKey) }),
    partialResponses: settings.responseTypes.includes('ReportBatchItemFailures'),
    eventCounts: settings.metrics.includes('EventCount'),
  };
}

function streamSettings(common: PollerSettings, { stream, onFailureArn }: MappingSettings): StreamSettings {
  const { parallelizationFactor, bisect, retriesMax, recordAgeSecondsMax, tumblingSeconds } = stream!;
  return {
    ...common,
    start: startOf(stream!),
    lanes: parallelizationFactor,
    bisectOnError: bisect,
    retriesMax: retriesMax < 0 ? Number.POSITIVE_INFINITY : retriesMax,
    recordAgeMsMax: recordAgeSecondsMax < 0 ? Number.POSITIVE_INFINITY : recordAgeSecondsMax * 1000,
    tumblingWindowMs: tumblingSeconds * 1000,
    ...(onFailureArn !== undefined && { onFailureArn }),
  };
}

function queueSettings(common: PollerSettings, { queue = {}, onFailureArn }: MappingSettings): QueueSettings {
  const { retriesMax } = queue;
  return {
    ...common,
    scaling: scalingOf(queue),
    ...(retriesMax !== undefined && { retriesMax }),
    ...(onFailureArn !== undefined && { onFailureArn }),
  };
}

function startOf({ startingPosition, startingAt }: StreamMappingSettings): StartingPosition {
  if (startingPosition === 'AT_TIMESTAMP') return { kind: startingPosition, at: startingAt! };
  return { kind: startingPosition };
}

/** Batches under way at once, with AWS's numbers. */
function scalingOf({ concurrencyMax, pollers }: QueueMappingSettings): ScalingRules {
  const { queueBatchesStart, queueBatchesMin, queueBatchesMax, batchesOfPoller } = POLLER_LIMITS;
  const { queueGrowthPerSecond, provisionedGrowthPerSecond } = POLLER_LIMITS;
  if (!pollers) {
    const max = concurrencyMax ?? queueBatchesMax;
    return { start: queueBatchesStart, min: queueBatchesMin, max, growthPerSecond: queueGrowthPerSecond };
  }
  return {
    start: pollers.min * batchesOfPoller,
    min: pollers.min,
    max: pollers.max * batchesOfPoller,
    growthPerSecond: provisionedGrowthPerSecond,
  };
}
