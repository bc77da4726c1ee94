import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { conditionsOf, testRows } from '../../../test/support/permissions.ts';
import { cloudwatchPermissions } from './permissions.ts';

const permissions = cloudwatchPermissions({ find: () => undefined });
const ALARM = 'arn:aws:cloudwatch:eu-west-1:000000000000:alarm:hot';

describe('rights of CloudWatch, as the Service Authorization Reference lists them', () => {
  testRows(
    () => permissions,
    [
      ...['GetMetricData', 'GetMetricStatistics', 'ListMetrics', 'PutMetricData', 'DescribeAlarmsForMetric'].map(
        (name) => [name, { Namespace: 'plant' }, [`cloudwatch:${name} *`]] as const,
      ),
      ...['PutMetricAlarm', 'SetAlarmState'].map(
        (name) => [name, { AlarmName: 'hot' }, [`cloudwatch:${name} ${ALARM}`]] as const,
      ),
      ...['DescribeAlarms', 'DeleteAlarms', 'EnableAlarmActions', 'DisableAlarmActions'].map(
        (name) => [name, { AlarmNames: ['hot'] }, [`cloudwatch:${name} ${ALARM}`]] as const,
      ),
      ...['ListTagsForResource', 'TagResource', 'UntagResource'].map(
        (name) => [name, { ResourceARN: ALARM }, [`cloudwatch:${name} ${ALARM}`]] as const,
      ),
    ],
  );

  it('conditions may ask of the namespace that metrics are put to', async () => {
    assert.deepEqual(await conditionsOf(permissions, 'PutMetricData', { Namespace: 'plant' }), {
      'cloudwatch:namespace': 'plant',
    });
  });
});
