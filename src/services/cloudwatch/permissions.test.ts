import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { conditionsOf, testRows } from '../../../test/support/permissions.ts';
import { CLOUDWATCH_PERMISSIONS } from './permissions.ts';

describe('rights of CloudWatch, as the Service Authorization Reference lists them', () => {
  testRows(
    () => CLOUDWATCH_PERMISSIONS,
    ['GetMetricData', 'GetMetricStatistics', 'ListMetrics', 'PutMetricData'].map((name) => [
      name,
      { Namespace: 'plant' },
      [`cloudwatch:${name} *`],
    ]),
  );

  it('conditions may ask of the namespace that metrics are put to', async () => {
    assert.deepEqual(await conditionsOf(CLOUDWATCH_PERMISSIONS, 'PutMetricData', { Namespace: 'plant' }), {
      'cloudwatch:namespace': 'plant',
    });
  });
});
