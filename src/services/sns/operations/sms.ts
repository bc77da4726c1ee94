import { type Random, uuid } from '../../../base/index.ts';
import type { DeliveryService } from '../../../delivery/index.ts';
import type { Operation } from '../../index.ts';
import { CUSTOMER_RETRY } from '../delivery-policy.ts';
import { invalid, webhookMissing } from '../errors.ts';
import { smsDelivery } from '../phones.ts';
import type { TextMessages } from '../sms.ts';
import { isPhoneNumber } from '../subscription-attributes.ts';
import { pageOf } from './page.ts';

export interface SmsDependencies {
  readonly textMessages: TextMessages;
  readonly delivery: Pick<DeliveryService, 'send'>;
  readonly random: Random;
  readonly webhooks: { readonly sms?: string };
}

/** The operations on text messages: settings, numbers that want none, numbers to be tried out with. */
export function smsOperations(dependencies: SmsDependencies): Record<string, Operation> {
  const { textMessages, delivery, random, webhooks } = dependencies;
  return {
    SetSMSAttributes: async ({ attributes = {} }) => {
      await textMessages.set(attributes);
      return {};
    },

    GetSMSAttributes: ({ attributes: names }) => {
      const entries = Object.entries(textMessages.settings);
      return { attributes: Object.fromEntries(entries.filter(([name]) => !names?.length || names.includes(name))) };
    },

    CheckIfPhoneNumberIsOptedOut: ({ phoneNumber }) => {
      if (!isPhoneNumber(phoneNumber)) throw invalid('PhoneNumber Reason: input incorrectly formatted');
      return { isOptedOut: textMessages.isOptedOut(phoneNumber) };
    },

    ListPhoneNumbersOptedOut: ({ nextToken }) => {
      const { items, NextToken } = pageOf(textMessages.optedOut, (number) => number, nextToken);
      return { phoneNumbers: items, ...(NextToken !== undefined && { nextToken: NextToken }) };
    },

    OptInPhoneNumber: async ({ phoneNumber }) => {
      await textMessages.optIn(phoneNumber);
      return {};
    },

    // Numbers that messages come from are the webhook's.
    ListOriginationNumbers: () => ({ PhoneNumbers: [] }),

    GetSMSSandboxAccountStatus: () => ({ IsInSandbox: false }),

    CreateSMSSandboxPhoneNumber: async ({ PhoneNumber }, { trace }) => {
      if (webhooks.sms === undefined) throw webhookMissing('sms');
      const password = await textMessages.addToSandbox(PhoneNumber);
      if (password === undefined) return {};
      const text = `Your verification code is ${password}`;
      const message = { texts: { default: text }, attributes: {}, sizeBytes: text.length, id: uuid(random) };
      const sent = smsDelivery(webhooks.sms, message, PhoneNumber, textMessages.settings);
      await delivery.send([{ ...sent, policy: CUSTOMER_RETRY, source: 'sns:sms', trace }]);
      return {};
    },

    VerifySMSSandboxPhoneNumber: async ({ PhoneNumber, OneTimePassword }) => {
      await textMessages.verify(PhoneNumber, OneTimePassword);
      return {};
    },

    ListSMSSandboxPhoneNumbers: ({ NextToken, MaxResults }) => {
      const { items, ...next } = pageOf(textMessages.sandbox, ({ number }) => number, NextToken, MaxResults);
      return { PhoneNumbers: items.map(({ number, status }) => ({ PhoneNumber: number, Status: status })), ...next };
    },

    DeleteSMSSandboxPhoneNumber: async ({ PhoneNumber }) => {
      await textMessages.removeFromSandbox(PhoneNumber);
      return {};
    },
  };
}
