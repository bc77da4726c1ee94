import { IotError } from '../errors.ts';
import type { DeviceAction } from '../policies/document.ts';
import { RESOURCE_KINDS } from '../policies/evaluate.ts';
import { becauseOf, type Explanation, explain, type StatementFinding } from '../policies/explain.ts';
import type { Inquiry } from './inquiry.ts';
import type { LiveClients } from './live.ts';
import type { LivePermissions } from './permissions.ts';
import type { Refusal, Refusals } from './refusals.ts';

/** What a client was refused, as others see it. Times are epoch milliseconds. */
export interface RefusalView {
  readonly clientId: string;
  readonly principal?: string;
  readonly firstAt: number;
  readonly lastAt: number;
  readonly count: number;
  readonly remoteAddress?: string;
  readonly action: `iot:${DeviceAction}`;
  readonly name: string;
  /** One sentence. */
  readonly because: string;
}

/** A question about what somebody may do. */
export interface AccessQuestion {
  /** A client that is connected or was refused lately; with `principal`, the id that it would have. */
  readonly clientId?: string;
  /** ARN of a certificate, user or token. */
  readonly principal?: string;
  readonly action: DeviceAction;
  /** Client id, topic or topic filter. */
  readonly name: string;
}

export interface AccessAnswer extends Omit<Explanation, 'findings'> {
  readonly because: string;
  readonly principal?: string;
  readonly findings: readonly (StatementFinding & { readonly because: string })[];
}

/** Explains decisions on devices: those that were made, and those that would be. */
export interface AccessReview {
  /** What clients were refused lately, the latest first. */
  refusals(clientId: string | undefined, limit: number): readonly RefusalView[];
  /**
   * Decides as a connection's question is decided, and says statement by statement why.
   *
   * @throws IotError resource-not-found  no such client is known now, and no principal is named
   */
  explain(question: AccessQuestion): Promise<AccessAnswer>;
}

export function accessReview(parts: {
  readonly refusals: Refusals;
  readonly live: LiveClients;
  readonly inquiry: Inquiry;
}): AccessReview {
  const { refusals, live, inquiry } = parts;
  return {
    refusals: (clientId, limit) => refusals.list(clientId, limit).map(viewOf),
    explain: async (question) => {
      const { clientId, principal, action, name } = question;
      if (principal !== undefined) {
        const context = await inquiry.contextOf({
          principalArn: principal,
          ...(clientId !== undefined && { clientId }),
        });
        const resource = context.arnPrefix + RESOURCE_KINDS[action] + name;
        return answerOf(explain(inquiry.policiesOf(principal), context, action, resource, name), principal);
      }
      const permissions = live.find(clientId ?? '') ?? lastRefused(refusals, clientId);
      if (!permissions) {
        const message = `Client ${clientId} is not connected and was not refused lately: name its principal.`;
        throw new IotError('resource-not-found', message);
      }
      return answerOf(explainClient(permissions, action, name), permissions.arns[0]);
    },
  };
}

function lastRefused(refusals: Refusals, clientId: string | undefined): LivePermissions | undefined {
  return clientId === undefined
    ? undefined
    : refusals.list(clientId, Number.POSITIVE_INFINITY).find(({ permissions }) => permissions)?.permissions;
}

function explainClient(permissions: LivePermissions, action: DeviceAction, name: string): Explanation {
  const { policies, context } = permissions.standing;
  return explain(policies, context, action, context.arnPrefix + RESOURCE_KINDS[action] + name, name);
}

function answerOf({ findings, ...rest }: Explanation, principal: string | undefined): AccessAnswer {
  return {
    ...rest,
    ...(principal !== undefined && { principal }),
    because: verdictSentence({ ...rest, findings }),
    findings: findings.map((finding) => ({ ...finding, because: becauseOf(finding) })),
  };
}

function viewOf({ permissions, reason, remoteAddress, action, ...refusal }: Refusal): RefusalView {
  return {
    ...refusal,
    ...(permissions && { principal: permissions.arns[0]! }),
    ...(remoteAddress !== undefined && { remoteAddress }),
    action: `iot:${action}`,
    because: reason ?? verdictSentence(explainClient(permissions!, action, refusal.name)),
  };
}

/** What comes of all statements, in one sentence. */
function verdictSentence({ action, resource, verdict, findings }: Explanation): string {
  const applying = findings.find(
    ({ applies, effect }) => applies && (effect === 'Deny') === (verdict === 'EXPLICIT_DENY'),
  );
  const where = applying && `statement ${applying.statement} of policy ${applying.policy}`;
  if (verdict === 'ALLOWED') return `${action} on ${resource} is allowed by ${where}.`;
  if (verdict === 'EXPLICIT_DENY') return `${action} on ${resource} is denied by ${where}.`;
  if (findings.length === 0) return `${action} on ${resource} is denied: no policy is attached.`;
  const near = findings.find(({ actionMatches, effect }) => actionMatches && effect === 'Allow');
  const nearest = near
    ? `statement ${near.statement} of policy ${near.policy}: ${becauseOf(near)}`
    : 'none is about this action';
  return `${action} on ${resource} is denied: no statement allows it; ${nearest}.`;
}
