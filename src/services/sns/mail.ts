import type { Confirmation } from './envelope.ts';
import { subscribeUrl, unsubscribeUrl } from './envelope.ts';
import type { Subscription } from './model.ts';

/** A mail before it has an envelope. */
export interface Mail {
  readonly subject: string;
  readonly body: string;
}

/** A notification as people read it: AWS's text around it. */
export function notificationMail(text: string, subject: string | undefined, endpoint: string, arn: string): Mail {
  return {
    subject: subject ?? 'AWS Notification Message',
    body: `${text}

--
If you wish to stop receiving notifications from this topic, please click or visit the link below to unsubscribe:
${unsubscribeUrl(endpoint, arn)}

Please do not reply directly to this email.
`,
  };
}

/** What asks an address whether it wants to subscribe, or whether it has wanted to end. */
export function confirmationMail(confirmation: Confirmation, endpoint: string): Mail {
  const link = subscribeUrl(endpoint, confirmation);
  if (confirmation.type === 'SubscriptionConfirmation') {
    return {
      subject: 'AWS Notification - Subscription Confirmation',
      body: `You have chosen to subscribe to the topic:
${confirmation.topicArn}

To confirm this subscription, click or visit the link below (If this was in error no action is necessary):
${link}

Please do not reply directly to this email.
`,
    };
  }
  return {
    subject: 'AWS Notification - Unsubscribe Confirmation',
    body: `Your subscription to the topic below has been deactivated:
${confirmation.topicArn}

If it was not your intention to unsubscribe, click or visit the link below to restore it:
${link}

Please do not reply directly to this email.
`,
  };
}

/** Where mail goes: a target of the outbox. */
export function mailTarget({ endpoint }: Pick<Subscription, 'endpoint'>): string {
  return `mailto:${endpoint.replaceAll('%', '%25')}`;
}
