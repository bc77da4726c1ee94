import type { PutMetricDataInput } from '@aws-sdk/client-cloudwatch';
import type { Clock } from '../../../base/index.ts';
import type { Operation } from '../../index.ts';
import type { Aggregate } from '../aggregate.ts';
import { CloudWatchError } from '../errors.ts';
import { CLOUDWATCH_LIMITS } from '../limits.ts';
import { dimensionsOf, type WireDimension } from '../metric.ts';
import type { Addition, MetricStore } from '../store.ts';

type WireDatum = NonNullable<PutMetricDataInput['MetricData']>[number];

/** PutMetricData. High-resolution data (`StorageResolution` 1) are kept by the minute. Durable when it answers. */
export function putMetricData(store: MetricStore, clock: Clock): Operation<PutMetricDataInput, Record<string, never>> {
  return async ({ Namespace, MetricData = [], EntityMetricData = [] }) => {
    if (Namespace!.startsWith('AWS/')) {
      throw new CloudWatchError('parameter-invalid', 'The value AWS/ for parameter Namespace is invalid.');
    }
    const data = [...MetricData, ...EntityMetricData.flatMap((entity) => entity.MetricData ?? [])];
    if (data.length === 0) {
      throw new CloudWatchError('parameter-missing', 'The parameter MetricData is required.');
    }
    await store.add(data.map((datum, index) => additionOf(Namespace!, datum, index + 1, clock.now())));
    return {};
  };
}

function additionOf(namespace: string, datum: WireDatum, member: number, now: number): Addition {
  const time = datum.Timestamp?.getTime() ?? now;
  const parameter = `MetricData.member.${member}`;
  if (time < now - CLOUDWATCH_LIMITS.pastMsMax || time > now + CLOUDWATCH_LIMITS.futureMsMax) {
    throw new CloudWatchError(
      'parameter-invalid',
      `The parameter ${parameter}.Timestamp must specify a time no more than two weeks in the past and no more than two hours in the future.`,
    );
  }
  return {
    metric: {
      namespace,
      name: datum.MetricName!,
      dimensions: dimensionsOf(datum.Dimensions as readonly WireDimension[] | undefined),
    },
    time,
    unit: datum.Unit ?? 'None',
    apply: valuesOf(datum, parameter),
  };
}

/** `Value`, `Values` with `Counts`, or `StatisticValues`: exactly one of them. */
function valuesOf(datum: WireDatum, parameter: string): (aggregate: Aggregate) => void {
  const { Value, Values, Counts, StatisticValues } = datum;
  const given = [Value, Values, StatisticValues].filter((one) => one !== undefined).length;
  if (given === 0) {
    throw new CloudWatchError(
      'parameter-missing',
      `At least one of the parameters must be specified: ${parameter}.Value, ${parameter}.Values, ${parameter}.StatisticValues.`,
    );
  }
  if (given > 1) {
    throw new CloudWatchError(
      'parameter-combination',
      `The parameters ${parameter}.Value, ${parameter}.Values and ${parameter}.StatisticValues are mutually exclusive and you have specified more than one.`,
    );
  }
  if (StatisticValues) {
    const { Sum = 0, Minimum = 0, Maximum = 0, SampleCount = 0 } = StatisticValues;
    if (Minimum > Maximum) throw invalid(`${parameter}.StatisticValues.Minimum`, 'greater than Maximum');
    return (aggregate) => aggregate.addSummary({ sum: Sum, min: Minimum, max: Maximum, count: SampleCount });
  }
  const values = Values ?? [Value!];
  if (values.length > CLOUDWATCH_LIMITS.valuesMax) throw invalid(`${parameter}.Values`, 'longer than 150');
  if (values.some((value) => !Number.isFinite(value))) throw invalid(`${parameter}.Value`, 'not a number');
  if (Counts && Counts.length !== values.length) throw invalid(`${parameter}.Counts`, 'not as long as Values');
  return (aggregate) => values.forEach((value, index) => void aggregate.add(value, Counts?.[index] ?? 1));
}

function invalid(parameter: string, reason: string): CloudWatchError {
  return new CloudWatchError('parameter-invalid', `The value of parameter ${parameter} is invalid: ${reason}.`);
}
