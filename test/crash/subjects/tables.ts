import assert from 'node:assert/strict';
import { isDeepStrictEqual } from 'node:util';
import { hasCode, type Random, systemClock } from '../../../src/base/index.ts';
import { LocalTables } from '../../dynamodb/local.ts';
import type { CrashSubject, HistoryEntry } from '../subject.ts';
import { Ledger } from './ledger.ts';

/**
 * - `put` writes a key, whose time may be over already; - `delete` takes one away; - `pair` writes two in one transaction;
 * - `index` makes or drops an index; - `ttl` switches time to live; - `backup` begins a backup, and `restore` a table, of this moment.
 */
type Step =
  | { readonly kind: 'put'; readonly key: string; readonly group: number; readonly life: 'none' | 'over' | 'long' }
  | { readonly kind: 'delete'; readonly key: string }
  | { readonly kind: 'pair'; readonly pair: number }
  | { readonly kind: 'index'; readonly name: string; readonly makes: boolean }
  | { readonly kind: 'ttl'; readonly enables: boolean }
  | { readonly kind: 'backup' | 'restore' };

type Entry = HistoryEntry<Step>;
type Item = any;
type Items = ReadonlyMap<string, Item>;

interface Store extends AsyncDisposable {
  readonly tables: LocalTables;
  readonly ledger: Ledger;
  /** Steps of one key follow each other, and so do those of one kind that change the table. */
  readonly turns: Map<string, Promise<unknown>>;
  /** Steps that have begun and not ended. */
  readonly running: Set<number>;
  /** The latest step that has begun. */
  begun: number;
}

const TableName = 'items';
/** Items that nobody changes: several pages of whatever goes over the table. */
const BASE = 1_200;
const BATCH = 25;
const PAIRS = 4;
const GROUPS = 3;
const INDEXES = ['by-group-1', 'by-group-2', 'by-group-3'];
const KEYS = Array.from({ length: 24 }, (_, at) => `hot-${at}`);
const sidesOf = (pair: number) => [`left-${pair}`, `right-${pair}`];
const ALL_KEYS = [...KEYS, ...Array.from({ length: PAIRS }, (_, pair) => sidesOf(pair)).flat()];

/** Seconds since the epoch: one is past, the other is not. */
const UNTIL = { none: undefined, over: '1700000000', long: '9000000000' };
/** Time between sweeps shows nothing, and there are five seconds of it. */
const FASTER = 1_000;

/**
 * A table as a whole, while its items are written: indexes are built and dropped, what has expired is deleted, backups are made and
 * moments restored. After a crash all that was begun comes to its end: an index holds what the items say, and a backup or a restored
 * table is the table as it was at one moment between the begin of its step and the answer.
 */
export const tablesSubject: CrashSubject<Store, Step> = {
  name: 'tables',
  kills: 2,
  simulated: false,
  concurrency: 8,
  linesMax: 250,

  async open({ directory }) {
    const timer = (ms: number, callback: () => void) => systemClock.timer(ms / FASTER, callback);
    const tables = await LocalTables.open({ directory, clock: { ...systemClock, timer } });
    await tables.dynamodb.resume();
    if (!(await namesOf(tables)).includes(TableName)) await setUp(tables);
    return {
      ...{ tables, ledger: new Ledger(directory), turns: new Map(), running: new Set(), begun: -1 },
      [Symbol.asyncDispose]: () => tables[Symbol.asyncDispose](),
    };
  },

  plan(random) {
    const kind = random.next();
    if (kind < 0.015) return { kind: 'backup' };
    if (kind < 0.03) return { kind: 'restore' };
    if (kind < 0.1) return { kind: 'index', name: pick(INDEXES, random), makes: random.next() < 0.7 };
    if (kind < 0.13) return { kind: 'ttl', enables: random.next() < 0.6 };
    if (kind < 0.35) return { kind: 'pair', pair: Math.floor(random.next() * PAIRS) };
    const key = pick(KEYS, random);
    if (kind < 0.45) return { kind: 'delete', key };
    const life = pick(['none', 'none', 'over', 'long'] as const, random);
    return { kind: 'put', key, group: Math.floor(random.next() * GROUPS), life };
  },

  run(store, step, id) {
    const { turns, running } = store;
    store.begun = id;
    running.add(id);
    const name = keysOf(step)[0] ?? step.kind;
    const turn = (turns.get(name) ?? Promise.resolve())
      .catch(() => {})
      .then(() => carryOut(store, step, id))
      .finally(() => running.delete(id));
    turns.set(name, turn);
    return turn;
  },

  // It is so already, or another index is being built.
  isRefusal: (error) =>
    ['validation-failed', 'resource-not-found', 'limit-exceeded'].some((code) => hasCode(error, code)),

  async verify({ tables, ledger }, history) {
    const done = new Set<number>();
    await cameToRest(tables);
    const items = await allOf(tables, TableName);
    for (const key of ALL_KEYS) for (const id of checkKey(key, items.get(key), history)) done.add(id);
    await checkWhole(tables, TableName, items);
    for (const id of checkIndexes(await indexesOf(tables, TableName), history)) done.add(id);
    const noted = ledger.read();
    for (const [id, table] of await restoredMoments(tables)) {
      done.add(id);
      const found = await allOf(tables, table);
      await checkWhole(tables, table, found);
      const [from, to = Number.POSITIVE_INFINITY] = ['from', 'to'].map((end) => noted.get(`${end}-${id}`)?.[0]);
      for (const key of ALL_KEYS) checkMoment(`${key} of ${table}`, found.get(key), statesOf(key, history), from!, to);
    }
    for (const { id, step, outcome } of history) {
      if (step.kind !== 'backup' && step.kind !== 'restore') continue;
      if (outcome === 'acknowledged') assert.ok(done.has(id), `${step.kind} ${id} was acknowledged and is gone`);
      if (outcome === 'refused') assert.ok(!done.has(id), `${step.kind} ${id} was refused and is there`);
    }
    return done;
  },
};

async function setUp(tables: LocalTables): Promise<void> {
  await tables.table(TableName);
  for (let from = 0; from < BASE; from += BATCH) {
    const requests = Array.from({ length: BATCH }, (_, at) => ({ PutRequest: { Item: baseItem(from + at) } }));
    await tables.call('BatchWriteItem', { RequestItems: { [TableName]: requests } });
  }
  const PointInTimeRecoverySpecification = { PointInTimeRecoveryEnabled: true };
  await tables.call('UpdateContinuousBackups', { TableName, PointInTimeRecoverySpecification });
}

const keysOf = (step: Step): readonly string[] =>
  'key' in step ? [step.key] : step.kind === 'pair' ? sidesOf(step.pair) : [];

/** An item as a step writes it. */
function itemOf(key: string, id: number, group = 0, until?: string): Item {
  return {
    ...{ h: { S: key }, id: { N: String(id) }, filling: { S: 'x'.repeat((id * 37) % 300) } },
    ...(group > 0 && { g: { S: String(group) } }),
    ...(until !== undefined && { until: { N: until } }),
  };
}

const baseItem = (at: number) => itemOf(`base-${at}`, 0, at % GROUPS);

async function carryOut(store: Store, step: Step, id: number): Promise<unknown> {
  const { tables } = store;
  const put = (h: string) => ({ TableName, Item: writtenBy(step, id, h) });
  switch (step.kind) {
    case 'put':
      return tables.call('PutItem', put(step.key));
    case 'delete':
      return tables.call('DeleteItem', { TableName, Key: { h: { S: step.key } } });
    case 'pair':
      return tables.call('TransactWriteItems', { TransactItems: sidesOf(step.pair).map((h) => ({ Put: put(h) })) });
    case 'index':
      return tables.call('UpdateTable', indexUpdate(step));
    case 'ttl':
      return switchTtl(tables, step.enables);
    case 'backup':
      return atOneMoment(store, id, 'CreateBackup', { TableName, BackupName: momentName(id) });
    case 'restore': {
      const source = { SourceTableName: TableName, UseLatestRestorableTime: true };
      return atOneMoment(store, id, 'RestoreTableToPointInTime', { ...source, TargetTableName: momentName(id) });
    }
  }
}

function writtenBy(step: Step, id: number, key: string): Item {
  return step.kind === 'put' ? itemOf(key, id, step.group, UNTIL[step.life]) : itemOf(key, id, 1);
}

function indexUpdate({ name: IndexName, makes }: Step & { kind: 'index' }): object {
  if (!makes) return { TableName, GlobalSecondaryIndexUpdates: [{ Delete: { IndexName } }] };
  const KeySchema = [{ AttributeName: 'g', KeyType: 'HASH' }];
  const Create = { IndexName, KeySchema, Projection: { ProjectionType: 'ALL' } };
  const AttributeDefinitions = [{ AttributeName: 'g', AttributeType: 'S' }];
  return { TableName, AttributeDefinitions, GlobalSecondaryIndexUpdates: [{ Create }] };
}

function switchTtl(tables: LocalTables, Enabled: boolean): Promise<unknown> {
  return tables.call('UpdateTimeToLive', { TableName, TimeToLiveSpecification: { AttributeName: 'until', Enabled } });
}

/** Of a backup, and of the table that is made of it or of a moment. */
const momentName = (id: number) => `moment-${id}`;

/** Notes up to which step all had ended before this began, and the latest that had begun when it was answered: its moment lies between. */
async function atOneMoment(store: Store, id: number, operation: string, input: object): Promise<void> {
  const { tables, ledger, running } = store;
  ledger.note(`from-${id}`, Math.min(...running) - 1);
  await tables.call(operation, input);
  ledger.note(`to-${id}`, store.begun);
}

/** Waits until nothing goes on in the background, and nothing that has expired is left. */
async function cameToRest(tables: LocalTables): Promise<void> {
  await switchTtl(tables, true).catch((error: unknown) =>
    assert.ok(hasCode(error, 'validation-failed'), String(error)),
  );
  const expired = { FilterExpression: '#u = :u', ExpressionAttributeNames: { '#u': 'until' } };
  const ExpressionAttributeValues = { ':u': { N: UNTIL.over } };
  const count = { TableName, Select: 'COUNT', ...expired, ExpressionAttributeValues };
  await becomes(async () => (await tables.call('Scan', count)).Count === 0);
  await becomes(async () => {
    const { BackupSummaries } = await tables.call('ListBackups', {});
    return BackupSummaries.every(({ BackupStatus }: any) => BackupStatus === 'AVAILABLE');
  });
  for (const name of await namesOf(tables)) await becomes(() => isActive(tables, name));
}

async function becomes(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await systemClock.sleep(1);
}

async function namesOf(tables: LocalTables): Promise<readonly string[]> {
  return (await tables.call('ListTables', {})).TableNames;
}

async function isActive(tables: LocalTables, name: string): Promise<boolean> {
  const { TableStatus, GlobalSecondaryIndexes = [] } = (await tables.call('DescribeTable', { TableName: name })).Table;
  return TableStatus === 'ACTIVE' && GlobalSecondaryIndexes.every(({ IndexStatus }: any) => IndexStatus === 'ACTIVE');
}

async function indexesOf(tables: LocalTables, name: string): Promise<readonly string[]> {
  const { GlobalSecondaryIndexes = [] } = (await tables.call('DescribeTable', { TableName: name })).Table;
  return GlobalSecondaryIndexes.map(({ IndexName }: any) => IndexName);
}

/** A table for each moment that was asked for, by step: it was restored, or is made here of a backup. */
async function restoredMoments(tables: LocalTables): Promise<ReadonlyMap<number, string>> {
  const { BackupSummaries } = await tables.call('ListBackups', {});
  const before = await namesOf(tables);
  for (const { BackupArn, BackupName } of BackupSummaries) {
    if (before.includes(BackupName)) continue;
    await tables.call('RestoreTableFromBackup', { BackupArn, TargetTableName: BackupName });
    await becomes(() => isActive(tables, BackupName));
  }
  const restored = (await namesOf(tables)).filter((name) => name !== TableName);
  return new Map(restored.map((name) => [Number(name.split('-')[1]), name]));
}

async function allOf(tables: LocalTables, table: string, IndexName?: string): Promise<Items> {
  const found = new Map<string, Item>();
  let ExclusiveStartKey: object | undefined;
  do {
    const page = await tables.call('Scan', { TableName: table, ExclusiveStartKey, ...(IndexName && { IndexName }) });
    for (const item of JSON.parse(page.Items.text)) {
      assert.ok(!found.has(item.h.S), `${item.h.S} is twice in ${IndexName ?? 'the items'} of ${table}`);
      found.set(item.h.S, item);
    }
    ExclusiveStartKey = page.LastEvaluatedKey;
  } while (ExclusiveStartKey);
  return found;
}

/** What nobody changes is all there and nothing unknown is, pairs are of one transaction, and each index holds what the items say. */
async function checkWhole(tables: LocalTables, table: string, items: Items): Promise<void> {
  for (let at = 0; at < BASE; at++) {
    const item = baseItem(at);
    assertSame(items.get(item.h.S), item, table);
  }
  const others = [...items.keys()].filter((key) => !key.startsWith('base-'));
  assert.equal(others.length + BASE, items.size, table);
  for (const key of others) assert.ok(ALL_KEYS.includes(key), `${key} of ${table}`);
  for (let pair = 0; pair < PAIRS; pair++) {
    const [left, right] = sidesOf(pair).map((key) => items.get(key)?.id.N);
    assert.equal(left, right, `pair ${pair} of ${table} is of two transactions`);
  }
  const expected = [...items.values()].filter(({ g }) => g !== undefined);
  for (const name of await indexesOf(tables, table)) {
    const found = await allOf(tables, table, name);
    for (const item of expected) assertSame(found.get(item.h.S), item, `${name} of ${table}`);
    assert.equal(found.size, expected.length, `${name} of ${table} has other items`);
  }
}

/** There are many, and nearly always they are the same to the letter. */
function assertSame(found: Item, expected: Item, where: string): void {
  if (JSON.stringify(found) !== JSON.stringify(expected))
    assert.deepEqual(found, expected, `${expected.h.S} of ${where}`);
}

/** A step, and what it may leave of a key: an item, or none. */
interface State {
  readonly entry: Entry;
  readonly left: readonly (Item | undefined)[];
}

/** In the order in which they followed each other. */
function statesOf(key: string, history: readonly Entry[]): readonly State[] {
  return history
    .filter(({ step, outcome }) => outcome !== 'refused' && keysOf(step).includes(key))
    .map((entry) => {
      const item = entry.step.kind === 'delete' ? undefined : writtenBy(entry.step, entry.id, key);
      return { entry, left: item?.until?.N === UNTIL.over ? [item, undefined] : [item] };
    });
}

const isAmong = (found: Item | undefined, left: State['left']) => left.some((one) => isDeepStrictEqual(one, found));

/** The key is as its last acknowledged step has left it, or one in flight after that. @returns ids of those in flight that may be done */
function checkKey(key: string, found: Item | undefined, history: readonly Entry[]): readonly number[] {
  const states = statesOf(key, history);
  const last = states.findLastIndex(({ entry }) => entry.outcome === 'acknowledged');
  const at = states.findLastIndex(({ left }, index) => index >= last && isAmong(found, left));
  const isFirst = found === undefined && last < 0;
  assert.ok(at >= 0 || isFirst, `${key} is ${found?.id.N}, and ${states[last]?.entry.id} was acknowledged`);
  return states.slice(last + 1, at + 1).map(({ entry }) => entry.id);
}

/** @param from  all steps up to this one had ended @param to  none after this one had begun */
function checkMoment(what: string, found: Item | undefined, states: readonly State[], from: number, to: number): void {
  const last = states.findLastIndex(({ entry }) => entry.id <= from);
  const allowed = states.slice(Math.max(last, 0)).filter(({ entry }) => entry.id <= to);
  const isFirst = found === undefined && last < 0;
  assert.ok(isFirst || allowed.some(({ left }) => isAmong(found, left)), `${what} is ${found?.id.N}: ${from} to ${to}`);
}

/** @returns ids of the steps in flight that may be done */
function checkIndexes(found: readonly string[], history: readonly Entry[]): readonly number[] {
  return INDEXES.flatMap((name) => {
    const isThere = found.includes(name);
    const steps = history.filter(({ step, outcome }) => isOf(name, step) && outcome !== 'refused');
    const last = steps.findLastIndex(({ outcome }) => outcome === 'acknowledged');
    const at = steps.findLastIndex(({ step }, index) => index >= last && (step as IndexStep).makes === isThere);
    assert.ok(at >= 0 || (!isThere && last < 0), `index ${name} is ${isThere ? '' : 'not '}there`);
    return steps.slice(last + 1, at + 1).map(({ id }) => id);
  });
}

type IndexStep = Step & { kind: 'index' };
const isOf = (name: string, step: Step): step is IndexStep => step.kind === 'index' && step.name === name;

function pick<T>(from: readonly T[], random: Random): T {
  return from[Math.floor(random.next() * from.length)]!;
}
