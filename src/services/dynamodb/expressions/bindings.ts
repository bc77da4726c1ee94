import { Buffer } from 'node:buffer';
import { DynamodbError, invalid, RequestRefusal } from '../errors.ts';
import type { Attributes, AttributeValue } from '../model/attribute-value.ts';
import { sizeOfAttributes, utf8Length } from '../model/size.ts';
import { checkedValue } from '../model/values.ts';
import { EXPRESSION_LIMITS } from './limits.ts';
import { type ExpressionParameter, type PathNode, refused } from './syntax.ts';

/** A document path: names of attributes and members of maps, and indexes of lists. */
export type DocumentPath = readonly (string | number)[];

/** `ExpressionAttributeNames` and `ExpressionAttributeValues` of a request, and which of them its expressions use. */
export class Bindings {
  readonly #names: Readonly<Record<string, string>>;
  readonly #values: Attributes;
  readonly #used = new Set<string>();

  /** @param values  checked */
  constructor(names: Readonly<Record<string, string>> = {}, values: Attributes = {}) {
    this.#names = names;
    this.#values = values;
  }

  /** Of a request. @throws DynamodbError `validation-failed`: a placeholder or value that is none, or there are none at all */
  static read(names?: Readonly<Record<string, string>>, values?: Attributes): Bindings {
    if (names) checkNames(names);
    const checked = values && checkedValues(values);
    checkSize(names, checked);
    return new Bindings(names, checked);
  }

  /** @param ref  with its `#` */
  name(ref: string, parameter: ExpressionParameter): string {
    if (!Object.hasOwn(this.#names, ref)) {
      const reason = 'An expression attribute name used in the document path is not defined; attribute name: ';
      throw refused(parameter, reason + ref);
    }
    this.#used.add(ref);
    return this.#names[ref]!;
  }

  /** @param ref  with its `:` */
  value(ref: string, parameter: ExpressionParameter): AttributeValue {
    if (!Object.hasOwn(this.#values, ref)) {
      const reason = 'An expression attribute value used in expression is not defined; attribute value: ';
      throw refused(parameter, reason + ref);
    }
    this.#used.add(ref);
    return this.#values[ref]!;
  }

  path({ parts }: PathNode, parameter: ExpressionParameter): DocumentPath {
    return parts.map((part) => (typeof part === 'string' && part.startsWith('#') ? this.name(part, parameter) : part));
  }

  /** Call it once all expressions of the request are bound. @throws DynamodbError `validation-failed` */
  checkAllUsed(): void {
    this.#checkUsed('ExpressionAttributeNames', this.#names);
    this.#checkUsed('ExpressionAttributeValues', this.#values);
  }

  #checkUsed(parameter: string, given: object): void {
    const unused = Object.keys(given).filter((ref) => !this.#used.has(ref));
    if (unused.length === 0) return;
    throw invalid(`Value provided in ${parameter} unused in expressions: keys: {${unused.join(', ')}}`);
  }
}

function checkSize(names: Readonly<Record<string, string>> = {}, values: Attributes = {}): void {
  let bytes = sizeOfAttributes(values);
  for (const name of Object.values(names)) bytes += utf8Length(name);
  if (bytes > EXPRESSION_LIMITS.substitutionBytes)
    throw invalid('The names and values of the expressions exceed the maximum allowed size of 2 MB');
}

function checkNames(names: Readonly<Record<string, string>>): void {
  const refs = Object.keys(names);
  if (refs.length === 0) throw invalid('ExpressionAttributeNames must not be empty');
  for (const ref of refs) {
    checkPlaceholder(ref, '#', 'ExpressionAttributeNames');
    const problem = problemOfName(names[ref]!);
    if (problem !== undefined)
      throw invalid(`ExpressionAttributeNames contains invalid value: ${problem} for key ${ref}`);
  }
}

function problemOfName(name: string): string | undefined {
  if (name === '') return 'Empty attribute name';
  return utf8Length(name) > EXPRESSION_LIMITS.nameBytes
    ? 'Attribute name is too large, must be less than 65536 bytes'
    : undefined;
}

function checkedValues(values: Attributes): Attributes {
  const refs = Object.keys(values);
  if (refs.length === 0) throw invalid('ExpressionAttributeValues must not be empty');
  for (const ref of refs) checkPlaceholder(ref, ':', 'ExpressionAttributeValues');
  return Object.fromEntries(refs.map((ref) => [ref, checkedSubstitute(values[ref]!, ref)]));
}

function checkedSubstitute(value: AttributeValue, ref: string): AttributeValue {
  try {
    return checkedValue(value);
  } catch (error) {
    if (!(error instanceof DynamodbError)) throw error;
    throw new RequestRefusal(
      `ExpressionAttributeValues contains invalid value: ${error.message} for key ${ref}`,
      error instanceof RequestRefusal ? error.newer : error.message,
    );
  }
}

function checkPlaceholder(ref: string, sign: '#' | ':', parameter: string): void {
  if (Buffer.byteLength(ref) > EXPRESSION_LIMITS.placeholderBytes)
    throw invalid(`${parameter} contains invalid key: The expression attribute map contains a key that is too long`);
  if (ref.startsWith(sign) && /^.[A-Za-z0-9_]+$/.test(ref)) return;
  throw invalid(`${parameter} contains invalid key: Syntax error; key: "${ref}"`);
}
