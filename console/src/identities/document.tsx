import { isJson, prettyJson } from '../letters/json-text.ts';
import type { Policy } from './identities-api.ts';

/** A policy document, laid out. */
export function Document(props: { readonly text: string }) {
  const { text } = props;
  return <pre class="template policy">{isJson(text) ? prettyJson(text) : text}</pre>;
}

/** Where a policy stands, in words. */
export function originOf({ origin, group, isBoundary }: Policy): string {
  const what = origin === 'aws-managed' ? 'managed by AWS' : origin === 'user-managed' ? 'managed' : 'inline';
  return [isBoundary && 'boundary', what, group && `by group ${group}`].filter(Boolean).join(', ');
}
