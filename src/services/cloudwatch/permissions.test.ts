import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { asked, conditionsOf, testRows } from '../../../test/support/permissions.ts';
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

  it('tags are decided on where they are changed, whatever an ARN says', async () => {
    const elsewhere = [
      'arn:aws:cloudwatch:us-east-1:000000000000:alarm:hot',
      'arn:aws:cloudwatch::999999999999:alarm:hot',
    ];
    for (const ResourceARN of elsewhere) {
      assert.deepEqual(await asked(permissions, 'TagResource', { ResourceARN }), [`cloudwatch:TagResource ${ALARM}`]);
    }
    const named: string[] = [];
    const found = cloudwatchPermissions({ find: (_region, name) => void named.push(name) });
    await asked(found, 'TagResource', { ResourceARN: `${ALARM}:alarm:cold` });
    assert.deepEqual(named, ['hot:alarm:cold'], 'its own tags count, not those of another');
  });

  it('conditions may ask of the namespace that metrics are put to', async () => {
    assert.deepEqual(await conditionsOf(permissions, 'PutMetricData', { Namespace: 'plant' }), {
      'cloudwatch:namespace': 'plant',
    });
  });
});
