import { DEFAULT_REGION, type Random, uuid } from '../../../base/index.ts';
import type { Operation } from '../../index.ts';
import { s3Error } from '../errors.ts';
import type { AskDestination, DestinationState, Notifier } from '../notifications/notifier.ts';
import { checkNotifications, shownNotifications } from '../notifications/rules.ts';
import type { NotificationRule, Settings } from '../settings.ts';

export interface NotificationOperationsOptions {
  readonly settings: Settings;
  readonly notifier: Notifier;
  readonly ask: AskDestination;
  readonly random: Random;
}

/** Where events of a bucket go. */
export function notificationOperations(options: NotificationOperationsOptions): Record<string, Operation> {
  const { settings, notifier, random } = options;
  return {
    PutBucketNotificationConfiguration: async (input, { requestId }) => {
      const { Bucket, NotificationConfiguration: configuration, SkipDestinationValidation: isTrusted } = input;
      const before = (await settings.get(Bucket, 'notifications')) ?? [];
      const region = settings.peek(Bucket, 'region') ?? DEFAULT_REGION;
      const rules = checkNotifications(configuration, region, () => uuid(random));
      if (!isTrusted) await checkDestinations(options, Bucket, rules);
      await settings.put(Bucket, 'notifications', rules);
      if (isTrusted) return {};
      // Those that were there before have been told.
      const known = new Set(before.map(({ arn }) => arn));
      for (const rule of rules) {
        if (known.has(rule.arn)) continue;
        known.add(rule.arn);
        await notifier.sendTest(Bucket, rule, requestId);
      }
      return {};
    },

    GetBucketNotificationConfiguration: async ({ Bucket }) =>
      shownNotifications((await settings.get(Bucket, 'notifications')) ?? []),
  };
}

const NOUNS = { Queue: 'queue', Topic: 'topic', LambdaFunction: 'function' } as const;

async function checkDestinations(
  { ask }: NotificationOperationsOptions,
  bucket: string,
  rules: readonly NotificationRule[],
): Promise<void> {
  const fields: Record<string, string> = {};
  for (const [index, rule] of rules.entries()) {
    const state = await ask(rule.arn, `arn:aws:s3:::${bucket}`);
    if (state === 'open') continue;
    fields[`ArgumentName${index + 1}`] = `${rule.arn}, null`;
    fields[`ArgumentValue${index + 1}`] = problemOf(state, rule);
  }
  if (Object.keys(fields).length === 0) return;
  throw s3Error('argument-invalid', {
    message: 'Unable to validate the following destination configurations',
    fields,
  });
}

function problemOf(state: Exclude<DestinationState, 'open'>, { kind, arn }: NotificationRule): string {
  const noun = NOUNS[kind];
  if (state === 'missing') return `The destination ${noun} does not exist`;
  if (state === 'fifo') return `FIFO ${noun}s are not supported as destinations`;
  if (kind === 'LambdaFunction') return `Not authorized to invoke function [${arn}]`;
  return `Permissions on the destination ${noun} do not allow S3 to publish notifications from this bucket`;
}
