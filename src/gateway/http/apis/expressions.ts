import { headerOf } from './arrival.ts';
import type { ApiCall } from './call.ts';

/** What gives a name in an expression its value. */
export type Lookup = (name: string) => string | undefined;

const WHOLE = /^\$((?:request|response|context|stageVariables)(?:[.[].*)?)$/;
const PLACED = /\$\{((?:request|response|context|stageVariables)[^}]*)\}/g;

/**
 * The value of a mapping expression: `$request.header.name` as a whole, `${stageVariables.x}` within text, or text as it stands.
 * @returns `undefined` where the whole is one variable that has no value
 */
export function evaluate(expression: string, lookup: Lookup): string | undefined {
  const whole = WHOLE.exec(expression)?.[1];
  if (whole !== undefined) return lookup(whole);
  return expression.includes('${')
    ? expression.replace(PLACED, (_all, name: string) => lookup(name) ?? '')
    : expression;
}

/** The variables of a request: `request...`, `context...`, `stageVariables...`. */
export function requestLookup(call: ApiCall): Lookup {
  return (name) => {
    if (name.startsWith('request.header.')) return headerOf(call.arrival, name.slice(15).toLowerCase());
    if (name.startsWith('request.querystring.')) return call.queryValue(name.slice(20));
    if (name === 'request.path') return call.path;
    if (name.startsWith('request.path.')) return call.pathVariable(name.slice(13));
    if (name === 'request.method') return call.arrival.method;
    if (name.startsWith('request.body')) return call.bodyValue(name.slice(12));
    return commonLookup(call, name);
  };
}

/** Those that do not change with the side. */
export function commonLookup(call: ApiCall, name: string): string | undefined {
  if (name.startsWith('context.')) return call.context(name.slice(8));
  if (name.startsWith('stageVariables.')) return call.stageVariable(name.slice(15));
  return undefined;
}

/** Puts stage variables where a text names them. */
export function withStageVariables(text: string, call: ApiCall): string {
  if (!text.includes('${stageVariables.')) return text;
  return text.replace(/\$\{stageVariables\.([A-Za-z0-9_]+)\}/g, (_all, name: string) => call.stageVariable(name) ?? '');
}
