import { anything, each, type PermissionsOf, right } from '../index.ts';

/**
 * Metrics are no resources: policies narrow what may be put by its namespace.
 *
 * @see Service Authorization Reference, "Actions, resources, and condition keys for Amazon CloudWatch"
 */
export const CLOUDWATCH_PERMISSIONS: Readonly<Record<string, PermissionsOf>> = {
  ...each('cloudwatch', anything, ['GetMetricData', 'GetMetricStatistics', 'ListMetrics']),
  PutMetricData: right('cloudwatch:PutMetricData', ({ Namespace }) => ({
    resources: ['*'],
    ...(Namespace !== undefined && { context: { 'cloudwatch:namespace': String(Namespace) } }),
  })),
};
