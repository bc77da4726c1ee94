import { parseArn } from '../../base/index.ts';
import { invalid } from './errors.ts';

/** Checks that `arn` may be one of a topic. @throws parameter-invalid, as AWS words it */
export function checkTopicArn(arn: string, parameter = 'TopicArn'): void {
  if (parse(arn, parameter).resource.includes(':')) throw invalid(parameter);
}

/** The ARN of the topic in a subscription's. @throws parameter-invalid */
export function topicOfSubscription(arn: string): string {
  const { resource } = parse(arn, 'SubscriptionArn');
  const colon = resource.indexOf(':');
  if (colon < 0) throw invalid('SubscriptionArn Reason: An ARN of a subscription ends with its id');
  return arn.slice(0, arn.length - resource.length + colon);
}

function parse(arn: string, parameter: string) {
  const elements = arn.split(':').length;
  if (elements < 6) throw invalid(`${parameter} Reason: An ARN must have at least 6 elements, not ${elements}`);
  const parsed = parseArn(arn);
  if (parsed?.service !== 'sns') throw invalid(parameter);
  return parsed;
}

/** Region in an ARN; empty where it has none. */
export function regionOf(arn: string): string {
  return arn.split(':', 4)[3] ?? '';
}
