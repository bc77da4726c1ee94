import { ACCOUNT_ID, type Clock, formatArn } from '../../../base/index.ts';
import type { Follower } from '../model/follower.ts';
import { type Index, type KeySchema, type Table, type Throughput, UNLIMITED } from '../model/table.ts';
import {
  type IndexDefinition,
  indexSpace,
  itemsSpace,
  type OnDemandMaximum,
  type Provisioned,
  type TableDefinition,
  tableResource,
} from './definition.ts';
import { IndexFollower } from './index-follower.ts';
import { INDEX_EXCEEDED, LimitedThroughput, PROVISIONED_EXCEEDED } from './throughput.ts';

export const tableArn = ({ region, name }: Pick<TableDefinition, 'region' | 'name'>) =>
  formatArn('dynamodb', region, ACCOUNT_ID, tableResource(name));

/** What follows the changes of a table beside its indexes. */
export type FollowersOf = (table: LiveTable) => readonly Follower[];

/** A table while the node runs: its definition, and what follows from it for the item operations. */
export class LiveTable implements Table {
  readonly id: string;
  readonly name: string;
  readonly arn: string;
  readonly region: string;
  readonly key: KeySchema;
  readonly space: string;
  readonly #clock: Clock;
  readonly #followersOf: FollowersOf;
  #definition: TableDefinition;
  #deleted = false;
  #throughput: Throughput;
  #indexes: ReadonlyMap<string, Index> = new Map();
  #followers: readonly Follower[] = [];

  constructor(definition: TableDefinition, clock: Clock, followersOf: FollowersOf) {
    this.id = definition.id;
    this.name = definition.name;
    this.region = definition.region;
    this.key = definition.key;
    this.arn = tableArn(definition);
    this.space = itemsSpace(definition.id);
    this.#clock = clock;
    this.#followersOf = followersOf;
    this.#definition = definition;
    this.#throughput = UNLIMITED;
    this.adopt(definition);
  }

  get definition(): TableDefinition {
    return this.#definition;
  }

  get isDeleted(): boolean {
    return this.#deleted;
  }

  get throughput(): Throughput {
    return this.#throughput;
  }

  get indexes(): ReadonlyMap<string, Index> {
    return this.#indexes;
  }

  get followers(): readonly Follower[] {
    return this.#followers;
  }

  /** Takes over a stored definition. */
  adopt(definition: TableDefinition): void {
    this.#definition = definition;
    this.#throughput = this.#throughputOf(this.#throughput, definition, PROVISIONED_EXCEEDED);
    const living = definition.indexes.filter(({ status }) => status !== 'DELETING');
    this.#indexes = new Map(living.map((index) => [index.name, this.#liveIndex(index)]));
    this.followAnew();
  }

  /** Asks anew who follows: somebody began or ended who is not in the definition. */
  followAnew(): void {
    const indexes = [...this.#indexes.values()].map((index) => new IndexFollower(index, this.key));
    this.#followers = [...indexes, ...this.#followersOf(this)];
  }

  markDeleted(): void {
    this.#deleted = true;
  }

  #liveIndex({ name, id, kind, key, projection, status, ...units }: IndexDefinition): Index {
    const { billing } = this.#definition;
    const before = this.#indexes.get(name)?.throughput;
    // Local indexes live on the units of their table.
    const throughput =
      kind === 'local' ? this.#throughput : this.#throughputOf(before, { billing, ...units }, INDEX_EXCEEDED);
    return { name, kind, key, projection, status, space: indexSpace(this.id, { name, id }), throughput };
  }

  /** What was saved up stays over a change of the rate. */
  #throughputOf(
    before: Throughput | undefined,
    units: {
      readonly billing: TableDefinition['billing'];
      readonly provisioned?: Provisioned;
      readonly onDemandMaximum?: OnDemandMaximum;
    },
    message: string,
  ): Throughput {
    const rates = units.billing === 'PROVISIONED' ? units.provisioned : units.onDemandMaximum;
    if (rates?.read === undefined && rates?.write === undefined) return UNLIMITED;
    if (before instanceof LimitedThroughput && before.adopt(rates)) return before;
    return new LimitedThroughput(this.#clock, rates, message);
  }
}
