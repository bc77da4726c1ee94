import { ACCOUNT_ID, DomainError, parseArn } from '../base/index.ts';
import type { Delivery, Target } from '../delivery/index.ts';
import type { Authority, Verdict } from '../services/iam/index.ts';
import type { Caller, Permission } from '../services/index.ts';
import type { NodeConfig } from './config.ts';
import type { Denials } from './denials.ts';
import { roleSession } from './role-rights.ts';

/** What handing something over is to the policy of whoever is given it. */
const ACTIONS = {
  sqs: 'sqs:SendMessage',
  sns: 'sns:Publish',
  lambda: 'lambda:InvokeFunction',
  s3: 's3:PutObject',
} as const;

export type GuardedKind = keyof typeof ACTIONS;

/** Services that deliver in their own name, by the service in the ARN of what they deliver for. */
const PRINCIPALS: Readonly<Record<string, string>> = {
  sns: 'sns.amazonaws.com',
  s3: 's3.amazonaws.com',
  events: 'events.amazonaws.com',
  cloudwatch: 'cloudwatch.amazonaws.com',
};

const LAMBDA = 'lambda.amazonaws.com';

/** The same for functions alone: elsewhere these act as a role that they were given, or by another name. */
const PRINCIPALS_TO_FUNCTIONS: Readonly<Record<string, string>> = {
  iot: 'iot.amazonaws.com',
  logs: 'logs.amazonaws.com',
  cloudwatch: 'lambda.alarms.cloudwatch.amazonaws.com',
};

export interface DeliveryGuard {
  readonly mode: NodeConfig['mode'];
  readonly authorization?: NodeConfig['authorization'];
  readonly authority: Pick<Authority, 'decide'>;
  readonly denials: Pick<Denials, 'tell'>;
  /** JSON text of the policy of a queue, topic, function or bucket; `undefined` where it has none. */
  policyOf(kind: GuardedKind, arn: string): string | undefined;
  /** The function that a mapping calls, by the mapping's ARN; else what is given. */
  functionOf(source: string): string;
  /** Execution role of a function; `undefined` when there is none. */
  roleOf(functionArn: string): string | undefined;
}

/**
 * Asks before each delivery whether the target lets who delivers: a policy of the target names the service, and may say for which of its
 * resources (`aws:SourceArn`, `aws:SourceAccount`); what functions and their mappings send on (destinations, dead
 * letters) their role must allow. A topic
 * that somebody subscribes to a queue that is not theirs gets nothing into it. `dev` delivers all the same and tells.
 */
export function guardedTarget(kind: GuardedKind, target: Target, guard: DeliveryGuard): Target {
  const { mode, authority, denials } = guard;
  if (guard.authorization === 'off') return target;
  const check = async (caller: Caller, delivery: Delivery, id: string): Promise<void> => {
    const verdict: Verdict = await authority.decide(caller, [permissionTo(kind, delivery, guard)], {
      region: parseArn(delivery.arn)?.region ?? '',
      isEncrypted: true,
    });
    if (verdict.allowed) return;
    if (verdict.denial) denials.tell(caller, verdict.denial, id);
    if (mode === 'secured') throw new DomainError('access-denied', verdict.message, { remedy: 'never' });
  };
  return {
    ...(target.durable && { durable: target.durable }),
    ...(target.attemptMsMax !== undefined && { attemptMsMax: target.attemptMsMax }),
    ...(target.judgesAge && { judgesAge: target.judgesAge }),
    deliver: async (delivery, attempt, signal, tried) => {
      const caller = delivererOf(kind, delivery, guard);
      if (caller) await check(caller, delivery, delivery.source);
      return target.deliver(delivery, attempt, signal, tried);
    },
  };
}

/** Who hands it over; `undefined` for the node's own errands: an asynchronous invocation, what an operator sends again. */
function delivererOf(kind: GuardedKind, { arn, source }: Delivery, guard: DeliveryGuard): Caller | undefined {
  const { service = '' } = parseArn(source) ?? {};
  if (service === 'lambda') return functionSession(source, arn, guard);
  const principal = (kind === 'lambda' ? PRINCIPALS_TO_FUNCTIONS[service] : undefined) ?? PRINCIPALS[service];
  if (principal === undefined) return undefined;
  // A subscription delivers for its topic.
  const sourceArn = service === 'sns' ? source.split(':').slice(0, 6).join(':') : source;
  return { accountId: ACCOUNT_ID, arn: principal, service: { principal, sourceArn } };
}

/** A function, or a mapping in its name; `undefined` for what it hands itself. */
function functionSession(source: string, target: string, guard: DeliveryGuard): Caller | undefined {
  const functionArn = guard.functionOf(source);
  if (functionArn === target) return undefined;
  const [whole, name = ''] = /^(?:[^:]*:){6}([^:]*)/.exec(functionArn) ?? [functionArn];
  // Its version or its alias may be gone by now.
  const roleArn = guard.roleOf(functionArn) ?? guard.roleOf(whole);
  if (roleArn !== undefined) return roleSession(roleArn, name);
  // What a function has left behind is delivered in nobody's name but Lambda's: its role is not known any more.
  return { accountId: ACCOUNT_ID, arn: LAMBDA, service: { principal: LAMBDA, sourceArn: functionArn } };
}

function permissionTo(kind: GuardedKind, { arn, attributes }: Delivery, guard: DeliveryGuard): Permission {
  const resourcePolicy = guard.policyOf(kind, arn);
  const resources = [kind === 's3' ? `${arn}/${attributes?.key}` : arn];
  return { action: ACTIONS[kind], resources, ...(resourcePolicy !== undefined && { resourcePolicy }) };
}
