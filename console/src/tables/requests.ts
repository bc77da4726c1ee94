/** What the query builder and the item editor ask of a table, as requests of the DynamoDB API: values in, requests out. */
import { type Attributes, type AttributeType, type AttributeValue, isSame, readValue } from './values.ts';

/** Names of a key's attributes in their order. A table has one partition attribute, and maybe one to sort by; a global index up to four of each. */
export interface Key {
  readonly partition: readonly string[];
  readonly sort: readonly string[];
}

export function namesOf({ partition, sort }: Key): readonly string[] {
  return [...partition, ...sort];
}

export const RANGE_OPERATORS = ['=', '<', '<=', '>', '>=', 'between', 'begins_with'] as const;
export const FILTER_OPERATORS = [
  ...['=', '<>', '<', '<=', '>', '>=', 'between', 'begins_with', 'contains'],
  ...['attribute_exists', 'attribute_not_exists'],
] as const;

/** A condition as it is typed in; two texts where it is `between`. */
export interface ConditionForm {
  readonly name: string;
  readonly operator: string;
  readonly type: AttributeType;
  readonly value: string;
  readonly upper: string;
}

export interface QueryForm {
  /** Absent is the table itself. */
  readonly index: string | undefined;
  readonly isScan: boolean;
  /** Values of the partition attributes by their place. */
  readonly partition: readonly string[];
  /** Conditions on the sort attributes by their place; used where their values are not empty. */
  readonly sort: readonly ConditionForm[];
  readonly filters: readonly ConditionForm[];
  /** Attributes parted by commas; empty is all. */
  readonly projection: string;
  readonly isReversed: boolean;
  readonly isConsistent: boolean;
}

export interface AwsRequest {
  readonly operation: 'Query' | 'Scan' | 'GetItem' | 'PutItem' | 'UpdateItem' | 'DeleteItem';
  readonly input: Readonly<Record<string, unknown>>;
}

/** Gives names and values their placeholders; the same name has one. */
class Placeholders {
  readonly #names = new Map<string, string>();
  readonly #values: AttributeValue[] = [];

  name(attribute: string): string {
    const known = this.#names.get(attribute);
    if (known !== undefined) return known;
    const placeholder = `#n${this.#names.size}`;
    this.#names.set(attribute, placeholder);
    return placeholder;
  }

  /** A path: `a.b[1]`. */
  path(text: string): string {
    return text
      .split('.')
      .map((part) => {
        const [, attribute, indexes] = /^(.*?)((?:\[\d+\])*)$/.exec(part.trim())!;
        return this.name(attribute!) + indexes;
      })
      .join('.');
  }

  value(value: AttributeValue): string {
    this.#values.push(value);
    return `:v${this.#values.length - 1}`;
  }

  get input(): Record<string, unknown> {
    return {
      ...(this.#names.size > 0 && {
        ExpressionAttributeNames: Object.fromEntries(
          [...this.#names].map(([name, placeholder]) => [placeholder, name]),
        ),
      }),
      ...(this.#values.length > 0 && {
        ExpressionAttributeValues: Object.fromEntries(this.#values.map((value, index) => [`:v${index}`, value])),
      }),
    };
  }
}

/**
 * The Query or Scan that a form means.
 *
 * @param types  of the key attributes
 * @throws SyntaxError  something of the form is missing or no value
 */
export function queryRequest(
  TableName: string,
  key: Key,
  types: Readonly<Record<string, AttributeType>>,
  form: QueryForm,
): AwsRequest {
  const places = new Placeholders();
  const conditions = form.isScan
    ? []
    : keyConditions(key, form).map((one) =>
        condition({ ...one, type: types[one.name] ?? 'S' }, places.name(one.name), places),
      );
  const filters = form.filters
    .filter(({ name }) => name !== '')
    .map((one) => condition(one, places.path(one.name), places));
  const projected = form.projection.split(',').filter((name) => name.trim() !== '');
  const projection = projected.map((name) => places.path(name));
  return {
    operation: form.isScan ? 'Scan' : 'Query',
    input: {
      TableName,
      ...(form.index !== undefined && { IndexName: form.index }),
      ...(conditions.length > 0 && { KeyConditionExpression: conditions.join(' AND ') }),
      ...(filters.length > 0 && { FilterExpression: filters.join(' AND ') }),
      ...(projection.length > 0 && { ProjectionExpression: projection.join(', ') }),
      ...places.input,
      ...(!form.isScan && form.isReversed && { ScanIndexForward: false }),
      ...(form.isConsistent && { ConsistentRead: true }),
      ReturnConsumedCapacity: 'TOTAL',
    },
  };
}

/**
 * A value of each partition attribute, and conditions on the sort attributes from the first on: all of them but the last are `=`.
 *
 * @see DynamoDB Developer Guide, multi-attribute keys
 */
function keyConditions({ partition, sort }: Key, form: QueryForm): readonly Omit<ConditionForm, 'type'>[] {
  const equalities = partition.map((name, at) => {
    const value = form.partition[at] ?? '';
    if (value === '') throw new SyntaxError(`Query needs a value of ${name}; without one, scan.`);
    return { name, operator: '=', value, upper: '' };
  });
  const given = sort.flatMap((name, at) => {
    const asked = form.sort[at];
    return asked && asked.value !== '' ? [{ ...asked, name }] : [];
  });
  for (const [at, { name }] of given.entries()) {
    const before = sort[at]!;
    if (name !== before) throw new SyntaxError(`A condition on ${name} needs one on ${before} before it.`);
    if (at > 0 && given[at - 1]!.operator !== '=')
      throw new SyntaxError(`A condition on ${name} needs a value that ${sort[at - 1]} equals (=).`);
  }
  return [...equalities, ...given];
}

function condition(
  { operator, type, value, upper }: Omit<ConditionForm, 'name'>,
  path: string,
  places: Placeholders,
): string {
  if (operator === 'attribute_exists' || operator === 'attribute_not_exists') return `${operator}(${path})`;
  const wanted = places.value(readValue(value, type));
  if (operator === 'between') return `${path} BETWEEN ${wanted} AND ${places.value(readValue(upper, type))}`;
  return /^\w+$/.test(operator) ? `${operator}(${path}, ${wanted})` : `${path} ${operator} ${wanted}`;
}

export function keyOf(item: Attributes, key: Key): Attributes {
  return Object.fromEntries(namesOf(key).map((name) => [name, item[name]!]));
}

/** A new item, where there is none of its key. */
export function createRequest(TableName: string, { partition }: Key, Item: Attributes): AwsRequest {
  const ConditionExpression = 'attribute_not_exists(#n0)';
  return {
    operation: 'PutItem',
    input: { TableName, Item, ConditionExpression, ExpressionAttributeNames: { '#n0': partition[0] } },
  };
}

/**
 * What makes the edited item of the one that was read: only what was edited is written, and only if it is still as it was read, so that
 * nobody's change is overwritten. `undefined` when nothing was edited.
 *
 * @throws SyntaxError  the key was edited: that would be another item
 */
export function saveRequest(
  TableName: string,
  key: Key,
  before: Attributes,
  after: Attributes,
): AwsRequest | undefined {
  for (const name of namesOf(key)) {
    if (!isSame(before[name], after[name])) {
      throw new SyntaxError(`The key attribute ${name} cannot be changed: create a new item, and delete this one.`);
    }
  }
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  const edited = names.filter((name) => !isSame(before[name], after[name]));
  if (edited.length === 0) return undefined;
  const places = new Placeholders();
  const conditions = [`attribute_exists(${places.name(key.partition[0]!)})`];
  const sets: string[] = [];
  const removes: string[] = [];
  for (const name of edited) {
    const [old, now] = [before[name], after[name]];
    const path = places.name(name);
    conditions.push(old ? `${path} = ${places.value(old)}` : `attribute_not_exists(${path})`);
    if (now) sets.push(`${path} = ${places.value(now)}`);
    else removes.push(path);
  }
  const update = [
    ...(sets.length > 0 ? [`SET ${sets.join(', ')}`] : []),
    ...(removes.length > 0 ? [`REMOVE ${removes.join(', ')}`] : []),
  ];
  return {
    operation: 'UpdateItem',
    input: {
      ...{ TableName, Key: keyOf(before, key), UpdateExpression: update.join(' ') },
      ConditionExpression: conditions.join(' AND '),
      ...places.input,
      ReturnValues: 'ALL_NEW',
    },
  };
}

/** Deletes an item as it was read: one that has changed since stays. */
export function deleteRequest(TableName: string, key: Key, item: Attributes): AwsRequest {
  const places = new Placeholders();
  const conditions = Object.entries(item).map(([name, value]) => `${places.name(name)} = ${places.value(value)}`);
  return {
    operation: 'DeleteItem',
    input: { TableName, Key: keyOf(item, key), ConditionExpression: conditions.join(' AND '), ...places.input },
  };
}
