import type {
  BatchGetItemInput,
  BatchWriteItemInput,
  ItemCollectionMetrics,
  KeysAndAttributes,
  WriteRequest,
} from '@aws-sdk/client-dynamodb';
import { hasCode } from '../../../base/index.ts';
import { RawJson } from '../../../codec/aws/index.ts';
import type { Operation } from '../../index.ts';
import { DynamodbError, invalid, newlyWorded } from '../errors.ts';
import { type Expressions, readExpressions } from '../expressions/index.ts';
import { type CapacityWish, readUnits } from '../items/capacity.ts';
import { deleteChange, itemToPut, putChange } from '../items/changes.ts';
import { collectionOf } from '../items/collections.ts';
import { isCounted, shownCapacity, UnitsSum } from '../items/consumed.ts';
import { rowOfKey } from '../items/keys.ts';
import { ITEM_LIMITS } from '../items/limits.ts';
import type { ItemMeters } from '../items/meters.ts';
import type { WantedChange, Written } from '../items/writer.ts';
import type { Attributes } from '../model/attribute-value.ts';
import { partitionPrefix } from '../model/key.ts';
import { decodeItem } from '../model/stored.ts';
import type { StoredItem, Table } from '../model/table.ts';
import type { ItemParts } from './items.ts';

const DUPLICATES = 'Provided list of item keys contains duplicates';
const NO_INDEXES: ReadonlyMap<string, number> = new Map();

/** BatchGetItem and BatchWriteItem. */
export function batchOperations({ tables, records, writer, meters }: ItemParts): Record<string, Operation> {
  const BatchGetItem: Operation<BatchGetItemInput> = async (input, { region }) => {
    const requests = Object.entries(input.RequestItems!).map(([name, request]) => readGets(name, request));
    if (requests.reduce((sum, { keys }) => sum + keys.length, 0) > ITEM_LIMITS.batchGetMax) {
      throw invalid('Too many items requested for the BatchGetItem call');
    }
    const gets = requests.flatMap((request) => {
      const table = tables.get(request.name, region);
      return request.keys.map((key) => ({ request, table, key, row: newlyWorded(() => rowOfKey(table.key, key)) }));
    });
    checkDistinct(gets);
    const found = await records.getAll(gets.map(({ table, row }) => ({ space: table.space, key: row })));
    const answer = new BatchAnswer(meters);
    gets.forEach((get, at) => {
      answer.add(get, found[at] && decodeItem(found[at].value));
    });
    return answer.shown(input.ReturnConsumedCapacity);
  };

  const BatchWriteItem: Operation<BatchWriteItemInput> = async (input, { region }) => {
    const { RequestItems = {}, ReturnConsumedCapacity: wish } = input;
    const entries = Object.entries(RequestItems);
    if (entries.reduce((sum, [, writes]) => sum + writes.length, 0) > ITEM_LIMITS.batchWriteMax) {
      throw invalid('Too many items requested for the BatchWriteItem call');
    }
    const read = entries.flatMap(([name, writes]) =>
      writes.map((write) => ({ name, write, change: readWrite(write) })),
    );
    const counted = isCounted(wish);
    const wanted = read.map(({ name, write, change }) => {
      const table = tables.get(name, region);
      return { name, write, table, change: fitting(() => change(table, counted)) };
    });
    checkDistinct(wanted.map(({ table, change }) => ({ table, row: change.key })));
    const outcomes = await Promise.allSettled(wanted.map(({ change }) => writer.write(change)));
    const answer = shownWrites(wanted, outcomes, wish);
    if (input.ReturnItemCollectionMetrics !== 'SIZE') return answer;
    return { ...answer, ItemCollectionMetrics: await collections(wanted) };
  };

  const collections = async (wanted: readonly OneWrite[]) => {
    const found = new Map<string, ItemCollectionMetrics[]>();
    const seen = new Set<string>();
    for (const { name, write, table } of wanted) {
      const key = (write.PutRequest?.Item ?? write.DeleteRequest!.Key) as Attributes;
      // Each is told once, however many of its items the batch writes.
      const id = table.id + partitionPrefix(table.key, key[table.key.hash.name]!).toString('latin1');
      if (seen.has(id)) continue;
      seen.add(id);
      const collection = await collectionOf(records, table, key, 'SIZE');
      if (collection) listOf(found, name).push(collection);
    }
    return Object.fromEntries(found);
  };

  return { BatchGetItem, BatchWriteItem };
}

type Request = Parameters<typeof readExpressions>[0];

/** What is read of one table. */
interface Gets {
  /** As the request calls the table. */
  readonly name: string;
  readonly keys: readonly Attributes[];
  readonly consistent: boolean;
  readonly projection: Expressions['projection'];
  readonly request: KeysAndAttributes;
}

function readGets(name: string, request: KeysAndAttributes): Gets {
  const { projection } = readExpressions(request as Request, {
    expressions: ['ProjectionExpression'],
    legacy: ['AttributesToGet'],
  });
  const { Keys = [], ConsistentRead: consistent = false } = request;
  return { name, keys: Keys as readonly Attributes[], consistent, projection, request };
}

interface OneGet {
  readonly request: Gets;
  readonly table: Table;
  readonly key: Attributes;
}

/** The answer of a BatchGetItem while it is being filled. */
class BatchAnswer {
  readonly #meters: ItemMeters;
  readonly #found = new Map<Gets, unknown[]>();
  readonly #unprocessed = new Map<Gets, Attributes[]>();
  readonly #units = new Map<Table, UnitsSum>();
  #sizeBytes = 0;
  #processed = 0;
  #refusal: unknown;

  constructor(meters: ItemMeters) {
    this.#meters = meters;
  }

  /** An item that does not fit, or that the table's throughput does not let through, is left for another request. */
  add({ request, table, key }: OneGet, item: StoredItem | undefined): void {
    const found = listOf(this.#found, request);
    const size = item?.sizeBytes ?? 0;
    if (this.#sizeBytes + size > ITEM_LIMITS.batchGetBytesMax || !this.#charge(request, table, size)) {
      listOf(this.#unprocessed, request).push(key);
      return;
    }
    this.#processed++;
    this.#sizeBytes += size;
    if (!item) return;
    const { projection } = request;
    found.push(projection ? projection.project(item.attributes) : new RawJson(item.json));
  }

  /** @throws DynamodbError `throughput-exceeded` when nothing at all was let through */
  shown(wish: CapacityWish) {
    if (this.#processed === 0 && this.#refusal) throw this.#refusal;
    const rest = [...this.#unprocessed].map(([{ name, request }, Keys]) => [name, { ...request, Keys }]);
    const capacity = [...this.#units].map(([table, units]) => shownCapacity(table, units, wish));
    return {
      Responses: Object.fromEntries([...this.#found].map(([{ name }, items]) => [name, items])),
      UnprocessedKeys: Object.fromEntries(rest),
      ...(isCounted(wish) && { ConsumedCapacity: capacity }),
    };
  }

  #charge({ consistent }: Gets, table: Table, sizeBytes: number): boolean {
    const units = readUnits(sizeBytes, consistent);
    try {
      table.throughput.read(units);
    } catch (error) {
      if (!hasCode(error, 'throughput-exceeded')) throw error;
      this.#refusal = error;
      return false;
    }
    this.#meters.read(table, units);
    addUnits(this.#units, table, { table: units, indexes: NO_INDEXES });
    return true;
  }
}

/** @throws DynamodbError `validation-failed`: it is no write, or its item is none */
function readWrite({ PutRequest, DeleteRequest }: WriteRequest): (table: Table, counted: boolean) => WantedChange {
  if ((PutRequest === undefined) === (DeleteRequest === undefined)) {
    throw invalid(
      'Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes',
    );
  }
  if (PutRequest) {
    const item = itemToPut(PutRequest.Item as Attributes);
    return (table, counted) => putChange(table, item, {}, { counted });
  }
  return (table, counted) => deleteChange(table, DeleteRequest!.Key as Attributes, {}, { counted });
}

/** In batches AWS says of an item's key what it says of other keys. */
function fitting<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    const isKey = error instanceof DynamodbError && /Missing the key|Type mismatch for key/.test(error.message);
    throw isKey ? invalid('The provided key element does not match the schema') : error;
  }
}

interface OneWrite {
  readonly name: string;
  readonly write: WriteRequest;
  readonly table: Table;
}

/** @throws DynamodbError  what failed one write for another reason than the table's throughput, or all of them for that */
function shownWrites(
  wanted: readonly OneWrite[],
  outcomes: readonly PromiseSettledResult<Written>[],
  wish: CapacityWish,
) {
  const rest = new Map<string, WriteRequest[]>();
  const units = new Map<Table, UnitsSum>();
  let refusal: unknown;
  outcomes.forEach((outcome, at) => {
    const { name, write, table } = wanted[at]!;
    if (outcome.status === 'fulfilled') {
      addUnits(units, table, outcome.value.units);
      return;
    }
    refusal = outcome.reason;
    if (!hasCode(refusal, 'throughput-exceeded') && !hasCode(refusal, 'records-busy')) throw refusal;
    listOf(rest, name).push(write);
  });
  if (refusal !== undefined && units.size === 0) throw refusal;
  const ConsumedCapacity = [...units].map(([table, sum]) => shownCapacity(table, sum, wish));
  return { UnprocessedItems: Object.fromEntries(rest), ...(isCounted(wish) && { ConsumedCapacity }) };
}

/** @throws DynamodbError `validation-failed`: an item twice, be it once by the name of its table and once by the ARN */
function checkDistinct(places: readonly { readonly table: Table; readonly row: Uint8Array }[]): void {
  const nameOf = ({ table, row: { buffer, byteOffset, byteLength } }: (typeof places)[number]) =>
    table.id + Buffer.from(buffer, byteOffset, byteLength).toString('latin1');
  if (new Set(places.map(nameOf)).size < places.length) throw invalid(DUPLICATES);
}

function addUnits(sums: Map<Table, UnitsSum>, table: Table, units: Parameters<UnitsSum['add']>[0]): void {
  const sum = sums.get(table) ?? new UnitsSum();
  sums.set(table, sum);
  sum.add(units);
}

function listOf<K, V>(lists: Map<K, V[]>, key: K): V[] {
  const list = lists.get(key) ?? [];
  lists.set(key, list);
  return list;
}
