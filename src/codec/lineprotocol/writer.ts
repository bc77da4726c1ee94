import { DomainError } from '../../base/index.ts';
import { type LinePoint, NANOS_PER, type Precision } from './point.ts';

/**
 * Writes points as line protocol, a line each. Times are cut to the precision.
 * @throws DomainError `line-invalid`: what line protocol cannot carry: no field, an empty name or tag value, a float that is not finite, a line feed or a
 *   trailing backslash outside of a text
 */
export function writeLineProtocol(points: readonly LinePoint[], precision: Precision = 'ns'): string {
  let text = '';
  for (const point of points) text += `${line(point, NANOS_PER[precision])}\n`;
  return text;
}

function line({ measurement, tags, fields, time }: LinePoint, nanos: bigint): string {
  // A leading # would make it a comment, a leading space is passed over.
  if (measurement.startsWith('#')) throw invalid('measurement', measurement);
  let text = escaped(measurement, /[, ]/g, 'measurement');
  for (const name in tags) text += `,${escapeKey(name, 'tag')}=${escapeKey(tags[name]!, `value of tag ${name}`)}`;
  let separator = ' ';
  for (const name in fields) {
    text += `${separator}${escapeKey(name, 'field')}=${value(name, fields[name]!)}`;
    separator = ',';
  }
  if (separator === ' ') throw invalid('set of fields', '');
  return `${text} ${time / nanos}`;
}

function value(name: string, field: LinePoint['fields'][string]): string {
  switch (typeof field) {
    case 'bigint':
      return `${field}i`;
    case 'boolean':
      return field ? 'true' : 'false';
    case 'string':
      return `"${field.replace(/["\\]/g, '\\$&')}"`;
    default:
      if (!Number.isFinite(field)) throw invalid(`value of field ${name}`, String(field));
      return String(field);
  }
}

function escapeKey(text: string, what: string): string {
  return escaped(text, /[, =]/g, what);
}

/**
 * A backslash before a comma, space or equals sign cannot be told from an escape of it, and one at the end escapes what follows:
 * such names are refused rather than changed.
 */
function escaped(text: string, special: RegExp, what: string): string {
  if (text === '' || /[\r\n]|\\(?=[, =]|$)/.test(text)) throw invalid(what, text);
  return text.replace(special, '\\$&');
}

function invalid(what: string, text: string): DomainError<'line-invalid'> {
  return new DomainError('line-invalid', `line protocol cannot carry the ${what} ${JSON.stringify(text)}`);
}
