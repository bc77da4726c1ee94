import { ACCOUNT_ID, assert, type Clock, parseArn } from '../base/index.ts';
import type { Authority, Iam } from '../services/iam/index.ts';
import type { Permission, Service } from '../services/index.ts';
import type { ActionRight, RuleRights } from '../services/iot/index.ts';
import type { NodeConfig } from './config.ts';
import type { Denials } from './denials.ts';
import { NODE_LIMITS } from './limits.ts';
import { isTrusted, type RoleRights, tellUntrusted } from './role-rights.ts';

const IOT = 'iot.amazonaws.com';
const NOTHING = new Uint8Array(0);

/** Which call of which service an action amounts to: that knows the policy and the tags of what it is done to. */
const CALLS: Readonly<
  Record<ActionRight['action'], readonly [service: string, operation: string, input: (arn: string) => object]>
> = {
  'kinesis:PutRecord': ['kinesis', 'PutRecord', (StreamARN) => ({ StreamARN })],
  'sqs:SendMessage': [
    'sqs',
    'SendMessage',
    (arn) => ({ QueueUrl: `http://localhost/${ACCOUNT_ID}/${parseArn(arn)!.resource}` }),
  ],
  'sns:Publish': ['sns', 'Publish', (TopicArn) => ({ TopicArn })],
  'iot:Publish': [
    'iotdata',
    'Publish',
    (arn) => ({ topic: parseArn(arn)!.resource.slice('topic/'.length), payload: NOTHING }),
  ],
};

/**
 * Holds the actions of topic rules to the roles that they name: a role that trusts AWS IoT, and may do what the action does. In `dev` a
 * role that nobody has made is passed over.
 *
 * Messages are many, so an answer is good for a moment, unless something changes in IAM.
 */
export function ruleAuthorization(
  options: Pick<NodeConfig, 'mode' | 'authorization'> & {
    readonly rights: RoleRights;
    readonly authority: Pick<Authority, 'trusts' | 'load'>;
    readonly iam: Pick<Iam, 'roleByArn' | 'generation'>;
    readonly denials: Pick<Denials, 'tell'>;
    readonly service: (name: string) => Service;
    readonly clock: Clock;
  },
): RuleRights {
  const { mode, authorization, rights, authority, iam, denials, service: serviceOf, clock } = options;
  const kept = new Map<string, { readonly refusal: string | undefined; readonly until: number }>();
  let generation = -1;

  const ask = (right: ActionRight): string | undefined => {
    const { roleArn, ruleArn, action, resource } = right;
    const role = iam.roleByArn(roleArn);
    if (!role && mode === 'dev') return undefined;
    // The policies are loaded: what is answered is no promise.
    if (!role || isTrusted(authority, role, IOT, ruleArn) !== true) {
      tellUntrusted(denials, roleArn, IOT, ruleArn);
      return `Role ${roleArn} cannot be assumed by AWS IoT`;
    }
    const taken = { arn: roleArn, sessionName: ruleArn.slice(ruleArn.lastIndexOf('/') + 1) };
    const region = parseArn(resource)?.region ?? '';
    const refusal = rights.refusal(taken, permissionTo(serviceOf, action, resource, region), region);
    assert(!(refusal instanceof Promise), 'rules run once the policies are loaded');
    if (refusal !== undefined) rights.tell(taken, refusal, ruleArn);
    return refusal?.message;
  };

  return {
    ready: async () => {
      if (authorization !== 'off') await authority.load();
    },
    refusal: (right) => {
      if (authorization === 'off') return undefined;
      const now = clock.now();
      if (iam.generation !== generation || kept.size >= NODE_LIMITS.roleAnswersMax) kept.clear();
      generation = iam.generation;
      const key = `${right.ruleArn} ${right.roleArn} ${right.action} ${right.resource}`;
      const known = kept.get(key);
      if (known && now < known.until && now + NODE_LIMITS.roleAnswerMs >= known.until) return known.refusal;
      const refusal = ask(right);
      // Devices choose names of topics: what none is called is not worth the memory.
      if (right.resource.length > NODE_LIMITS.denialResourceCharactersMax) return refusal;
      kept.set(key, { refusal, until: now + NODE_LIMITS.roleAnswerMs });
      return refusal;
    },
  };
}

function permissionTo(
  serviceOf: (name: string) => Service,
  action: ActionRight['action'],
  resource: string,
  region: string,
): Permission {
  const [name, operation, input] = CALLS[action];
  const permissions = serviceOf(name).permissions![operation]!(input(resource), { region, accountId: ACCOUNT_ID });
  assert(!(permissions instanceof Promise), `what ${action} needs is known at once`);
  return permissions[0]!;
}
