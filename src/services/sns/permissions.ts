import { ACCOUNT_ID, formatArn } from '../../base/index.ts';
import {
  anything,
  type CallPlace,
  each,
  madeWithTags,
  type PermissionsOf,
  resourceTags,
  right,
  type Target,
  type TargetOf,
  tagging,
} from '../index.ts';
import type { Topics } from './topics.ts';

/**
 * Which rights the operations of SNS need. Of a subscription it is the topic that counts. Platform applications, their endpoints and
 * phone numbers are no resource types of the reference, which leaves `*` to policies; AWS decides on their own names all the same.
 *
 * @see Service Authorization Reference, "Actions, resources, and condition keys for Amazon SNS"
 */
export function snsPermissions(topics: Pick<Topics, 'find'>): Readonly<Record<string, PermissionsOf>> {
  const byArn = (arn: string): Target => {
    const found = topics.find(arn);
    return { resources: [arn], context: resourceTags(found?.tags), policy: found?.attributes.Policy || undefined };
  };
  const topic = ({ TopicArn }: { TopicArn: string }): Target => byArn(TopicArn);
  const topicOf = ({ SubscriptionArn }: { SubscriptionArn: string }): Target => byArn(topicIn(SubscriptionArn));
  const tagged = ({ ResourceArn }: { ResourceArn: string }): Target => byArn(ResourceArn);
  const named = ({ Name }: { Name: string }, { region }: CallPlace): Target =>
    byArn(formatArn('sns', region, ACCOUNT_ID, Name));
  const destination: TargetOf = ({ TopicArn, TargetArn, PhoneNumber }) =>
    byArn(PhoneNumber ?? TopicArn ?? TargetArn ?? '*');
  const subscribing: TargetOf = ({ TopicArn, Protocol, Endpoint }) => {
    const found = byArn(TopicArn);
    const asked = { 'sns:Protocol': String(Protocol), ...(Endpoint !== undefined && { 'sns:Endpoint': Endpoint }) };
    return { ...found, context: { ...found.context, ...asked } };
  };
  const newApplication: TargetOf = ({ Platform, Name }, { region }) =>
    only(formatArn('sns', region, ACCOUNT_ID, `app/${Platform}/${Name}`));
  return {
    ...each('sns', topic, [
      ...['DeleteTopic', 'GetTopicAttributes', 'SetTopicAttributes', 'AddPermission', 'RemovePermission'],
      ...['ListSubscriptionsByTopic', 'ConfirmSubscription'],
    ]),
    ...each('sns', topicOf, ['GetSubscriptionAttributes', 'SetSubscriptionAttributes', 'Unsubscribe']),
    CreateTopic: madeWithTags('sns:CreateTopic', 'sns:TagResource', named, ({ Tags }) => Tags),
    Subscribe: right('sns:Subscribe', subscribing),
    Publish: right('sns:Publish', destination),
    PublishBatch: right('sns:Publish', topic),
    ListTagsForResource: right('sns:ListTagsForResource', tagged),
    TagResource: right('sns:TagResource', tagging(tagged)),
    UntagResource: right('sns:UntagResource', tagging(tagged)),
    CreatePlatformApplication: right('sns:CreatePlatformApplication', newApplication),
    ...each('sns', ({ PlatformApplicationArn }) => only(PlatformApplicationArn), [
      ...['GetPlatformApplicationAttributes', 'SetPlatformApplicationAttributes', 'DeletePlatformApplication'],
      ...['CreatePlatformEndpoint', 'ListEndpointsByPlatformApplication'],
    ]),
    ...each('sns', ({ EndpointArn }) => only(EndpointArn), [
      ...['GetEndpointAttributes', 'SetEndpointAttributes', 'DeleteEndpoint'],
    ]),
    ...each('sns', anything, [
      ...['ListTopics', 'ListSubscriptions', 'ListPlatformApplications', 'SetSMSAttributes', 'GetSMSAttributes'],
      ...['CheckIfPhoneNumberIsOptedOut', 'ListPhoneNumbersOptedOut', 'OptInPhoneNumber', 'ListOriginationNumbers'],
      ...['GetSMSSandboxAccountStatus', 'CreateSMSSandboxPhoneNumber', 'VerifySMSSandboxPhoneNumber'],
      ...['ListSMSSandboxPhoneNumbers', 'DeleteSMSSandboxPhoneNumber'],
    ]),
  };
}

function only(arn: string): Target {
  return { resources: [arn] };
}

/** The topic's ARN in a subscription's: all but the id. */
function topicIn(subscriptionArn: string): string {
  const parts = subscriptionArn.split(':');
  return parts.length > 6 ? parts.slice(0, 6).join(':') : subscriptionArn;
}
