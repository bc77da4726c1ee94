import { invalid } from '../errors.ts';
import { type ReadObject, readTemplateUrl } from './location.ts';
import { readTemplate } from './reader.ts';
import { isObject, type Json, type JsonObject } from './value.ts';

const INCLUDE = 'AWS::Include';

/** Includes that one template may have. */
const INCLUDES_MAX = 100;

/**
 * Puts what `AWS::Include` names in its place, as `Fn::Transform` anywhere and as `Transform` of the whole template. What is included
 * includes nothing itself.
 *
 * @param compute  the value of a location, which may be a parameter
 * @throws validation
 */
export async function runIncludes(
  source: JsonObject,
  compute: (location: Json) => string,
  readObject: ReadObject,
): Promise<JsonObject> {
  let count = 0;
  const read = async (call: JsonObject): Promise<JsonObject> => {
    if (++count > INCLUDES_MAX) throw invalid(`Transform ${INCLUDE} failed with: more than ${INCLUDES_MAX} includes`);
    const location = isObject(call.Parameters) ? call.Parameters.Location : undefined;
    if (location === undefined) throw invalid(`Transform ${INCLUDE} failed with: Location is missing`);
    return readTemplate(await readTemplateUrl(compute(location), readObject));
  };
  const visit = async (value: Json): Promise<Json> => {
    if (Array.isArray(value)) return Promise.all(value.map((item) => visit(item as Json)));
    if (!isObject(value)) return value;
    const { 'Fn::Transform': call, ...rest } = value;
    const members = Object.fromEntries(
      await Promise.all(Object.entries(rest).map(async ([key, member]) => [key, await visit(member)] as const)),
    );
    if (call === undefined) return members;
    if (!isObject(call) || call.Name !== INCLUDE) {
      const name = isObject(call) ? String(call.Name) : String(call);
      throw invalid(`Transforms that are not built in Millrace: [${name}]`);
    }
    return merge(await read(call), members);
  };
  const { Transform: transform, ...body } = (await visit(source)) as JsonObject;
  if (transform === undefined) return body;
  const all = (Array.isArray(transform) ? transform : [transform]) as readonly Json[];
  const included = all.filter((one): one is JsonObject => isObject(one) && one.Name === INCLUDE);
  const left = all.filter((one) => !(isObject(one) && one.Name === INCLUDE));
  let whole = left.length > 0 ? { ...body, Transform: left } : body;
  for (const call of included) whole = merge(await read(call), whole);
  return whole;
}

/** Whether a template includes anything. */
export function hasIncludes(value: Json): boolean {
  if (typeof value !== 'object' || value === null) return value === INCLUDE;
  return Object.values(value).some((member) => hasIncludes(member as Json));
}

/** What the template says itself comes first, section by section. */
function merge(included: JsonObject, own: JsonObject): JsonObject {
  const merged: Record<string, Json> = { ...included };
  for (const [key, value] of Object.entries(own)) {
    const below = merged[key];
    merged[key] = isObject(below) && isObject(value) ? merge(below, value) : value;
  }
  return merged;
}
