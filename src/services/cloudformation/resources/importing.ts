import { DomainError } from '../../../base/index.ts';
import { isNotFound } from '../calls.ts';
import type { JsonObject } from '../template/value.ts';
import { resourceType } from './index.ts';
import type { Identifier, Made, Reading } from './resource-type.ts';

/** What identifies a resource of a type to be imported; `undefined` where none can be. */
export function identifiersOf(type: string): readonly string[] | undefined {
  return resourceType(type)?.imports?.identifiers;
}

/**
 * Finds a resource that an import names.
 *
 * @param properties  of the template
 * @returns it; `undefined` when the template does not say enough yet
 * @throws NotFound  there is none
 */
export async function findImported(
  type: string,
  identifier: Identifier,
  properties: JsonObject,
  work: Reading,
): Promise<Made | undefined> {
  const { needs = [], find } = resourceType(type)!.imports!;
  const needed = needs
    .map((name) => [name, properties[name]] as const)
    .filter(([, value]) => typeof value === 'string');
  if (needed.length < needs.length) return undefined;
  try {
    return await find({ ...(Object.fromEntries(needed) as Identifier), ...identifier }, work);
  } catch (cause) {
    if (!isNotFound(cause)) throw cause;
    const named = Object.values(identifier).join('|');
    throw new DomainError('NotFound', `Resource of type '${type}' with identifier '${named}' was not found.`, {
      cause,
    });
  }
}
