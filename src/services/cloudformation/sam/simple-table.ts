import { invalid } from '../errors.ts';
import { isObject, type Json, type JsonObject } from '../template/value.ts';

/** Properties that `AWS::DynamoDB::Table` has under the same name. */
const SAME_NAME = ['TableName', 'ProvisionedThroughput', 'PointInTimeRecoverySpecification', 'SSESpecification'];
const KNOWN = new Set([...SAME_NAME, 'PrimaryKey', 'Tags']);

const TYPES: Readonly<Record<string, string>> = { String: 'S', Number: 'N', Binary: 'B' };

/** Attributes that the table carries on. */
const PASSED_ON = ['DependsOn', 'Metadata', 'Condition', 'DeletionPolicy', 'UpdateReplacePolicy'];

/**
 * Turns a SAM simple table into a table of a partition key alone: `id`, a string, unless `PrimaryKey` says otherwise; on demand
 * unless units are given.
 *
 * @throws validation  a property that is wrong
 * @see https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-resource-simpletable.html
 */
export function expandSimpleTable(id: string, declaration: JsonObject, properties: JsonObject): JsonObject {
  const fail = (message: string) => invalid(`Resource with id [${id}] is invalid. ${message}`);
  const unknown = Object.keys(properties).find((property) => !KNOWN.has(property));
  if (unknown) throw fail(`property ${unknown} not defined for resource of type AWS::Serverless::SimpleTable`);
  const { AttributeName, AttributeType } = keyOf(properties.PrimaryKey, fail);
  return {
    Type: 'AWS::DynamoDB::Table',
    ...pick(declaration, PASSED_ON),
    Properties: {
      AttributeDefinitions: [{ AttributeName, AttributeType }],
      KeySchema: [{ AttributeName, KeyType: 'HASH' }],
      ...(properties.ProvisionedThroughput === undefined && { BillingMode: 'PAY_PER_REQUEST' }),
      ...pick(properties, SAME_NAME),
      ...(properties.Tags !== undefined && { Tags: tagsOf(properties.Tags, fail) }),
    },
  };
}

function keyOf(key: Json | undefined, fail: (message: string) => Error) {
  if (key === undefined) return { AttributeName: 'id', AttributeType: 'S' };
  if (!isObject(key) || key.Type === undefined) throw fail("'PrimaryKey' is missing required Property 'Type'.");
  const AttributeType = TYPES[String(key.Type)];
  if (AttributeType === undefined) throw fail(`Invalid 'Type' "${String(key.Type)}".`);
  return { AttributeName: key.Name ?? 'id', AttributeType };
}

function tagsOf(tags: Json, fail: (message: string) => Error): Json {
  if (!isObject(tags)) throw fail("'Tags' must be a map.");
  return Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
}

function pick(source: JsonObject, names: readonly string[]): JsonObject {
  return Object.fromEntries(names.filter((name) => source[name] !== undefined).map((name) => [name, source[name]!]));
}
