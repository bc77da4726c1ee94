import { ACCOUNT_ID, type Clock, DomainError } from '../base/index.ts';
import type { CallingApi, FunctionCaller } from '../gateway/http/index.ts';
import type { Authority, Iam } from '../services/iam/index.ts';
import type { Caller } from '../services/index.ts';
import type { Lambda } from '../services/lambda/index.ts';
import type { NodeConfig } from './config.ts';
import { NODE_LIMITS } from './limits.ts';
import { isTrusted, roleSession } from './role-rights.ts';

export interface FunctionCallerOptions extends Pick<NodeConfig, 'mode'> {
  readonly authority: Pick<Authority, 'decide' | 'trusts'>;
  readonly iam: Pick<Iam, 'roleByArn' | 'generation'>;
  readonly lambda: Pick<Lambda, 'invoker'>;
  readonly clock: Clock;
}

const API_GATEWAY = 'apigateway.amazonaws.com';
/** How API Gateway calls sessions of roles. */
const SESSION = 'BackplaneAssumeRoleSession';

/**
 * Calls functions as API Gateway, which on a node that enforces policies a function's own must let it; or as a role that trusts API
 * Gateway and may call the function.
 */
export function functionCaller(options: FunctionCallerOptions): FunctionCaller {
  const { mode, lambda } = options;
  const { invoker } = lambda;
  const rights = new CallingRights(options);
  return {
    invoke: async (arn, request, by) => {
      if (mode === 'secured' && !rights.isKnown(arn, by)) await rights.check(arn, by);
      const { result } = await invoker.invoke(invoker.runnableOf(arn), request, { wait: 'processors' });
      return result;
    },
  };
}

/** What an answer was given on. */
interface Allowed {
  readonly roleArn: string | undefined;
  readonly policy: string | undefined;
  readonly generation: number;
  readonly until: number;
}

/** Which APIs may call which functions. Requests are many, so a yes is good for a moment, unless something changes that it rests on. */
class CallingRights {
  readonly #options: FunctionCallerOptions;
  /** By function, and by what calls it. */
  readonly #kept = new Map<string, Map<string, Allowed>>();
  #size = 0;

  constructor(options: FunctionCallerOptions) {
    this.#options = options;
  }

  isKnown(arn: string, { sourceArn, roleArn }: CallingApi): boolean {
    const known = this.#kept.get(arn)?.get(sourceArn);
    if (!known || known.roleArn !== roleArn) return false;
    const { iam, lambda, clock } = this.#options;
    return (
      known.generation === iam.generation &&
      known.policy === lambda.invoker.policyOf(arn) &&
      clock.monotonic() < known.until
    );
  }

  /** @throws DomainError `invoke-forbidden` */
  async check(arn: string, { sourceArn, roleArn }: CallingApi): Promise<void> {
    const { authority, iam, lambda, clock } = this.#options;
    const { generation } = iam;
    const until = clock.monotonic() + NODE_LIMITS.roleAnswerMs;
    const role = roleArn === undefined ? undefined : iam.roleByArn(roleArn);
    if (roleArn !== undefined && !(role && (await isTrusted(authority, role, API_GATEWAY, sourceArn)))) {
      throw new DomainError('invoke-forbidden', `API Gateway cannot take on the role ${roleArn} for ${sourceArn}`);
    }
    const policy = lambda.invoker.policyOf(arn);
    const permission = {
      ...{ action: 'lambda:InvokeFunction', resources: [arn] },
      ...(policy !== undefined && { resourcePolicy: policy }),
    };
    const caller = role ? roleSession(role.arn, SESSION, role.id) : serviceOf(sourceArn);
    const facts = { region: arn.split(':')[3] ?? '', isEncrypted: true };
    if (!(await authority.decide(caller, [permission], facts)).allowed) {
      const why = role
        ? `the role ${role.arn} may not call ${arn} for ${sourceArn}`
        : `the policy of ${arn} does not let ${sourceArn} call it`;
      throw new DomainError('invoke-forbidden', why);
    }
    this.#keep(arn, sourceArn, { roleArn, policy, generation, until });
  }

  #keep(arn: string, sourceArn: string, allowed: Allowed): void {
    if (this.#size >= NODE_LIMITS.roleAnswersMax) {
      this.#kept.clear();
      this.#size = 0;
    }
    const kept = this.#kept.get(arn) ?? new Map<string, Allowed>();
    if (!kept.has(sourceArn)) this.#size++;
    kept.set(sourceArn, allowed);
    this.#kept.set(arn, kept);
  }
}

function serviceOf(sourceArn: string): Caller {
  return { accountId: ACCOUNT_ID, arn: API_GATEWAY, service: { principal: API_GATEWAY, sourceArn } };
}
