import type { Decision, Source } from './evaluate.ts';

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

function withArticle(source: Source): string {
  return source === 'identity-based policy' ? `an ${source}` : `a ${source}`;
}
