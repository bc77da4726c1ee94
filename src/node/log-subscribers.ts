import { ACCOUNT_ID, formatArn, parseArn } from '../base/index.ts';
import type { Authority, Iam } from '../services/iam/index.ts';
import type { Caller } from '../services/index.ts';
import type { Kinesis } from '../services/kinesis/index.ts';
import type { Lambda } from '../services/lambda/index.ts';
import type { AskSubscriber } from '../services/logs/index.ts';
import type { NodeConfig } from './config.ts';

const LOGS = 'logs.amazonaws.com';

/**
 * Whether a log group may send what is logged to a function, whose own policy says so, or to a stream, as which the group takes on a role.
 * In `dev` a role that nobody has made is passed over.
 */
export function logSubscribers(
  options: Pick<NodeConfig, 'mode' | 'authorization'> & {
    readonly kinesis: Pick<Kinesis, 'stream'>;
    readonly lambda: Pick<Lambda, 'invoker'>;
    readonly authority: Pick<Authority, 'decide' | 'trusts'>;
    readonly iam: Pick<Iam, 'roleByArn'>;
  },
): AskSubscriber {
  const { mode, kinesis, lambda, authority, iam } = options;
  const off = options.authorization === 'off';
  const outcome = (allowed: boolean) => (allowed ? 'open' : 'refused');

  async function askFunction(arn: string, service: Caller): Promise<'open' | 'missing' | 'refused'> {
    if (!lambda.invoker.exists(arn)) return 'missing';
    if (off) return 'open';
    const resourcePolicy = lambda.invoker.policyOf(arn);
    const permission = { action: 'lambda:InvokeFunction', resources: [arn] };
    const asked = { ...permission, ...(resourcePolicy !== undefined && { resourcePolicy }) };
    return outcome((await authority.decide(service, [asked], { region: regionOf(arn), isEncrypted: true })).allowed);
  }

  async function askStream(
    arn: string,
    service: Caller,
    roleArn: string | undefined,
  ): Promise<'open' | 'missing' | 'refused'> {
    const name = parseArn(arn)?.resource.replace(/^stream\//, '') ?? '';
    if (!kinesis.stream(name, regionOf(arn))) return 'missing';
    if (off) return 'open';
    const role = roleArn === undefined ? undefined : iam.roleByArn(roleArn);
    if (!role) return outcome(mode === 'dev');
    const taking = { action: 'sts:AssumeRole', resources: [role.arn] };
    const requester = { kind: 'service', service: LOGS } as const;
    if (!(await authority.trusts(role.trustPolicy, service, taking, { region: '' }, requester))) return 'refused';
    const session = { kind: 'role', principalArn: role.arn, userId: `${role.id}:CWLogs`, issuedAt: 0 } as const;
    const caller = {
      ...{ accountId: ACCOUNT_ID, session },
      arn: formatArn('sts', '', ACCOUNT_ID, `assumed-role/${role.name}/CWLogs`),
    };
    const putting = { action: 'kinesis:PutRecord', resources: [arn] };
    return outcome((await authority.decide(caller, [putting], { region: regionOf(arn), isEncrypted: true })).allowed);
  }

  return (arn, sourceArn, roleArn) => {
    const service = { accountId: ACCOUNT_ID, arn: LOGS, service: { principal: LOGS, sourceArn } };
    return parseArn(arn)?.service === 'lambda' ? askFunction(arn, service) : askStream(arn, service, roleArn);
  };
}

const regionOf = (arn: string) => parseArn(arn)?.region ?? '';
