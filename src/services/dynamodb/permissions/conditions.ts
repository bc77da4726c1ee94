/*
 * The condition keys of items: what a request reads and writes. See Amazon DynamoDB developer guide, "Using IAM policy conditions
 * for fine-grained access control".
 */
import { Buffer } from 'node:buffer';
import type { Conditions } from '../../index.ts';
import { Bindings } from '../expressions/bindings.ts';
import { type ExpressionRequest, readExpressions } from '../expressions/index.ts';
import { refsIn } from '../expressions/names.ts';
import type { Attributes, AttributeValue } from '../model/attribute-value.ts';
import type { KeySchema } from '../model/table.ts';
import { checkedValue } from '../model/values.ts';
import { attempt } from './targets.ts';

/** The parts of a request that say which attributes it is about. */
export interface ItemRequest extends ExpressionRequest {
  readonly TableName?: string;
  readonly IndexName?: string;
  readonly Key?: Attributes;
  readonly Item?: Attributes;
  readonly ExclusiveStartKey?: Attributes;
  readonly Select?: string;
  readonly ReturnValues?: string;
  readonly ReturnConsumedCapacity?: string;
}

import { compileKeyCondition } from '../expressions/key-condition.ts';

const WITHOUT = { expressions: [] };

const EXPRESSIONS = [
  'ConditionExpression',
  'FilterExpression',
  'KeyConditionExpression',
  'ProjectionExpression',
  'UpdateExpression',
] as const;

const LEGACY = ['AttributeUpdates', 'Expected', 'KeyConditions', 'QueryFilter', 'ScanFilter'] as const;

/** `dynamodb:Attributes`: the names of all attributes in a request, at the top of items. */
export function attributesOf(request: ItemRequest): readonly string[] {
  const names = new Set<string>(request.AttributesToGet);
  for (const map of [request.Key, request.Item, request.ExclusiveStartKey]) {
    for (const name in map) names.add(name);
  }
  for (const parameter of LEGACY) for (const name in request[parameter]) names.add(name);
  for (const parameter of EXPRESSIONS) {
    const text = request[parameter];
    const refs = text === undefined ? undefined : attempt(() => refsIn(text, parameter));
    for (const ref of refs ?? []) names.add(nameOf(ref, request.ExpressionAttributeNames));
  }
  return [...names];
}

function nameOf(ref: string, names: ExpressionRequest['ExpressionAttributeNames']): string {
  return ref.startsWith('#') && names && Object.hasOwn(names, ref) ? names[ref]! : ref;
}

/** `dynamodb:Select`: what was asked for, or what DynamoDB takes it for. */
export function selectOf({ Select, ProjectionExpression, AttributesToGet, IndexName }: ItemRequest): string {
  if (Select !== undefined) return Select;
  if (ProjectionExpression !== undefined || AttributesToGet !== undefined) return 'SPECIFIC_ATTRIBUTES';
  return IndexName === undefined ? 'ALL_ATTRIBUTES' : 'ALL_PROJECTED_ATTRIBUTES';
}

/** `dynamodb:LeadingKeys` of what is named by its key. */
export function leadingKeys(keys: readonly (Attributes | undefined)[], schema: KeySchema | undefined): Conditions {
  if (!schema) return {};
  const values = keys.flatMap((key) => {
    const value = key && Object.hasOwn(key, schema.hash.name) ? key[schema.hash.name] : undefined;
    return value === undefined ? [] : (leadingKey(value) ?? []);
  });
  return values.length === 0 ? {} : { 'dynamodb:LeadingKeys': values };
}

/** `dynamodb:LeadingKeys` of a query: the partition that it reads. */
export function leadingKeyOfQuery(request: ItemRequest, schema: KeySchema | undefined): Conditions {
  const hash = attempt(() => {
    const { KeyConditionExpression, KeyConditions, ExpressionAttributeNames, ExpressionAttributeValues } = request;
    if (KeyConditions) return schema && readExpressions({ KeyConditions }, WITHOUT).keyCondition?.bind(schema).hash;
    if (KeyConditionExpression === undefined || !schema) return undefined;
    const bindings = Bindings.read(ExpressionAttributeNames, ExpressionAttributeValues);
    return compileKeyCondition(KeyConditionExpression, 'KeyConditionExpression').bind(bindings).bind(schema).hash;
  });
  const text = hash && leadingKey(hash);
  return text === undefined ? {} : { 'dynamodb:LeadingKeys': [text] };
}

/** A value of a key, as policies write it: one text for all spellings of a number, base64 for bytes. */
export function leadingKey(value: AttributeValue): string | undefined {
  return attempt(() => {
    const checked = checkedValue(value);
    if ('S' in checked) return checked.S;
    if ('N' in checked) return checked.N;
    return 'B' in checked ? Buffer.from(checked.B).toString('base64') : undefined;
  });
}
