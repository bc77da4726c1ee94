import type { ConditionNode } from '../expressions/condition-syntax.ts';
import type { PathNode } from '../expressions/syntax.ts';
import type { ClauseNode } from '../expressions/update-syntax.ts';

/** A value in a statement: a literal, a parameter by its number, or a document of such. */
export type ValueTemplate =
  | { readonly kind: 'parameter'; readonly at: number }
  | { readonly kind: 'string'; readonly text: string }
  | { readonly kind: 'number'; readonly text: string }
  | { readonly kind: 'boolean'; readonly value: boolean }
  | { readonly kind: 'null' }
  | { readonly kind: 'map'; readonly members: readonly (readonly [string, ValueTemplate])[] }
  | { readonly kind: 'list'; readonly members: readonly ValueTemplate[] }
  | { readonly kind: 'set'; readonly members: readonly ValueTemplate[] };

/** What `RETURNING` asks for. */
export type Returning = 'ALL OLD' | 'ALL NEW' | 'MODIFIED OLD' | 'MODIFIED NEW';

/** A table, and an index of it. */
export interface Source {
  readonly table: string;
  readonly index?: string;
}

/** A key by which rows are ordered. */
export interface OrderTerm {
  readonly path: PathNode;
  readonly descending: boolean;
}

export type Action =
  | {
      readonly kind: 'select';
      readonly source: Source;
      /** Absent for `*`. */
      readonly columns?: readonly PathNode[];
      readonly where?: ConditionNode;
      readonly order: readonly OrderTerm[];
    }
  /** `EXISTS(SELECT ...)`: a condition of a transaction. */
  | { readonly kind: 'exists'; readonly source: Source; readonly where?: ConditionNode }
  | { readonly kind: 'insert'; readonly source: Source; readonly value: ValueTemplate }
  | {
      readonly kind: 'update';
      readonly source: Source;
      readonly clauses: readonly ClauseNode[];
      readonly where?: ConditionNode;
      readonly returning?: Returning;
    }
  | {
      readonly kind: 'delete';
      readonly source: Source;
      readonly where?: ConditionNode;
      readonly returning?: Returning;
    };

/** A parsed statement: its paths and conditions name attributes by `names`, and values by `values`. */
export interface Statement {
  readonly action: Action;
  /** Attribute names by their placeholders. */
  readonly names: Readonly<Record<string, string>>;
  readonly values: Readonly<Record<string, ValueTemplate>>;
  /** How many parameters it has. */
  readonly parameters: number;
}
