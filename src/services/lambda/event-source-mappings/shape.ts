import { sourceKindOf } from './kinds.ts';
import type { MappingView } from './mappings.ts';
import { mappingArn } from './start.ts';

/** `EventSourceMappingConfiguration`. */
export function mappingShape({ mapping, status, poller }: MappingView) {
  const { settings, paused = [] } = mapping;
  const { stream, queue, filters, onFailureArn, kmsKeyArn } = settings;
  const { userAction } = sourceKindOf(mapping.sourceArn);
  return {
    UUID: mapping.uuid,
    EventSourceMappingArn: mappingArn(mapping),
    EventSourceArn: mapping.sourceArn,
    FunctionArn: mapping.functionArn,
    LastModified: new Date(mapping.lastModified),
    LastProcessingResult: poller.lastResult,
    State: status,
    StateTransitionReason: paused.length > 0 ? `Paused by ${paused.join(', ')}` : userAction,
    BatchSize: settings.batchSize,
    // The member is whole seconds; a finer window shows as the next one.
    MaximumBatchingWindowInSeconds: Math.ceil(settings.windowSeconds),
    FunctionResponseTypes: settings.responseTypes,
    ...(filters.length > 0 && { FilterCriteria: { Filters: filters.map((Pattern) => ({ Pattern })) } }),
    ...(settings.metrics.length > 0 && { MetricsConfig: { Metrics: settings.metrics } }),
    ...(kmsKeyArn !== undefined && { KMSKeyArn: kmsKeyArn }),
    ...(queue?.concurrencyMax !== undefined && { ScalingConfig: { MaximumConcurrency: queue.concurrencyMax } }),
    ...(queue?.pollers && {
      ProvisionedPollerConfig: { MinimumPollers: queue.pollers.min, MaximumPollers: queue.pollers.max },
    }),
    ...(queue?.retriesMax !== undefined && {
      MaximumRetryAttempts: queue.retriesMax,
      DestinationConfig: { OnFailure: onFailureArn === undefined ? {} : { Destination: onFailureArn } },
    }),
    ...(stream && {
      StartingPosition: stream.startingPosition,
      ...(stream.startingAt !== undefined && { StartingPositionTimestamp: new Date(stream.startingAt) }),
      ParallelizationFactor: stream.parallelizationFactor,
      BisectBatchOnFunctionError: stream.bisect,
      MaximumRetryAttempts: stream.retriesMax,
      MaximumRecordAgeInSeconds: stream.recordAgeSecondsMax,
      TumblingWindowInSeconds: stream.tumblingSeconds,
      DestinationConfig: { OnFailure: onFailureArn === undefined ? {} : { Destination: onFailureArn } },
    }),
  };
}
