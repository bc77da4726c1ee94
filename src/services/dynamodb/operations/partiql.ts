import type {
  BatchExecuteStatementInput,
  BatchStatementRequest,
  ExecuteStatementInput,
  ExecuteTransactionInput,
  ParameterizedStatement,
} from '@aws-sdk/client-dynamodb';
import { DomainError } from '../../../base/index.ts';
import { RawJson } from '../../../codec/aws/index.ts';
import type { Operation } from '../../index.ts';
import { DynamodbError, type DynamodbErrorCode, invalid } from '../errors.ts';
import { cancelled } from '../items/cancellation.ts';
import { readUnits } from '../items/capacity.ts';
import { isCounted, shownCapacity, type Units, UnitsSum } from '../items/consumed.ts';
import { checkPayload, readTogether, reasonAt, type TransactionParts, writeTogether } from '../items/transaction.ts';
import type { WantedChange } from '../items/writer.ts';
import type { Attributes, AttributeValue } from '../model/attribute-value.ts';
import { sizeOfAttributes } from '../model/size.ts';
import { decodeItem } from '../model/stored.ts';
import type { StoredItem, Table } from '../model/table.ts';
import { checkedValue } from '../model/values.ts';
import { type BoundStatement, bindStatement } from '../partiql/bind.ts';
import { columnsOf, select, statementFingerprint } from '../partiql/read.ts';
import { changeOf, rowOfSelect } from '../partiql/write.ts';
import type { ItemParts } from './items.ts';

const NO_INDEXES: ReadonlyMap<string, number> = new Map();

/** ExecuteStatement, BatchExecuteStatement and ExecuteTransaction: PartiQL onto the ways items are read and written. */
export function partiqlOperations(parts: ItemParts & TransactionParts): Record<string, Operation> {
  const { tables, records, writer } = parts;

  const ExecuteStatement: Operation<ExecuteStatementInput> = async (input, { region }) => {
    const { ReturnConsumedCapacity: wish } = input;
    const bound = boundOf(input);
    if (bound.action.kind === 'exists') throw invalid('EXISTS is only supported in ExecuteTransaction');
    const table = tables.get(bound.action.source.table, region);
    if (bound.action.kind !== 'select') {
      if (input.Limit !== undefined) throw invalid('Limit is only supported for SELECT statements');
      const { item, units } = await write(table, bound, input, isCounted(wish));
      return { Items: item ? [item] : [], ...capacityOf(shownCapacity(table, units, wish)) };
    }
    const { items, nextToken, lastKey, units } = await select(records, table, bound, {
      limit: input.Limit,
      consistent: input.ConsistentRead ?? false,
      token: input.NextToken,
      fingerprint: statementFingerprint(table.id, input.Statement, input.Parameters),
    });
    return {
      Items: items,
      ...(nextToken !== undefined && { NextToken: nextToken }),
      ...(lastKey && { LastEvaluatedKey: lastKey }),
      ...capacityOf(shownCapacity(table, units, wish)),
    };
  };

  const BatchExecuteStatement: Operation<BatchExecuteStatementInput> = async (input, { region, refusedEntries }) => {
    const { Statements = [], ReturnConsumedCapacity: wish } = input;
    const sums = new Map<Table, UnitsSum>();
    const read = Statements.map((request) => readAlone(request));
    checkNotMixed(read);
    const run = async (request: BatchStatementRequest, entry: number) => {
      const refused = refusedEntries?.get(entry);
      if (refused) return { Error: { Code: 'AccessDenied', Message: refused.message } };
      const bound = read[entry]!;
      if (bound instanceof DomainError) return { Error: batchError(bound) };
      let table: Table | undefined;
      try {
        table = tables.get(bound.action.source.table, region);
        const { item, units } = await runOne(table, bound, request, isCounted(wish));
        const sum = sums.get(table) ?? new UnitsSum();
        sums.set(table, sum);
        sum.add(units);
        return { TableName: table.name, ...(item && { Item: item }) };
      } catch (error) {
        if (!(error instanceof DomainError)) throw error;
        const named = table && error.code !== 'validation-failed';
        return { ...(named && { TableName: table!.name }), Error: batchError(error) };
      }
    };
    const Responses = await Promise.all(Statements.map(run));
    if (!isCounted(wish)) return { Responses };
    return { Responses, ConsumedCapacity: [...sums].map(([table, units]) => shownCapacity(table, units, wish)!) };
  };

  const ExecuteTransaction: Operation<ExecuteTransactionInput> = async (input, { region }) => {
    const { TransactStatements = [], ClientRequestToken: token, ReturnConsumedCapacity: wish } = input;
    // What is wrong with a parameter is said without the place of its statement.
    for (const { Parameters = [] } of TransactStatements)
      for (const value of Parameters) checkedValue(value as AttributeValue);
    const statements = TransactStatements.map((statement, at) =>
      validated(at, () => inTransaction(boundOf(statement))),
    );
    checkPayload(statements.map(({ item }) => (item ? sizeOfAttributes(item) : 0)));
    const reads = statements.filter(({ action }) => action.kind === 'select').length;
    if (reads > 0 && reads < statements.length)
      throw invalid('Transactions must contain either only read statements or only write statements');
    const withTables = statements.map((bound) => ({ bound, table: tables.get(bound.action.source.table, region) }));
    if (reads > 0) return await readAll(withTables, wish);
    const errors: DynamodbError[] = [];
    const changes = withTables.map(({ bound, table }, at) => {
      const changeWish = { counted: true, showsOld: showsOld(TransactStatements[at]!) };
      return reasonAt(errors, at, () => changeOf(table, bound, changeWish).change);
    });
    if (errors.length > 0) throw cancelled(errors, statements.length);
    const wanted = changes as readonly WantedChange[];
    return {
      Responses: [],
      ...(await writeTogether(parts, { wanted, region, token, request: TransactStatements, wish })),
    };
  };

  const readAll = async (
    statements: readonly { readonly bound: BoundStatement; readonly table: Table }[],
    wish: ExecuteTransactionInput['ReturnConsumedCapacity'],
  ) => {
    const places = statements.map(({ bound, table }, at) => ({
      table,
      key: validated(at, () => rowOfSelect(table, bound, 'ExecuteTransaction')),
    }));
    const { items, capacity } = await readTogether(records, places, wish);
    const Responses = items.map((item, at) => (item ? { Item: columns(item, statements[at]!.bound) } : {}));
    return { Responses, ...capacity };
  };

  /** One statement of a batch. */
  const runOne = async (table: Table, bound: BoundStatement, request: BatchStatementRequest, counted: boolean) => {
    if (bound.action.kind === 'exists') throw invalid('EXISTS is only supported in ExecuteTransaction');
    if (bound.action.kind !== 'select') return await write(table, bound, request, counted);
    const row = await records.get(table.space, rowOfSelect(table, bound, 'BatchExecuteStatement'));
    const item = row && decodeItem(row.value);
    const units = { table: readUnits(item?.sizeBytes ?? 0, request.ConsistentRead ?? false), indexes: NO_INDEXES };
    table.throughput.read(units.table);
    return { item: item && columns(item, bound), units };
  };

  const write = async (
    table: Table,
    bound: BoundStatement,
    request: Guarded,
    counted: boolean,
  ): Promise<{ readonly item: RawJson | Attributes | undefined; readonly units: Units }> => {
    const { change, returned } = changeOf(table, bound, { counted, showsOld: showsOld(request) });
    const written = await writer.write(change);
    return { item: returned(written), units: written.units };
  };

  return { ExecuteStatement, BatchExecuteStatement, ExecuteTransaction };
}

interface Guarded {
  readonly ReturnValuesOnConditionCheckFailure?: string | undefined;
}

const showsOld = ({ ReturnValuesOnConditionCheckFailure: wish }: Guarded) => wish === 'ALL_OLD';

function boundOf({ Statement, Parameters }: ParameterizedStatement): BoundStatement {
  return bindStatement(Statement!, Parameters as AttributeValue[] | undefined);
}

/** A statement of a batch: what is wrong with one is its answer, and not the batch's. */
function readAlone(request: BatchStatementRequest): BoundStatement | DomainError {
  try {
    return boundOf(request);
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    return error;
  }
}

/** @throws DynamodbError `validation-failed`: a batch that reads and writes */
function checkNotMixed(statements: readonly (BoundStatement | DomainError)[]): void {
  const kinds = statements.flatMap((bound) => (bound instanceof DomainError ? [] : [bound.action.kind === 'select']));
  if (new Set(kinds).size < 2) return;
  throw invalid('The entire batch must consist of either read statements or write statements, you cannot mix both');
}

function capacityOf(shown: ReturnType<typeof shownCapacity>) {
  return shown && { ConsumedCapacity: shown };
}

function columns(item: StoredItem, { action, bindings }: BoundStatement): RawJson | Attributes {
  if (action.kind !== 'select' || !action.columns) return new RawJson(item.json);
  const paths = action.columns.map((path) => bindings.path(path, 'Statement'));
  return columnsOf(item.attributes, paths);
}

function inTransaction(bound: BoundStatement): BoundStatement {
  const { action } = bound;
  if ('returning' in action) throw invalid('RETURNING clause is not supported in ExecuteTransaction.');
  if (action.kind === 'select' && action.source.index !== undefined)
    throw invalid('Reads on indices are not supported within transactions.');
  return bound;
}

/** Refusals of a statement that name its place. */
function validated<T>(at: number, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof DynamodbError) || error.code !== 'validation-failed') throw error;
    throw invalid(`Validation failed in TransactStatements[${at}]: ${error.message}`);
  }
}

/** Codes of `Error` in a batch: not those that the errors of operations have. */
const BATCH_CODES: { readonly [code in DynamodbErrorCode]?: string } & Readonly<Record<string, string>> = {
  'validation-failed': 'ValidationError',
  'record-too-large': 'ValidationError',
  'resource-not-found': 'ResourceNotFound',
  'condition-failed': 'ConditionalCheckFailed',
  'duplicate-item': 'DuplicateItem',
  'collection-too-large': 'ItemCollectionSizeLimitExceeded',
  'throughput-exceeded': 'ProvisionedThroughputExceeded',
  'transaction-conflict': 'TransactionConflict',
  'limit-exceeded': 'RequestLimitExceeded',
  'records-busy': 'ThrottlingError',
};

/** Of the store as well: the other statements of the batch have been carried out. */
function batchError({ code, message, fields }: DomainError) {
  return { Code: BATCH_CODES[code] ?? 'InternalServerError', Message: message, ...fields };
}
