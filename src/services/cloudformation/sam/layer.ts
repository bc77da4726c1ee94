import { createHash } from 'node:crypto';
import { invalid } from '../errors.ts';
import type { Json, JsonObject } from '../template/value.ts';
import { pythonJson, resolveRefs, s3Location } from './parts.ts';

/** Properties that `AWS::Lambda::LayerVersion` has under the same name. */
const SAME_NAME = ['Description', 'CompatibleArchitectures', 'CompatibleRuntimes', 'LicenseInfo'];

const KNOWN = new Set([...SAME_NAME, 'LayerName', 'ContentUri', 'RetentionPolicy']);

/** Attributes that the layer version carries on. */
const PASSED_ON = ['DependsOn', 'Metadata', 'Condition', 'UpdateReplacePolicy'];

/**
 * Turns a SAM layer into a layer version, under the logical id that AWS's translator gives it: with a hash of what it is, so that a
 * changed layer is a new resource and the old version stays for those who use it, unless `RetentionPolicy` is `Delete`.
 *
 * @returns the resource, and its logical id, which `!Ref` of the layer leads to
 * @throws validation  a property that is wrong
 */
export function expandLayer(
  id: string,
  declaration: JsonObject,
  source: JsonObject,
  parameters: Readonly<Record<string, Json>>,
): { readonly logicalId: string; readonly resource: JsonObject } {
  const fail = (message: string) => invalid(`Resource with id [${id}] is invalid. ${message}`);
  const properties = resolveRefs(source, parameters) as JsonObject;
  const unknown = Object.keys(properties).find((property) => !KNOWN.has(property));
  if (unknown) throw fail(`property ${unknown} not defined for resource of type AWS::Serverless::LayerVersion`);
  if (properties.ContentUri === undefined) throw fail("Missing required property 'ContentUri'.");
  const hashed = { [id]: { Type: 'AWS::Serverless::LayerVersion', Properties: properties } };
  const hash = createHash('sha1').update(pythonJson(hashed)).digest('hex').slice(0, 10);
  return {
    logicalId: `${id}${hash}`,
    resource: {
      Type: 'AWS::Lambda::LayerVersion',
      ...pick(declaration, PASSED_ON),
      DeletionPolicy: retention(properties.RetentionPolicy, fail),
      Properties: {
        LayerName: properties.LayerName ?? id,
        Content: s3Location('ContentUri', properties.ContentUri, parameters, fail),
        ...pick(properties, SAME_NAME),
      },
    },
  };
}

function retention(policy: Json | undefined, fail: (message: string) => Error): string {
  if (policy === undefined) return 'Retain';
  const found = ['Retain', 'Delete'].find((one) => one.toLowerCase() === String(policy).toLowerCase());
  if (!found) throw fail("'RetentionPolicy' must be one of the following options: ['Retain', 'Delete'].");
  return found;
}

function pick(source: JsonObject, names: readonly string[]): JsonObject {
  return Object.fromEntries(names.filter((name) => source[name] !== undefined).map((name) => [name, source[name]!]));
}
