import type { ApiCall } from './call.ts';

const VARIABLE = /\$context\.([A-Za-z0-9]+(?:[._-][A-Za-z0-9]+)*)/g;

/**
 * One line of an access log: the stage's format with its variables in their places, `-` for those without a value.
 *
 * @param last  what is known only now: `status`, `responseLength`, `responseLatency`
 * @see Amazon API Gateway developer guide, "Customize HTTP API access logs"
 */
export function accessLine(format: string, call: ApiCall, last: Readonly<Record<string, string>>): string {
  // What a client has written must not end a text that the format begins.
  const quoted = format.trimStart().startsWith('{');
  return format.replace(VARIABLE, (_all, name: string) => {
    const value = (Object.hasOwn(last, name) ? last[name] : call.context(name)) ?? '-';
    if (name === 'error.messageString') return value;
    return quoted ? JSON.stringify(value).slice(1, -1) : value.replace(/[\r\n]/g, ' ');
  });
}
