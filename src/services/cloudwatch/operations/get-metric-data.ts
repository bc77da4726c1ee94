import type {
  GetMetricDataInput,
  GetMetricDataOutput,
  MetricDataQuery,
  MetricDataResult,
} from '@aws-sdk/client-cloudwatch';
import type { Operation } from '../../index.ts';
import { CloudWatchError } from '../errors.ts';
import { CLOUDWATCH_LIMITS } from '../limits.ts';
import { dimensionsOf, type WireDimension } from '../metric.ts';
import { statisticOf } from '../statistic.ts';
import type { MetricStore } from '../store.ts';
import { periodsOf, rangeOf } from './periods.ts';

type Range = { readonly from: number; readonly to: number };

/** GetMetricData for metric queries; expressions (metric math, SQL) are refused by name. All points come in one page. */
export function getMetricData(store: MetricStore): Operation<GetMetricDataInput, GetMetricDataOutput> {
  return async ({ MetricDataQueries = [], StartTime, EndTime, ScanBy, NextToken, MaxDatapoints }) => {
    if (NextToken !== undefined) throw new CloudWatchError('token-invalid', 'The NextToken is not valid.');
    if (MetricDataQueries.length > CLOUDWATCH_LIMITS.queriesMax) {
      throw new CloudWatchError(
        'parameter-invalid',
        'The collection MetricDataQueries must not have a size greater than 500.',
      );
    }
    checkIds(MetricDataQueries);
    const range = rangeOf(StartTime!, EndTime!);
    const ascending = ScanBy === 'TimestampAscending';
    const pointsMax = Math.min(MaxDatapoints ?? CLOUDWATCH_LIMITS.dataPointsMax, CLOUDWATCH_LIMITS.dataPointsMax);
    const results: MetricDataResult[] = [];
    for (const query of MetricDataQueries) {
      const result = await resultOf(store, query, range, ascending);
      if (query.ReturnData !== false) results.push(result);
    }
    const points = results.reduce((sum, { Values = [] }) => sum + Values.length, 0);
    if (points > pointsMax) {
      throw new CloudWatchError(
        'parameter-invalid',
        `The queries have ${points} data points; the limit is ${pointsMax}. Ask for a longer Period or a shorter range.`,
      );
    }
    return { MetricDataResults: results, Messages: [] };
  };
}

function checkIds(queries: readonly MetricDataQuery[]): void {
  const seen = new Set<string>();
  for (const { Id, MetricStat, Expression } of queries) {
    if (!/^[a-z][a-zA-Z0-9_]*$/.test(Id!)) {
      throw new CloudWatchError(
        'parameter-invalid',
        `The value ${Id} for parameter MetricDataQueries.Id is not matching the expected pattern ^[a-z][a-zA-Z0-9_]*$.`,
      );
    }
    if (seen.has(Id!)) {
      throw new CloudWatchError(
        'parameter-invalid',
        `The values for parameter id in MetricDataQueries are not unique.`,
      );
    }
    seen.add(Id!);
    if (Expression !== undefined) {
      throw new CloudWatchError(
        'parameter-invalid',
        `Metric math is not available here: query ${Id} has an Expression.`,
      );
    }
    if (!MetricStat)
      throw new CloudWatchError('parameter-missing', `Query ${Id} has neither MetricStat nor Expression.`);
  }
}

async function resultOf(
  store: MetricStore,
  { Id, Label, MetricStat }: MetricDataQuery,
  range: Range,
  ascending: boolean,
): Promise<MetricDataResult> {
  const { Metric, Period, Stat, Unit } = MetricStat!;
  const statistic = statisticOf(Stat!);
  const periods = await periodsOf(store, {
    metric: {
      namespace: Metric!.Namespace!,
      name: Metric!.MetricName!,
      dimensions: dimensionsOf(Metric!.Dimensions as readonly WireDimension[] | undefined),
    },
    periodSeconds: Period!,
    ...range,
    ...(Unit === undefined ? {} : { unit: Unit }),
  });
  const points = periods.flatMap(({ start, aggregate }) => {
    const value = statistic(aggregate);
    return value === undefined ? [] : [{ start, value }];
  });
  if (!ascending) points.reverse();
  return {
    Id,
    Label: Label ?? Metric!.MetricName,
    Timestamps: points.map(({ start }) => new Date(start)),
    Values: points.map(({ value }) => value),
    StatusCode: 'Complete',
  };
}
