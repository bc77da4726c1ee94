/** The syntax tree of AWS IoT SQL. */
export type Expression =
  | { readonly kind: 'literal'; readonly value: string | number | boolean | null | undefined }
  /** The whole payload: `*` as an argument. */
  | { readonly kind: 'star' }
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'member'; readonly object: Expression; readonly name: string }
  | { readonly kind: 'index'; readonly object: Expression; readonly index: Expression }
  | { readonly kind: 'call'; readonly name: string; readonly arguments: readonly Expression[] }
  | { readonly kind: 'cast'; readonly value: Expression; readonly type: CastType }
  | { readonly kind: 'not' | 'negate'; readonly value: Expression }
  | { readonly kind: 'binary'; readonly operator: Operator; readonly left: Expression; readonly right: Expression }
  | { readonly kind: 'in'; readonly value: Expression; readonly list: Expression; readonly negated: boolean }
  | { readonly kind: 'exists'; readonly query: Query }
  | {
      readonly kind: 'case';
      readonly subject?: Expression;
      readonly whens: readonly When[];
      readonly otherwise?: Expression;
    }
  | { readonly kind: 'object'; readonly members: readonly (readonly [string, Expression])[] }
  | { readonly kind: 'array'; readonly items: readonly Expression[] }
  | { readonly kind: 'query'; readonly query: Query };

export type Operator = 'AND' | 'OR' | '=' | '<>' | '<' | '<=' | '>' | '>=' | '+' | '-' | '*' | '/' | '%';

export type CastType = 'string' | 'int' | 'decimal' | 'boolean';

export interface When {
  readonly condition: Expression;
  readonly result: Expression;
}

/** `SELECT *` or an item with the path its value gets in the result. */
export type SelectItem =
  | { readonly kind: 'all' }
  | { readonly kind: 'item'; readonly value: Expression; readonly alias: readonly string[] };

/** `SELECT VALUE x` gives x itself, otherwise the items make an object. */
export interface Selection {
  readonly items: readonly SelectItem[];
  readonly value: boolean;
}

/** A nested query: over the elements of an array, or one object. */
export interface Query extends Selection {
  readonly from: Expression;
  readonly where?: Expression;
}

/** A rule's statement. */
export interface Statement extends Selection {
  /** Topic filter; absent in a rule for Basic Ingest alone. */
  readonly topicFilter?: string;
  readonly where?: Expression;
}
