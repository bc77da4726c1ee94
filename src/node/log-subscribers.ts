import { ACCOUNT_ID, parseArn } from '../base/index.ts';
import type { Authority, Iam } from '../services/iam/index.ts';
import type { Kinesis } from '../services/kinesis/index.ts';
import type { Lambda } from '../services/lambda/index.ts';
import type { AskSubscriber } from '../services/logs/index.ts';
import type { NodeConfig } from './config.ts';
import { isTrusted, type RoleRights } from './role-rights.ts';

const LOGS = 'logs.amazonaws.com';

/**
 * Whether a log group may send what is logged to a function, whose own policy says so, or to a stream, as which the group takes on a role.
 * In `dev` a role that nobody has made is passed over.
 */
export function logSubscribers(
  options: Pick<NodeConfig, 'mode' | 'authorization'> & {
    readonly kinesis: Pick<Kinesis, 'stream' | 'service'>;
    readonly lambda: Pick<Lambda, 'invoker'>;
    readonly authority: Pick<Authority, 'decide' | 'trusts'>;
    readonly iam: Pick<Iam, 'roleByArn'>;
    readonly rights: RoleRights;
  },
): AskSubscriber {
  const { mode, kinesis, lambda, authority, iam, rights } = options;
  const { service } = kinesis;
  const off = options.authorization === 'off';

  const askFunction: AskSubscriber = async (arn, sourceArn) => {
    if (!lambda.invoker.exists(arn)) return 'missing';
    if (off) return 'open';
    const resourcePolicy = lambda.invoker.policyOf(arn);
    const permission = { action: 'lambda:InvokeFunction', resources: [arn] };
    const asked = { ...permission, ...(resourcePolicy !== undefined && { resourcePolicy }) };
    const caller = { accountId: ACCOUNT_ID, arn: LOGS, service: { principal: LOGS, sourceArn } };
    const { allowed } = await authority.decide(caller, [asked], { region: regionOf(arn), isEncrypted: true });
    return allowed ? 'open' : 'refused';
  };

  const askStream: AskSubscriber = async (arn, sourceArn, roleArn) => {
    const name = /^stream\/([^/]+)$/.exec(parseArn(arn)?.resource ?? '')?.[1];
    const region = regionOf(arn);
    if (name === undefined || !kinesis.stream(name, region)) return 'missing';
    if (off) return 'open';
    const role = roleArn === undefined ? undefined : iam.roleByArn(roleArn);
    if (!role) return mode === 'dev' ? 'open' : 'refused';
    if (!(await isTrusted(authority, role, LOGS, sourceArn))) return 'refused';
    const taken = { arn: role.arn, sessionName: 'CloudWatchLogs' };
    // The stream knows its own policy and its own name, however the ARN is spelled.
    const [putting] = await service.permissions!.PutRecord!({ StreamARN: arn }, { region, accountId: ACCOUNT_ID });
    const refusal = await rights.refusal(taken, putting!, region);
    if (refusal) rights.tell(taken, refusal, sourceArn);
    return refusal ? 'refused' : 'open';
  };

  return (arn, ...more) => (parseArn(arn)?.service === 'lambda' ? askFunction : askStream)(arn, ...more);
}

const regionOf = (arn: string) => parseArn(arn)?.region ?? '';
