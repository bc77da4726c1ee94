import type { Decision, Source } from './evaluate.ts';

/** Why something was refused, for those who are to put it right. */
export interface Denial {
  readonly action: string;
  readonly resource: string;
  /** A statement denies it, or none allows it. */
  readonly kind: 'explicit-deny' | 'implicit-deny';
  /** The kind of policy that denies it, or that would have to allow it. */
  readonly source: Source;
  /** Of the statement that denies it: where it stands, as far as it has names. */
  readonly by?: { readonly policy?: string | undefined; readonly statement: string };
}

/** A denial as AWS words it; clients and people match on it. */
export function denialOf(
  decision: Exclude<Decision, { readonly verdict: 'allowed' }>,
  asked: { readonly user: string; readonly action: string; readonly resource: string },
): string {
  const { user, action, resource } = asked;
  const refused = `User: ${user} is not authorized to perform: ${action} on resource: ${resource}`;
  if (decision.verdict === 'explicit-deny') return `${refused} with an explicit deny in ${withArticle(decision.by)}`;
  return `${refused} because no ${decision.missing} allows the ${action} action`;
}

/**
 * The same for those who keep the policies.
 * @param names  names of the policies of a source, in the order in which they were evaluated
 */
export function denialFacts(
  decision: Exclude<Decision, { readonly verdict: 'allowed' }>,
  asked: { readonly action: string; readonly resource: string },
  names: (source: Source) => readonly string[],
): Denial {
  const { action, resource } = asked;
  if (decision.verdict === 'implicit-deny') {
    return { action, resource, kind: 'implicit-deny', source: decision.missing };
  }
  const { source, policy, statement } = decision.matches[0]!;
  const by = { policy: names(source)[policy], statement: statement.sid ?? `number ${statement.index + 1}` };
  return { action, resource, kind: 'explicit-deny', source, by };
}

function withArticle(source: Source): string {
  return source === 'identity-based policy' ? `an ${source}` : `a ${source}`;
}
