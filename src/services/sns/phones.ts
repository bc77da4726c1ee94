import { type Content, textFor } from './message.ts';

/** A device that push notifications go to. */
export interface PushTarget {
  readonly endpointArn: string;
  readonly applicationArn: string;
  /** `APNS`, `GCM`, ... */
  readonly platform: string;
  readonly token: string;
  readonly userData: string | undefined;
}

type Passed = Content & { readonly id: string; readonly topicArn?: string };

/**
 * A text message as the webhook for them gets it.
 *
 * @param settings  the account's: what the message's own attributes `AWS.SNS.SMS.*` do not say
 */
export function smsDelivery(
  webhook: string,
  message: Passed,
  phoneNumber: string,
  settings: Readonly<Record<string, string>>,
  subscriptionArn?: string,
) {
  const own = (name: string) => message.attributes[`AWS.SNS.SMS.${name}`]?.StringValue;
  const senderId = own('SenderID') ?? settings.DefaultSenderID;
  const smsType = own('SMSType') ?? settings.DefaultSMSType ?? 'Promotional';
  return posted(webhook, {
    type: 'sms',
    phoneNumber,
    message: textFor(message, 'sms'),
    ...(senderId && { senderId }),
    smsType,
    ...common(message, subscriptionArn),
  });
}

/** A push notification as the webhook for them gets it: the payload is the text for the platform, as the publisher wrote it. */
export function pushDelivery(webhook: string, message: Passed, target: PushTarget, subscriptionArn?: string) {
  const { endpointArn, applicationArn, platform, token, userData } = target;
  return posted(webhook, {
    type: 'push',
    platform,
    platformApplicationArn: applicationArn,
    endpointArn,
    token,
    ...(userData !== undefined && { userData }),
    message: textFor(message, platform),
    ...common(message, subscriptionArn),
  });
}

function common({ id, topicArn, subject, attributes }: Passed, subscriptionArn: string | undefined) {
  const entries = Object.entries(attributes).map(([name, { DataType, StringValue, BinaryValue }]) => [
    name,
    { Type: DataType, Value: BinaryValue ? Buffer.from(BinaryValue).toString('base64') : StringValue },
  ]);
  return {
    messageId: id,
    ...(topicArn !== undefined && { topicArn }),
    ...(subscriptionArn !== undefined && { subscriptionArn }),
    ...(subject !== undefined && { subject }),
    attributes: Object.fromEntries(entries) as object,
  };
}

function posted(webhook: string, body: object) {
  return {
    arn: webhook,
    payload: Buffer.from(JSON.stringify(body)),
    attributes: { headers: { 'content-type': 'application/json' } },
  };
}
