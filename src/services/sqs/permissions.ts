import { ACCOUNT_ID, formatArn } from '../../base/index.ts';
import {
  anything,
  both,
  type CallPlace,
  each,
  madeWithTags,
  type Permission,
  type PermissionsOf,
  permission,
  resourceTags,
  right,
  type Target,
  tagging,
} from '../index.ts';
import { parseTaskHandle } from './move-task.ts';
import { nameInUrl, type QueueState, type Queues, queueArn } from './queues.ts';

/** What else a move of messages needs of the queue that they are in. */
const MOVING = ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes'];

/**
 * Which rights the operations on queues need; entries of a batch need that of the single operation.
 *
 * @see Service Authorization Reference, "Actions, resources, and condition keys for Amazon SQS"; for moves, Amazon SQS developer
 *   guide, "API permissions: Actions and resource reference"
 */
export function sqsPermissions(
  queues: Pick<Queues, 'find' | 'stateOf' | 'sourcesOf'>,
): Readonly<Record<string, PermissionsOf>> {
  const named = (name: string, region: string): Target =>
    targetOf(formatArn('sqs', region, ACCOUNT_ID, name), queues.find(region, name));
  // Another spelling of an ARN (no account, another partition) is still this queue's.
  const byArn = (arn: string): Target => {
    const state = queues.stateOf(arn);
    return targetOf(state ? queueArn(state) : arn, state);
  };
  const queue = ({ QueueUrl }: { QueueUrl: string }, { region }: CallPlace): Target =>
    named(nameInUrl(QueueUrl) ?? QueueUrl, region);
  const byName = ({ QueueName }: { QueueName: string }, { region }: CallPlace): Target => named(QueueName, region);
  const source = ({ SourceArn }: { SourceArn: string }): Target => byArn(SourceArn);
  const sourceOfTask = ({ TaskHandle }: { TaskHandle: string }): Target =>
    byArn(parseTaskHandle(TaskHandle)?.sourceArn ?? '*');
  const moving = (action: string, target: (input: any) => Target): PermissionsOf =>
    both(right(action, target), (input) => MOVING.map((one) => permission(one, target(input))));
  /** The right to send to where messages go, or go back. */
  const sending = ({ SourceArn, DestinationArn }: { SourceArn: string; DestinationArn?: string }): Permission[] => {
    const targets = DestinationArn === undefined ? queues.sourcesOf(SourceArn).map(queueArn) : [DestinationArn];
    return targets.map((arn) => permission('sqs:SendMessage', byArn(arn)));
  };
  return {
    ...each('sqs', queue, [
      ...['SendMessage', 'ReceiveMessage', 'DeleteMessage', 'ChangeMessageVisibility', 'DeleteQueue', 'PurgeQueue'],
      ...['GetQueueAttributes', 'SetQueueAttributes', 'ListDeadLetterSourceQueues', 'ListQueueTags'],
      ...['AddPermission', 'RemovePermission'],
    ]),
    SendMessageBatch: right('sqs:SendMessage', queue),
    DeleteMessageBatch: right('sqs:DeleteMessage', queue),
    ChangeMessageVisibilityBatch: right('sqs:ChangeMessageVisibility', queue),
    CreateQueue: madeWithTags('sqs:CreateQueue', 'sqs:TagQueue', byName, ({ tags }) => tags),
    GetQueueUrl: right('sqs:GetQueueUrl', byName),
    ListQueues: right('sqs:ListQueues', anything),
    TagQueue: right('sqs:TagQueue', tagging(queue)),
    UntagQueue: right('sqs:UntagQueue', tagging(queue)),
    StartMessageMoveTask: both(moving('sqs:StartMessageMoveTask', source), sending),
    ListMessageMoveTasks: moving('sqs:ListMessageMoveTasks', source),
    CancelMessageMoveTask: moving('sqs:CancelMessageMoveTask', sourceOfTask),
  };
}

function targetOf(arn: string, state: QueueState | undefined): Target {
  return { resources: [arn], context: resourceTags(state?.tags), policy: state?.attributes.Policy || undefined };
}
