/* Mapping templates of REST APIs: what they see, and what they may change. */
import { headerOf } from './arrival.ts';
import { type ApiCall, searched } from './call.ts';
import { Functions, type Node, parseTemplate, renderTemplate, type Value, valueOfJson } from './velocity/index.ts';

/** Templates that were read, by their text; the oldest goes first. */
const TEMPLATES_MAX = 1_000;
const read = new Map<string, readonly Node[]>();

/** What a template has set of the answer: `$context.responseOverride`. */
export interface Overrides {
  readonly status: number | undefined;
  readonly headers: ReadonlyMap<string, string>;
}

/** @param input  what `$input` is: the request's body, or the integration's answer. @throws TemplateError */
export function rendered(
  template: string,
  call: ApiCall,
  input: Uint8Array,
): { readonly text: string; readonly overrides: Overrides } {
  const override = new Map<string, Value>([['header', new Map<string, Value>()]]);
  const variables = new Map<string, Value>([
    ['input', inputOf(call, input)],
    ['context', contextOf(call, override)],
    ['stageVariables', new Map<string, Value>(Object.entries(call.stageVariables ?? {}))],
    ['util', UTIL],
  ]);
  const text = renderTemplate(nodesOf(template), variables);
  const status = Number(override.get('status'));
  const headers = override.get('header');
  const set = headers instanceof Map ? [...headers] : [];
  return {
    text,
    overrides: {
      status: status >= 100 && status <= 599 ? status : undefined,
      headers: new Map(set.map(([name, value]) => [String(name).toLowerCase(), String(value)])),
    },
  };
}

function nodesOf(template: string): readonly Node[] {
  const known = read.get(template);
  if (known) return known;
  const nodes = parseTemplate(template);
  if (read.size >= TEMPLATES_MAX) read.delete(read.keys().next().value!);
  read.set(template, nodes);
  return nodes;
}

function inputOf(call: ApiCall, body: Uint8Array): Functions {
  return new Functions({
    body: () => Buffer.from(body).toString(),
    json: (path) => jsonAt(body, String(path)),
    path: (path) => {
      const text = jsonAt(body, String(path));
      return text === '' ? '' : valueOfJson(JSON.parse(text));
    },
    params: (name) => (name === undefined ? allParameters(call) : parameter(call, String(name))),
  });
}

/** JSON text of what a path finds; an empty one where nothing stands. */
function jsonAt(body: Uint8Array, path: string): string {
  try {
    let found: unknown = JSON.parse(Buffer.from(body).toString() || '{}');
    const steps = path.replace(/^\$/, '').match(/[^.[\]'"]+/g) ?? [];
    for (const step of steps) {
      if (typeof found !== 'object' || found === null || !Object.hasOwn(found, step)) return '';
      found = (found as Record<string, unknown>)[step];
    }
    return JSON.stringify(found) ?? '';
  } catch {
    return path === '$' ? JSON.stringify(Buffer.from(body).toString()) : '';
  }
}

function parameter(call: ApiCall, name: string): string {
  return call.pathVariable(name) ?? call.queryValue(name) ?? headerOf(call.arrival, name.toLowerCase()) ?? '';
}

function allParameters(call: ApiCall): Map<string, Value> {
  const { fields, query } = call.arrival;
  const headers = new Map<string, Value>();
  for (let i = 0; i + 1 < fields.length; i += 2) headers.set(fields[i]!, fields[i + 1]!);
  return new Map<string, Value>([
    ['path', new Map<string, Value>(Object.entries(call.variables ?? {}))],
    ['querystring', new Map<string, Value>(new URLSearchParams(query))],
    ['header', headers],
  ]);
}

const CONTEXT_NAMES = [
  ...['accountId', 'apiId', 'domainName', 'domainPrefix', 'extendedRequestId', 'httpMethod', 'path', 'protocol'],
  ...['requestId', 'requestTime', 'requestTimeEpoch', 'resourceId', 'resourcePath', 'stage'],
];
const IDENTITY_NAMES = [
  'accessKey',
  'accountId',
  'apiKey',
  'apiKeyId',
  'caller',
  'sourceIp',
  'user',
  'userAgent',
  'userArn',
];

function contextOf(call: ApiCall, override: Map<string, Value>): Map<string, Value> {
  const context = new Map<string, Value>(CONTEXT_NAMES.map((name) => [name, call.context(name) ?? '']));
  context.set('identity', new Map(IDENTITY_NAMES.map((name) => [name, call.context(`identity.${name}`) ?? ''])));
  context.set('authorizer', authorizerOf(call));
  context.set('responseOverride', override);
  context.set('requestOverride', new Map<string, Value>([['header', new Map<string, Value>()]]));
  return context;
}

function authorizerOf({ authorized }: ApiCall): Map<string, Value> {
  if (authorized?.kind === 'jwt')
    return new Map([['claims', new Map<string, Value>(Object.entries(authorized.claims))]]);
  if (authorized?.kind !== 'lambda') return new Map();
  const { principalId = '', context } = authorized;
  return new Map<string, Value>([['principalId', principalId], ...Object.entries(context)]);
}

const UTIL = new Functions({
  escapeJavaScript: (text) => escaped(String(text ?? '')),
  parseJson: (text) => {
    try {
      return valueOfJson(JSON.parse(String(text)));
    } catch {
      return '';
    }
  },
  urlEncode: (text) => encodeURIComponent(String(text ?? '')),
  urlDecode: (text) => {
    try {
      return decodeURIComponent(String(text ?? '').replaceAll('+', ' '));
    } catch {
      return '';
    }
  },
  base64Encode: (text) => Buffer.from(String(text ?? '')).toString('base64'),
  base64Decode: (text) => Buffer.from(String(text ?? ''), 'base64').toString(),
});

function escaped(text: string): string {
  return text.replace(/[\\'"/\n\r\t\b\f]/g, (char) => ESCAPES[char] ?? `\\${char}`);
}

const ESCAPES: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t', '\b': '\\b', '\f': '\\f' };

/** `'text'`, `context...`, `stageVariables...`, `integration.response.header...`, `integration.response.body...`. */
export function responseValue(
  expression: string,
  call: ApiCall,
  headers: ReadonlyMap<string, string | readonly string[]>,
  body: Uint8Array,
): string | undefined {
  if (/^'.*'$/s.test(expression)) return expression.slice(1, -1);
  if (expression.startsWith('context.')) return call.context(expression.slice(8));
  if (expression.startsWith('stageVariables.')) return call.stageVariable(expression.slice(15));
  const header = /^integration\.response\.(?:multivalue)?header\.(.+)$/.exec(expression)?.[1];
  if (header !== undefined) {
    const value = headers.get(header.toLowerCase());
    return value === undefined ? undefined : [value].flat().join(',');
  }
  const path = /^integration\.response\.body(.*)$/.exec(expression)?.[1];
  return path === undefined ? undefined : searched(body, path);
}

/** `'text'`, `context...`, `stageVariables...`, `method.request...`: what requests are mapped from. */
export function requestValue(expression: string, call: ApiCall): string | undefined {
  if (/^'.*'$/s.test(expression)) return expression.slice(1, -1);
  if (expression.startsWith('context.')) return call.context(expression.slice(8));
  if (expression.startsWith('stageVariables.')) return call.stageVariable(expression.slice(15));
  const match = /^method\.request\.(?:multivalue)?(header|querystring|path|body)\.?(.*)$/.exec(expression);
  if (!match) return undefined;
  const [, place, name = ''] = match;
  if (place === 'header') return headerOf(call.arrival, name.toLowerCase());
  if (place === 'querystring') return call.queryValue(name);
  return place === 'path' ? call.pathVariable(name) : call.bodyValue(name === '' ? '' : `.${name}`);
}
