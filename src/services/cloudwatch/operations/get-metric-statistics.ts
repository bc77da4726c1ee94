import type { Datapoint, GetMetricStatisticsInput, GetMetricStatisticsOutput } from '@aws-sdk/client-cloudwatch';
import type { Operation } from '../../index.ts';
import type { Aggregate } from '../aggregate.ts';
import { CloudWatchError } from '../errors.ts';
import { dimensionsOf, type WireDimension } from '../metric.ts';
import { statisticOf } from '../statistic.ts';
import type { MetricStore } from '../store.ts';
import { checkPoints, periodsOf, rangeOf } from './periods.ts';

/** GetMetricStatistics: up to 1,440 points, oldest first (CloudWatch promises no order). */
export function getMetricStatistics(
  store: MetricStore,
): Operation<GetMetricStatisticsInput, GetMetricStatisticsOutput> {
  return async (input) => {
    const { Statistics = [], ExtendedStatistics = [] } = input;
    if (Statistics.length + ExtendedStatistics.length === 0) {
      throw new CloudWatchError('parameter-missing', 'Must specify either Statistics or ExtendedStatistics');
    }
    const range = rangeOf(input.StartTime!, input.EndTime!);
    checkPoints(range, input.Period!);
    const periods = await periodsOf(store, {
      metric: {
        namespace: input.Namespace!,
        name: input.MetricName!,
        dimensions: dimensionsOf(input.Dimensions as readonly WireDimension[] | undefined),
      },
      periodSeconds: input.Period!,
      ...range,
      ...(input.Unit === undefined ? {} : { unit: input.Unit }),
    });
    return {
      Label: input.MetricName,
      Datapoints: periods.map(({ start, aggregate }) => ({
        Timestamp: new Date(start),
        Unit: aggregate.unit as Datapoint['Unit'],
        ...valuesOf(Statistics, aggregate),
        ...(ExtendedStatistics.length ? { ExtendedStatistics: valuesOf(ExtendedStatistics, aggregate) } : {}),
      })),
    };
  };
}

function valuesOf(names: readonly string[], aggregate: Aggregate): Record<string, number> {
  const values: Record<string, number> = {};
  for (const name of names) {
    const value = statisticOf(name)(aggregate);
    if (value !== undefined) values[name] = value;
  }
  return values;
}
