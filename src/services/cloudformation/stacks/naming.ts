import type { Random } from '../../../base/index.ts';
import type { ResourceType } from '../resources/resource-type.ts';
import type { JsonObject } from '../template/value.ts';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789';
const RANDOM_LENGTH = 12;

/** What tells generated names apart: letters and digits, as AWS's do. */
export function randomSuffix(random: Random): string {
  return [...random.bytes(RANDOM_LENGTH)].map((byte) => ALPHABET[byte % ALPHABET.length]).join('');
}

/** The name that the template gives, if it gives one. */
function customName(type: ResourceType, properties: JsonObject): string | undefined {
  const name = type.naming && properties[type.naming.property];
  return typeof name === 'string' ? name : undefined;
}

/** The custom name that a resource has and would have again, so that two of it cannot be there at once; `undefined` where they can. */
export function keptName(type: ResourceType, before: JsonObject, after: JsonObject): string | undefined {
  const name = customName(type, after);
  const within = type.naming?.within;
  const isMoved = within !== undefined && before[within] !== after[within];
  return isMoved || name !== customName(type, before) ? undefined : name;
}

/** A physical name: the template's own, else `stack-logicalId-RANDOM`, shortened to what the service takes. */
export function physicalName(
  type: ResourceType,
  properties: JsonObject,
  stackName: string,
  logicalId: string,
  random: Random,
): string {
  const own = customName(type, properties);
  if (own !== undefined) return own;
  const { lengthMax = 128, style, suffix } = type.naming ?? {};
  const end = suffix?.(properties) ?? '';
  const joint = style === 'underscore' ? '_' : '-';
  const tail = `${joint}${randomSuffix(random)}`;
  const room = lengthMax - tail.length - end.length - 1;
  // Both halves stay to be seen, the logical id before the stack's name.
  const id = logicalId.slice(0, Math.max(room - stackName.length, Math.ceil(room / 2)));
  const name = `${stackName.slice(0, room - id.length)}${joint}${id}${tail}${end}`;
  if (style === 'lower') return name.toLowerCase();
  return style === 'underscore' ? name.replace(/[^A-Za-z0-9_]/g, '_') : name;
}
