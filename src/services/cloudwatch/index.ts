/** services/cloudwatch: metrics of the platform and of callers, aggregated by the minute. */
import type { EmbeddedMetric } from '../../codec/emf/index.ts';
import type { DeliveryService } from '../../delivery/index.ts';
import type { Metrics } from '../../telemetry/index.ts';
import type { Service } from '../index.ts';
import { Alarms } from './alarms/alarms.ts';
import { CLOUDWATCH_ANSWERS } from './errors.ts';
import { alarmOperations } from './operations/alarms.ts';
import { getMetricData } from './operations/get-metric-data.ts';
import { getMetricStatistics } from './operations/get-metric-statistics.ts';
import { listMetrics } from './operations/list-metrics.ts';
import { putMetricData } from './operations/put-metric-data.ts';
import { cloudwatchPermissions } from './permissions.ts';
import { MetricStore, type StoreDependencies } from './store.ts';

export { CLOUDWATCH_LIMITS } from './limits.ts';

export interface CloudWatch extends AsyncDisposable {
  readonly service: Service;
  /** Takes metrics that were found in logs; durable within 15 seconds. New ones beyond the limit are dropped. */
  take(metrics: readonly EmbeddedMetric[]): void;
  /** Makes the platform's own data durable now rather than within 15 seconds. */
  flush(): Promise<void>;
  /** Decides on every alarm. A timer of its own calls it every minute. */
  evaluateAlarms(): Promise<void>;
  /** Flushes, and deletes minutes beyond retention once an hour. A timer of its own calls it every 15 seconds. */
  maintain(): Promise<void>;
}

/** Opens the service: from now on it takes every datum of `metrics`. Disposing flushes. */
export async function openCloudWatch(
  dependencies: StoreDependencies & {
    readonly metrics: Metrics;
    /** Takes what alarms send. */
    readonly delivery: Pick<DeliveryService, 'send'>;
  },
): Promise<CloudWatch> {
  const { clock, metrics } = dependencies;
  const store = await MetricStore.open(dependencies);
  const alarms = await Alarms.open({ ...dependencies, store });
  const stop = metrics.onDatum((datum) => store.take(datum));
  return {
    service: {
      name: 'cloudwatch',
      operations: {
        PutMetricData: putMetricData(store, clock),
        GetMetricData: getMetricData(store),
        GetMetricStatistics: getMetricStatistics(store),
        ListMetrics: listMetrics(store, clock),
        ...alarmOperations(alarms),
      },
      permissions: cloudwatchPermissions(alarms),
      errors: CLOUDWATCH_ANSWERS,
    },
    take: (metrics) => {
      for (const metric of metrics) store.takeValues(metric);
    },
    evaluateAlarms: () => alarms.evaluate(),
    flush: () => store.flush(),
    maintain: () => store.maintain(),
    [Symbol.asyncDispose]: async () => {
      stop();
      await alarms[Symbol.asyncDispose]();
      await store[Symbol.asyncDispose]();
    },
  };
}
