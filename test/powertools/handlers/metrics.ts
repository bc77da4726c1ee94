import { MetricResolution, Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';

const metrics = new Metrics({ namespace: 'shop', serviceName: 'till', defaultDimensions: { environment: 'test' } });

/** Counts orders, as the documentation of Powertools shows it; with `names` beyond 100 it writes several documents. */
export const handler = async ({ orders, names = 0 }: { orders: readonly number[]; names?: number }) => {
  metrics.captureColdStartMetric();
  for (const order of orders) metrics.addMetric('orders', MetricUnit.Count, order, MetricResolution.High);
  for (let name = 0; name < names; name++) metrics.addMetric(`many-${name}`, MetricUnit.Milliseconds, name);
  metrics.addMetadata('note', 'not a metric');
  metrics.publishStoredMetrics();
  const single = metrics.singleMetric();
  single.addDimension('kind', 'single');
  single.addMetric('alone', MetricUnit.Bytes, 7);
};
