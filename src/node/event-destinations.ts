import { ACCOUNT_ID, parseArn } from '../base/index.ts';
import type { Authority } from '../services/iam/index.ts';
import type { Lambda } from '../services/lambda/index.ts';
import type { AskDestination } from '../services/s3/index.ts';
import type { Sns } from '../services/sns/index.ts';
import type { Sqs } from '../services/sqs/index.ts';

/** What is sent to each kind of destination, as its policy calls it. */
const ACTIONS: Readonly<Record<string, string>> = {
  sqs: 'sqs:SendMessage',
  sns: 'sns:Publish',
  lambda: 'lambda:InvokeFunction',
};

/** Whether S3 may send events of a bucket to a queue, a topic or a function: its own policy says so. */
export function bucketDestinations(options: {
  readonly sqs: Pick<Sqs, 'access'>;
  readonly sns: Pick<Sns, 'access'>;
  readonly lambda: Pick<Lambda, 'invoker'>;
  readonly authority: Pick<Authority, 'decide'>;
  /** Nobody is held to policies. */
  readonly off: boolean;
}): AskDestination {
  const { sqs, sns, lambda, authority, off } = options;
  const find = (arn: string): { readonly fifo?: boolean; readonly policy?: string | undefined } | undefined => {
    const { service } = parseArn(arn) ?? {};
    if (service === 'sqs') return sqs.access(arn);
    if (service === 'sns') return sns.access(arn);
    return lambda.invoker.exists(arn) ? { policy: lambda.invoker.policyOf(arn) } : undefined;
  };
  return async (arn, bucketArn) => {
    const found = find(arn);
    if (!found) return 'missing';
    if (found.fifo) return 'fifo';
    if (off) return 'open';
    const { service = '', region = '' } = parseArn(arn) ?? {};
    const caller = {
      accountId: ACCOUNT_ID,
      arn: 's3.amazonaws.com',
      service: { principal: 's3.amazonaws.com', sourceArn: bucketArn },
    };
    const { policy } = found;
    const permission = {
      action: ACTIONS[service]!,
      resources: [arn],
      ...(policy !== undefined && { resourcePolicy: policy }),
    };
    return (await authority.decide(caller, [permission], { region, isEncrypted: true })).allowed ? 'open' : 'refused';
  };
}
