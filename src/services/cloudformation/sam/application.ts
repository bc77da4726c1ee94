import { invalid } from '../errors.ts';
import { isObject, type Json, type JsonObject } from '../template/value.ts';

/** Properties that `AWS::CloudFormation::Stack` has under the same name. */
const SAME_NAME = ['Parameters', 'NotificationARNs', 'TimeoutInMinutes'];
const KNOWN = new Set([...SAME_NAME, 'Location', 'Tags']);

/** Attributes that the stack carries on. */
const PASSED_ON = ['DependsOn', 'Metadata', 'Condition', 'DeletionPolicy', 'UpdateReplacePolicy'];

/**
 * Turns a nested application into a nested stack.
 *
 * @throws validation  a property that is wrong, or an application of the Serverless Application Repository
 * @see https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-resource-application.html
 */
export function expandApplication(id: string, declaration: JsonObject, properties: JsonObject): JsonObject {
  const fail = (message: string) => invalid(`Resource with id [${id}] is invalid. ${message}`);
  const unknown = Object.keys(properties).find((property) => !KNOWN.has(property));
  if (unknown) throw fail(`property ${unknown} not defined for resource of type AWS::Serverless::Application`);
  const { Location, Tags } = properties;
  if (Location === undefined) throw fail("Missing required property 'Location'.");
  if (isObject(Location) && Location.ApplicationId !== undefined) {
    throw fail('Applications of the Serverless Application Repository are not built in Millrace: give a URL in S3.');
  }
  return {
    Type: 'AWS::CloudFormation::Stack',
    ...pick(declaration, PASSED_ON),
    Properties: { TemplateURL: Location, ...pick(properties, SAME_NAME), Tags: tagsOf(Tags, fail) },
  };
}

function tagsOf(tags: Json | undefined, fail: (message: string) => Error): Json {
  if (tags !== undefined && !isObject(tags)) throw fail("'Tags' must be a map.");
  const own = Object.entries(tags ?? {}).map(([Key, Value]) => ({ Key, Value }));
  return [{ Key: 'lambda:createdBy', Value: 'SAM' }, ...own];
}

function pick(source: JsonObject, names: readonly string[]): JsonObject {
  return Object.fromEntries(names.filter((name) => source[name] !== undefined).map((name) => [name, source[name]!]));
}
