/** What a person fills in to try a route, and the request that it makes. */
import { queryOf } from '../encoding.ts';
import type { Api, Route } from './model.ts';

export interface Attempt {
  readonly method: string;
  /** By name; a greedy variable is named with its plus. */
  readonly variables: Readonly<Record<string, string>>;
  readonly query: readonly Pair[];
  readonly headers: readonly Pair[];
  readonly body: string;
}

export interface Pair {
  readonly name: string;
  readonly value: string;
}

/** Names in braces, in order: `id`, `proxy+`. */
export function variablesOf(path: string): readonly string[] {
  return [...path.matchAll(/\{([^}]+)\}/g)].map(([, name]) => name!);
}

export function attemptFor(route: Route): Attempt {
  return { method: route.method === 'ANY' ? 'GET' : route.method, variables: {}, query: [], headers: [], body: '' };
}

/** The path with its variables filled in. @throws Error  one is missing */
export function filledPath(path: string, variables: Readonly<Record<string, string>>): string {
  return path.replace(/\{([^}]+)\}/g, (_, name: string) => {
    const value = variables[name] ?? '';
    if (value === '' && !name.endsWith('+')) throw new Error(`${name} needs a value.`);
    return name.endsWith('+') ? value.split('/').map(encodeURIComponent).join('/') : encodeURIComponent(value);
  });
}

export const named = (pairs: readonly Pair[]) => pairs.filter(({ name }) => name !== '');

/** From the API's root on, with stage and query. @throws Error  a variable is missing */
export function addressOf(route: Route, stage: string, { variables, query }: Attempt): string {
  const base = stage === '$default' ? '' : `/${stage}`;
  const asked = queryOf(named(query).map(({ name, value }) => [name, value]));
  return `${base}${filledPath(route.path, variables)}${asked === '' ? '' : `?${asked}`}`;
}

const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;
export const hasBody = ({ method, body }: Attempt) => body !== '' && method !== 'GET' && method !== 'HEAD';

/** The same for a terminal. */
export function curlOf(api: Api, address: string, attempt: Attempt): string {
  const { method, headers, body } = attempt;
  return [
    ...['curl', ...(method === 'GET' ? [] : ['-X', method]), quoted(api.endpoint + address)],
    ...named(headers).flatMap(({ name, value }) => ['-H', quoted(`${name}: ${value}`)]),
    ...(hasBody(attempt) ? ['--data-binary', quoted(body)] : []),
  ].join(' ');
}
