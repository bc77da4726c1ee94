import { ACCOUNT_ID, DomainError, parseArn } from '../base/index.ts';
import type { Delivery, Target } from '../delivery/index.ts';
import type { Authority, Verdict } from '../services/iam/index.ts';
import type { Caller, Permission } from '../services/index.ts';
import { ACTING_ROLE } from '../services/lambda/index.ts';
import type { NodeConfig } from './config.ts';
import type { Denials } from './denials.ts';
import { roleSession } from './role-rights.ts';

/** What handing something over is to the policy of whoever is given it. */
const ACTIONS = { sqs: 'sqs:SendMessage', sns: 'sns:Publish', lambda: 'lambda:InvokeFunction' } as const;

/** What may be delivered to; a bucket's object is put as by any other call. */
export type GuardedKind = keyof typeof ACTIONS | 's3';

/** Services that deliver in their own name, by the service in the ARN of what they deliver for. */
const PRINCIPALS: Readonly<Record<string, string>> = {
  sns: 'sns.amazonaws.com',
  s3: 's3.amazonaws.com',
  events: 'events.amazonaws.com',
};

/** The same for functions alone: elsewhere these act as a role that they were given. */
const PRINCIPALS_TO_FUNCTIONS: Readonly<Record<string, string>> = {
  iot: 'iot.amazonaws.com',
  logs: 'logs.amazonaws.com',
};

export interface DeliveryGuard {
  readonly mode: NodeConfig['mode'];
  readonly authorization?: NodeConfig['authorization'];
  readonly authority: Pick<Authority, 'decide'>;
  readonly denials: Pick<Denials, 'tell'>;
  /** JSON text of the policy of a queue, topic or function; `undefined` where it has none. */
  policyOf(kind: keyof typeof ACTIONS, arn: string): string | undefined;
  /** What it takes to put an object. */
  objectRights(bucket: string, key: string): readonly Permission[] | Promise<readonly Permission[]>;
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
    const verdict: Verdict = await authority.decide(caller, await permissionsTo(kind, delivery, guard), {
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
      if (caller === 'gone') {
        const reason = `nobody knows any more by whose rights ${delivery.source} sends to ${delivery.arn}`;
        if (mode === 'secured') throw new DomainError('access-denied', reason, { remedy: 'never' });
      } else if (caller) await check(caller, delivery, delivery.source);
      return target.deliver(delivery, attempt, signal, tried);
    },
  };
}

/**
 * Who hands it over; `undefined` for the node's own errands: an asynchronous invocation, what an operator sends again. `gone`: a function
 * that is there no more, and has left nothing of its role.
 */
function delivererOf(kind: GuardedKind, delivery: Delivery, guard: DeliveryGuard): Caller | 'gone' | undefined {
  const { source } = delivery;
  const { service = '' } = parseArn(source) ?? {};
  if (service === 'lambda') return functionSession(delivery, guard);
  const principal = PRINCIPALS[service] ?? (kind === 'lambda' ? PRINCIPALS_TO_FUNCTIONS[service] : undefined);
  if (principal === undefined) return undefined;
  // A subscription delivers for its topic.
  const sourceArn = service === 'sns' ? source.split(':').slice(0, 6).join(':') : source;
  return { accountId: ACCOUNT_ID, arn: principal, service: { principal, sourceArn } };
}

/** A function, or a mapping in its name; `undefined` for what it hands itself. */
function functionSession({ arn, source, attributes }: Delivery, guard: DeliveryGuard): Caller | 'gone' | undefined {
  const functionArn = guard.functionOf(source);
  if (functionArn === arn) return undefined;
  const acting = attributes?.[ACTING_ROLE];
  const roleArn = typeof acting === 'string' ? acting : guard.roleOf(functionArn);
  return roleArn === undefined ? 'gone' : roleSession(roleArn, functionArn.split(':')[6] ?? '');
}

async function permissionsTo(
  kind: GuardedKind,
  { arn, attributes }: Delivery,
  guard: DeliveryGuard,
): Promise<readonly Permission[]> {
  if (kind === 's3') return guard.objectRights(parseArn(arn)?.resource ?? '', String(attributes?.key));
  const resourcePolicy = guard.policyOf(kind, arn);
  return [{ action: ACTIONS[kind], resources: [arn], ...(resourcePolicy !== undefined && { resourcePolicy }) }];
}
