/**
 * A value of an attribute, as the API has it: an object of one member, which names the type.
 *
 * Numbers are decimal text, and canonical once an item is stored. Sets hold at least one member, and none twice.
 * @see https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_AttributeValue.html
 */
export type AttributeValue =
  | { readonly S: string }
  | { readonly N: string }
  | { readonly B: Uint8Array }
  | { readonly SS: readonly string[] }
  | { readonly NS: readonly string[] }
  | { readonly BS: readonly Uint8Array[] }
  | { readonly M: Attributes }
  | { readonly L: readonly AttributeValue[] }
  | { readonly NULL: boolean }
  | { readonly BOOL: boolean };

/** The name of a type. */
export type AttributeType = 'S' | 'N' | 'B' | 'SS' | 'NS' | 'BS' | 'M' | 'L' | 'NULL' | 'BOOL';

/** Attributes by name: an item, or a map in one. Names may be those of Object.prototype: ask with `Object.hasOwn`. */
export type Attributes = Readonly<Record<string, AttributeValue>>;
