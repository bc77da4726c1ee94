import type { ListMetricsInput, ListMetricsOutput } from '@aws-sdk/client-cloudwatch';
import type { Clock } from '../../../base/index.ts';
import type { Operation } from '../../index.ts';
import { CloudWatchError } from '../errors.ts';
import { CLOUDWATCH_LIMITS } from '../limits.ts';
import { type Metric, metricKey, wireDimensions } from '../metric.ts';
import type { MetricStore } from '../store.ts';

/** ListMetrics, 500 a page; `RecentlyActive` counts the minutes of the last three hours. */
export function listMetrics(store: MetricStore, clock: Clock): Operation<ListMetricsInput, ListMetricsOutput> {
  return async (input) => {
    const after = input.NextToken === undefined ? '' : readToken(input.NextToken);
    const page: Metric[] = [];
    for (const metric of store.list()) {
      if (metricKey(metric) <= after || !matches(metric, input)) continue;
      if (input.RecentlyActive === 'PT3H' && !(await isActive(store, metric, clock.now()))) continue;
      page.push(metric);
      if (page.length > CLOUDWATCH_LIMITS.listPageMax) break;
    }
    const isLast = page.length <= CLOUDWATCH_LIMITS.listPageMax;
    const shown = page.slice(0, CLOUDWATCH_LIMITS.listPageMax);
    return {
      Metrics: shown.map(({ namespace, name, dimensions }) => ({
        Namespace: namespace,
        MetricName: name,
        Dimensions: wireDimensions(dimensions),
      })),
      ...(isLast ? {} : { NextToken: Buffer.from(metricKey(shown.at(-1)!)).toString('base64url') }),
    };
  };
}

function matches({ namespace, name, dimensions }: Metric, input: ListMetricsInput): boolean {
  if (input.Namespace !== undefined && input.Namespace !== namespace) return false;
  if (input.MetricName !== undefined && input.MetricName !== name) return false;
  return (input.Dimensions ?? []).every(
    ({ Name, Value }) => Name! in dimensions && (Value === undefined || dimensions[Name!] === Value),
  );
}

async function isActive(store: MetricStore, metric: Metric, now: number): Promise<boolean> {
  const minute = Math.floor(now / 60_000);
  return (await store.minutes(metric, minute - 180, minute + 1)).size > 0;
}

function readToken(token: string): string {
  const key = Buffer.from(token, 'base64url').toString();
  if (!key.startsWith('["')) throw new CloudWatchError('token-invalid', 'The NextToken is not valid.');
  return key;
}
