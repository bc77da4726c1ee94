import {
  anything,
  each,
  madeWithTags,
  type PermissionsOf,
  resourceTags,
  right,
  type TargetOf,
  tagging,
} from '../index.ts';
import type { Alarms } from './alarms/alarms.ts';
import { alarmArn, nameInArn } from './alarms/messages.ts';

type Input = Readonly<Record<string, any>>;

/**
 * Metrics are no resources: policies narrow what may be put by its namespace. Alarms are.
 *
 * @see Service Authorization Reference, "Actions, resources, and condition keys for Amazon CloudWatch"
 */
export function cloudwatchPermissions(alarms: Pick<Alarms, 'find'>): Readonly<Record<string, PermissionsOf>> {
  const tagsOf = (region: string, name: string) => resourceTags(alarms.find(region, name)?.tags);
  const arnOf = (region: string, name: string) => alarmArn({ region, name });
  const alarm: TargetOf<Input> = ({ AlarmName }, { region }) => ({
    resources: [arnOf(region, AlarmName)],
    context: tagsOf(region, AlarmName),
  });
  const named: TargetOf<Input> = ({ AlarmNames = [] }, { region }) => ({
    resources: AlarmNames.length > 0 ? AlarmNames.map((name: string) => arnOf(region, name)) : ['*'],
  });
  // Alarms are looked for in the region of the call, whatever else an ARN says: that is where they are decided on.
  const tagged: TargetOf<Input> = ({ ResourceARN }, place) =>
    alarm({ AlarmName: nameInArn(String(ResourceARN)) }, place);
  const tagsIn = ({ Tags }: Input) => Tags && Object.fromEntries(Tags.map(({ Key, Value }: Input) => [Key, Value]));
  return {
    ...each('cloudwatch', anything, ['GetMetricData', 'GetMetricStatistics', 'ListMetrics', 'DescribeAlarmsForMetric']),
    PutMetricData: right('cloudwatch:PutMetricData', ({ Namespace }) => ({
      resources: ['*'],
      ...(Namespace !== undefined && { context: { 'cloudwatch:namespace': String(Namespace) } }),
    })),
    PutMetricAlarm: madeWithTags('cloudwatch:PutMetricAlarm', 'cloudwatch:TagResource', alarm, tagsIn),
    SetAlarmState: right('cloudwatch:SetAlarmState', alarm),
    ...each('cloudwatch', named, ['DescribeAlarms', 'DeleteAlarms', 'EnableAlarmActions', 'DisableAlarmActions']),
    ListTagsForResource: right('cloudwatch:ListTagsForResource', tagged),
    ...each(
      'cloudwatch',
      tagging(tagged, (input: Input) => ({ tags: tagsIn(input), keys: input.TagKeys })),
      [...['TagResource', 'UntagResource']],
    ),
  };
}
