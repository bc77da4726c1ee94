/* Parameter mapping of HTTP APIs: what a request or a response is changed to on its way. */
import { headerValue, type UrlResponse } from '../response.ts';
import { type ApiCall, searched } from './call.ts';
import type { Passed } from './events.ts';
import { commonLookup, evaluate, type Lookup, requestLookup } from './expressions.ts';

type Parameters = Readonly<Record<string, string>>;

interface Step {
  readonly action: string;
  readonly place: string;
  readonly name: string;
  readonly expression: string;
}

const KEY = /^(append|overwrite|remove):(header|querystring|path|statuscode)(?:\.(.+))?$/;

function stepsOf(parameters: Parameters): readonly Step[] {
  return Object.entries(parameters).flatMap(([key, expression]) => {
    const match = KEY.exec(key);
    return match ? [{ action: match[1]!, place: match[2]!, name: match[3] ?? '', expression }] : [];
  });
}

/**
 * What an integration gets of a request.
 * @see Amazon API Gateway developer guide, "Transform API requests and responses for HTTP APIs"
 */
export function mappedRequest(call: ApiCall, passed: Passed, parameters: Parameters): Passed {
  const lookup = requestLookup(call);
  let { fields, query, path } = passed;
  for (const { action, place, name, expression } of stepsOf(parameters)) {
    const value = action === 'remove' ? undefined : evaluate(expression, lookup);
    // A variable without a value changes nothing.
    if (action !== 'remove' && value === undefined) continue;
    if (place === 'header') fields = changedFields(fields, action, name, value);
    else if (place === 'querystring') query = changedQuery(query, action, name, value);
    else if (place === 'path' && action === 'overwrite') path = value!.startsWith('/') ? value! : `/${value}`;
  }
  return { fields, query, path };
}

function changedFields(fields: readonly string[], action: string, name: string, value: string | undefined): string[] {
  const changed: string[] = [];
  for (let i = 0; i + 1 < fields.length; i += 2) {
    const isOld = action !== 'append' && fields[i]!.toLowerCase() === name.toLowerCase();
    if (!isOld) changed.push(fields[i]!, fields[i + 1]!);
  }
  if (value !== undefined) changed.push(name, headerValue(name, value));
  return changed;
}

function changedQuery(query: string, action: string, name: string, value: string | undefined): string {
  const parameters = new URLSearchParams(query);
  if (action !== 'append') parameters.delete(name);
  if (value !== undefined) parameters.append(name, value);
  return parameters.toString();
}

/**
 * A response as its client gets it.
 * @param byStatus  mappings, by the status that the integration has answered
 */
export function mappedResponse(
  call: ApiCall,
  response: UrlResponse,
  byStatus: Readonly<Record<string, Parameters>>,
): UrlResponse {
  const parameters = byStatus[String(response.status)];
  if (!parameters) return response;
  const lookup = responseLookup(call, response);
  const headers = new Map(response.headers);
  let { status } = response;
  for (const { action, place, name, expression } of stepsOf(parameters)) {
    const value = action === 'remove' ? undefined : evaluate(expression, lookup);
    if (place === 'statuscode') status = statusOf(value) ?? status;
    else if (place === 'header') changeHeader(headers, action, name.toLowerCase(), value);
  }
  return { ...response, status, headers };
}

function changeHeader(
  headers: Map<string, string | readonly string[]>,
  action: string,
  name: string,
  value: string | undefined,
): void {
  if (action === 'remove') headers.delete(name);
  if (value === undefined) return;
  const before = action === 'append' ? headers.get(name) : undefined;
  const one = headerValue(name, value);
  headers.set(name, before === undefined ? one : `${[before].flat().join(',')},${one}`);
}

function statusOf(value: string | undefined): number | undefined {
  const status = Number(value);
  return Number.isInteger(status) && status >= 200 && status <= 599 ? status : undefined;
}

function responseLookup(call: ApiCall, { headers, body }: UrlResponse): Lookup {
  return (name) => {
    if (name.startsWith('response.header.')) {
      const value = headers.get(name.slice(16).toLowerCase());
      return value === undefined ? undefined : [value].flat().join(',');
    }
    if (name.startsWith('response.body')) return searched(body, name.slice(13));
    return commonLookup(call, name);
  };
}
