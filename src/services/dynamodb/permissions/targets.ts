import { ACCOUNT_ID, DomainError, formatArn } from '../../../base/index.ts';
import { type CallPlace, type Conditions, type Permission, resourceTags, type Target } from '../../index.ts';
import type { KeySchema } from '../model/table.ts';
import type { TableDefinition } from '../tables/definition.ts';

/** A table, as far as rights on it go. */
export interface GuardedTable {
  readonly arn: string;
  readonly key: KeySchema;
  readonly indexes: ReadonlyMap<string, { readonly key: KeySchema }>;
  readonly definition: Pick<TableDefinition, 'tags' | 'policy' | 'streamPolicy'>;
}

/** As `TableName` names it; `undefined` where there is none. May throw for an ARN that is none of a table. */
export type FindTable = (nameOrArn: string, region: string) => GuardedTable | undefined;

/** What calls on tables are about. */
export class Targets {
  readonly #find: FindTable;

  constructor(find: FindTable) {
    this.#find = find;
  }

  /** `undefined` where the operation will refuse the name. */
  table(nameOrArn: string, region: string): GuardedTable | undefined {
    return attempt(() => this.#find(nameOrArn, region));
  }

  /** A table, or one of its indexes. */
  of(nameOrArn: string, { region }: CallPlace, index?: string): Target {
    const table = this.table(nameOrArn, region);
    const arn = table?.arn ?? arnOf(nameOrArn, region);
    return {
      resources: [index === undefined ? arn : `${arn}/index/${index}`],
      context: resourceTags(table?.definition.tags),
      policy: table?.definition.policy?.text,
    };
  }

  /** A table or a stream of one, by its ARN. */
  resource(arn: string, place: CallPlace): Target {
    const [tableArn, rest] = arn.split('/stream/', 2);
    if (rest === undefined) return this.of(arn, place);
    const table = this.table(tableArn!, place.region);
    return {
      // Another spelling of an ARN (no account, another partition) is still this table's.
      resources: [table ? `${table.arn}/stream/${rest}` : arn],
      context: resourceTags(table?.definition.tags),
      policy: table?.definition.streamPolicy?.text,
    };
  }
}

/** The ARN that a table has, or would have. */
function arnOf(nameOrArn: string, region: string): string {
  return nameOrArn.startsWith('arn:') ? nameOrArn : formatArn('dynamodb', region, ACCOUNT_ID, `table/${nameOrArn}`);
}

/** A right whose conditions are worked out only where a policy asks for them. */
export function lazily(action: string, target: Target, more: () => Conditions): Permission {
  return new LazyPermission(action, target, more);
}

/** A class, since literals with a getter cost ten times as much to make. */
class LazyPermission implements Permission {
  readonly action: string;
  readonly resources: readonly string[];
  declare readonly resourcePolicy?: string;
  readonly #tags: Conditions | undefined;
  readonly #more: () => Conditions;
  #known: Conditions | undefined;

  constructor(action: string, { resources, context, policy }: Target, more: () => Conditions) {
    this.action = action;
    this.resources = resources;
    if (policy !== undefined) this.resourcePolicy = policy;
    this.#tags = context;
    this.#more = more;
  }

  get context(): Conditions {
    this.#known ??= { ...this.#tags, ...this.#more() };
    return this.#known;
  }
}

/** What the operation will refuse has no value here. */
export function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (error instanceof DomainError) return undefined;
    throw error;
  }
}
