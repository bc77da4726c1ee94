/*
 * PartiQL through the SDK for JavaScript, on a real node: the examples of AWS's PartiQL reference, and answers recorded from AWS.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { AttributeValue, ExecuteStatementCommandInput } from '@aws-sdk/client-dynamodb';
import { TablesNode } from './support.ts';

let node: TablesNode;
let music: string;
let orders: string;

before(async () => {
  node = await TablesNode.start();
  music = await node.table('Artist:S SongTitle:S');
  orders = await node.table('OrderID:N Line:N', {
    others: 'Customer:S Total:N',
    GlobalSecondaryIndexes: [
      {
        IndexName: 'by-customer',
        KeySchema: [
          { AttributeName: 'Customer', KeyType: 'HASH' },
          { AttributeName: 'Total', KeyType: 'RANGE' },
        ],
        Projection: { ProjectionType: 'INCLUDE', NonKeyAttributes: ['State'] },
      },
    ],
    LocalSecondaryIndexes: [
      {
        IndexName: 'by-total',
        KeySchema: [
          { AttributeName: 'OrderID', KeyType: 'HASH' },
          { AttributeName: 'Total', KeyType: 'RANGE' },
        ],
        Projection: { ProjectionType: 'KEYS_ONLY' },
      },
    ],
  });
  for (const [order, line, customer, total, state] of [
    [100, 1, 'ann', 7, 'open'],
    [100, 2, 'ann', 5, 'paid'],
    [100, 3, 'bob', 9, 'open'],
    [200, 1, 'bob', 4, 'paid'],
    [300, 1, 'ann', 1, 'open'],
  ] as const) {
    const item = {
      OrderID: order,
      Line: line,
      Customer: customer,
      Total: total,
      State: state,
      Note: `n${order}/${line}`,
    };
    await execute(
      `INSERT INTO "${orders}" VALUE {'OrderID': ?, 'Line': ?, 'Customer': ?, 'Total': ?, 'State': ?, 'Note': ?}`,
      Object.values(item).map((value) => (typeof value === 'number' ? { N: String(value) } : { S: value })),
    );
  }
});

after(() => node[Symbol.asyncDispose]());

async function execute(
  Statement: string,
  Parameters?: AttributeValue[],
  more: Partial<ExecuteStatementCommandInput> = {},
) {
  return await node.client.executeStatement({ Statement, ...(Parameters && { Parameters }), ...more });
}

async function lines(rest: string, more: Partial<ExecuteStatementCommandInput> = {}): Promise<string[]> {
  const { Items } = await execute(`SELECT * FROM "${orders}" ${rest}`, undefined, more);
  return Items!.map(({ OrderID, Line }) => `${OrderID!.N}/${Line!.N}`);
}

const fails = (message: string | RegExp, name = 'ValidationException') => ({ name, message });

test('INSERT, SELECT, UPDATE and DELETE as the reference shows them', async () => {
  const where = "WHERE Artist='Acme Band' AND SongTitle='PartiQL Rocks'";
  await execute(`INSERT INTO "${music}" VALUE {'Artist' : 'Acme Band','SongTitle' : 'PartiQL Rocks'}`);
  await assert.rejects(
    execute(`INSERT INTO "${music}" VALUE {'Artist' : 'Acme Band','SongTitle' : 'PartiQL Rocks'}`),
    fails('Duplicate primary key exists in table', 'DuplicateItemException'),
  );
  const set = `UPDATE "${music}" SET AwardsWon=1 SET AwardDetail={'Grammys':[2020, 2018]}`;
  assert.deepEqual((await execute(`${set} ${where} RETURNING ALL OLD *`)).Items, [
    { Artist: { S: 'Acme Band' }, SongTitle: { S: 'PartiQL Rocks' } },
  ]);
  assert.deepEqual((await execute(`${set} ${where} RETURNING MODIFIED NEW *`)).Items, [
    { AwardsWon: { N: '1' }, AwardDetail: { M: { Grammys: { L: [{ N: '2020' }, { N: '2018' }] } } } },
  ]);
  await execute(`UPDATE "${music}" SET AwardDetail.Grammys =list_append(AwardDetail.Grammys,[2016]) ${where}`);
  await execute(`UPDATE "${music}" SET AwardDetail.BillBoard=[2020] ${where}`);
  await execute(`UPDATE "${music}" REMOVE AwardDetail.Grammys[2] ${where}`);
  await execute(`UPDATE "${music}" SET BandMembers =<<'member1', 'member2'>> ${where}`);
  await execute(`UPDATE "${music}" SET BandMembers =set_add(BandMembers, <<'newbandmember'>>) ${where}`);
  await execute(
    `UPDATE "${music}" SET BandMembers =set_delete(BandMembers, <<'member1'>>) SET AwardsWon = AwardsWon + 2 ${where}`,
  );
  const { Items } = await execute(`SELECT * FROM "${music}" ${where}`);
  assert.deepEqual(Items, [
    {
      Artist: { S: 'Acme Band' },
      SongTitle: { S: 'PartiQL Rocks' },
      AwardsWon: { N: '3' },
      AwardDetail: { M: { Grammys: { L: [{ N: '2020' }, { N: '2018' }] }, BillBoard: { L: [{ N: '2020' }] } } },
      BandMembers: { SS: ['member2', 'newbandmember'] },
    },
  ]);
  const columns = await execute(
    `SELECT AwardDetail.Grammys[0], AwardDetail.BillBoard, Absent FROM "${music}" ${where}`,
  );
  assert.deepEqual(columns.Items, [{ 'Grammys[0]': { N: '2020' }, BillBoard: { L: [{ N: '2020' }] } }]);
  const gone = await execute(`DELETE FROM "${music}" ${where} AND AwardsWon = 3 RETURNING ALL OLD *`);
  assert.equal(gone.Items?.length, 1);
  assert.deepEqual((await execute(`DELETE FROM "${music}" ${where}`)).Items, []);
});

test('writes name one item whole, and fulfil the rest of the condition', async () => {
  const key = "WHERE Artist='a' AND SongTitle='b'";
  const whole = fails('Where clause does not contain a mandatory equality on all key attributes');
  await assert.rejects(execute(`UPDATE "${music}" SET x=1 WHERE Artist='a'`), whole);
  await assert.rejects(execute(`DELETE FROM "${music}" WHERE Artist='a' OR SongTitle='b'`), whole);
  const refused = fails('The conditional request failed', 'ConditionalCheckFailedException');
  await assert.rejects(execute(`UPDATE "${music}" SET x=1 ${key}`), refused);
  await execute(`DELETE FROM "${music}" ${key} AND x = 7`);
  await execute(`INSERT INTO "${music}" VALUE {'Artist': 'a', 'SongTitle': 'b', 'x': 1}`);
  await assert.rejects(execute(`DELETE FROM "${music}" ${key} AND x = 7`), refused);
  await assert.rejects(
    execute(`UPDATE "${music}" SET SongTitle='c' ${key}`),
    fails(/Cannot update attribute SongTitle/),
  );
  const from = await execute(`FROM "${music}" ${key} SET x = x + 1 REMOVE y RETURNING MODIFIED NEW *`);
  assert.deepEqual(from.Items, [{ x: { N: '2' } }]);
  await assert.rejects(execute(`FROM "${music}" SET x = 1`), whole);
  await execute(`DELETE FROM "${music}" ${key}`);
});

test('SELECT by key, by several keys, and by anything else', async () => {
  const cases: Readonly<Record<string, readonly string[]>> = {
    'WHERE OrderID = 100': ['100/1', '100/2', '100/3'],
    "WHERE OrderID = 100 and State='open'": ['100/1', '100/3'],
    'WHERE OrderID = 100 AND Line > 1': ['100/2', '100/3'],
    'WHERE OrderID = 100 AND Line BETWEEN 2 AND 3': ['100/2', '100/3'],
    'WHERE OrderID = 100 AND NOT Line = 2 ORDER BY Line DESC': ['100/3', '100/1'],
    'WHERE OrderID IN [300, 100] AND Line = 1 ORDER BY OrderID DESC': ['300/1', '100/1'],
    'WHERE OrderID = 300 or OrderID = 200': ['300/1', '200/1'],
    "WHERE contains(Note, '00/2')": ['100/2'],
    "WHERE begins_with(Note, 'n2')": ['200/1'],
    "WHERE attribute_type(Note, 'S') AND size(Note) > 5 AND Total IS NOT MISSING AND Total < 2": ['300/1'],
    'WHERE Note IS MISSING': [],
    "WHERE Total IN (4, 9) AND Customer <> 'bob'": [],
  };
  for (const [rest, expected] of Object.entries(cases)) {
    const found = await lines(rest);
    assert.deepEqual(rest.includes('contains') || rest.includes('size') ? found.sort() : found, expected, rest);
  }
  assert.equal((await lines('')).length, 5);
});

test('SELECT from indexes', async () => {
  const { Items } = await execute(`SELECT * FROM "${orders}"."by-customer" WHERE Customer = 'ann' AND Total >= 5`);
  assert.deepEqual(
    Items?.map((item) => [item.Total!.N, Object.keys(item).sort().join()]),
    [
      ['5', 'Customer,Line,OrderID,State,Total'],
      ['7', 'Customer,Line,OrderID,State,Total'],
    ],
  );
  const fetched = await execute(`SELECT Note FROM "${orders}"."by-total" WHERE OrderID = 100 ORDER BY Total DESC`);
  assert.deepEqual(
    fetched.Items?.map(({ Note }) => Note!.S),
    ['n100/3', 'n100/1', 'n100/2'],
  );
  const refusals: readonly [string, string][] = [
    [
      `SELECT Note FROM "${orders}"."by-customer" WHERE Customer = 'ann'`,
      'One or more parameter values were invalid: Global secondary index by-customer does not project [Note]',
    ],
    [
      `SELECT Line FROM "${orders}"."by-customer" WHERE Customer = 'ann' AND Note = 'x'`,
      'One or more parameter values were invalid: Secondary index by-customer does not project one or more filter attributes: [Note]',
    ],
    [`SELECT * FROM "${orders}"."none" WHERE OrderID = 1`, 'The table does not have the specified index'],
    [`SELECT * FROM "${orders}"."a"."b"`, 'A path may contain at most 2 components in the FROM clause'],
    [`SELECT * FROM "${orders}".""`, 'Path component cannot be an empty string'],
  ];
  for (const [statement, message] of refusals) await assert.rejects(execute(statement), fails(message), statement);
  await assert.rejects(
    execute(`SELECT * FROM "${orders}"."by-customer" WHERE Customer = 'ann'`, undefined, { ConsistentRead: true }),
    fails('Strongly consistent read is not supported on Global Secondary Indexes'),
  );
});

test('pages: each row comes once, whatever the limit, and a token is good for its statement only', async () => {
  for (const rest of ['', 'WHERE OrderID IN [100, 200, 300]', 'WHERE OrderID = 100 ORDER BY Line DESC']) {
    const whole = await lines(rest);
    for (const Limit of [1, 2]) {
      const found: string[] = [];
      let NextToken: string | undefined;
      do {
        const page = await execute(`SELECT * FROM "${orders}" ${rest}`, undefined, {
          Limit,
          ...(NextToken && { NextToken }),
        });
        found.push(...page.Items!.map(({ OrderID, Line }) => `${OrderID!.N}/${Line!.N}`));
        NextToken = page.NextToken;
        assert.equal(page.LastEvaluatedKey === undefined, NextToken === undefined);
      } while (NextToken);
      assert.deepEqual(found, whole, `${rest} by ${Limit}`);
    }
  }
  const { NextToken } = await execute(`SELECT * FROM "${orders}"`, undefined, { Limit: 1 });
  const other = { NextToken: NextToken! };
  await assert.rejects(
    execute(`SELECT Line FROM "${orders}"`, undefined, other),
    fails('NextToken does not match request'),
  );
  await assert.rejects(
    execute(`SELECT * FROM "${orders}"`, undefined, { NextToken: 'bm9uZQ' }),
    fails('NextToken does not match request'),
  );
});

test('statements that are none are refused in the words of AWS', async () => {
  const bad = "Statement wasn't well formed, can't be processed: ";
  const cases: readonly [string, string][] = [
    [`SLECT * FROM "${music}"`, `${bad}Expected data manipulation`],
    [`SELECT * FROM "${music}" WHERE`, `${bad}Unexpected term`],
    [`SELECT * FROM "${music}" WHERE;`, `${bad}Unexpected term`],
    [`SELECT * FROM "${music}" WHERE NOT`, `${bad}Unexpected term`],
    [`SELECT * FROM "${music}" WHERE Artist = 'a' AND`, `${bad}Missing right-hand side expression of infix operator`],
    [`SELECT * FROM "${music}" WHERE ORDER BY Artist`, `${bad}Unexpected keyword`],
    [`SELECT * FROM "${music}" WHERE IS NULL`, `${bad}Unexpected operator`],
    [`SELECT * FROM "${music}" WHERE Artist = LIKE`, `${bad}Unexpected operator`],
    [`SELECT * FROM "${music}" WHERE Artist IS FOO`, `${bad}Expected type name`],
    [`SELECT * FROM "${music}" WHERE Artist = 'a' foo`, `${bad}Unexpected token after expression`],
    [`SELECT * FROM "${music}" WHERE Artist = 'a')`, `${bad}Unexpected token after expression`],
    [`DELETE FROM "${music}" WHERE Artist = 'a' ORDER BY Artist`, `${bad}Unexpected token after expression`],
    [`SELECT * FROM "${music}" WHERE Artist = 1 # note`, bad],
    [`SELECT * FROM "${music}" WHERE Artist = 1 /* note`, bad],
    [`SELECT * FROM "${music}`, bad],
    [`FROM "${music}" SET c = 1 WHERE Artist = 'x'`, `${bad}Unexpected token after expression`],
    ['SELECT * FROM', `${bad}Unexpected term`],
    ['DELETE FROM', `${bad}Expected identifier for simple path`],
    [`SELECT * FROM "${music}" t WHERE Artist = 'x'`, 'Aliasing is not supported'],
    [`SELECT * FROM "${music}" WHERE attribute_exists(m.inner)`, `${bad}Invalid path dot component`],
    [
      `INSERT INTO "${music}" VALUE {'Artist': 'x', 'm': {'x': 1e126}}`,
      'Number overflow. Attempting to store a number with magnitude larger than supported range under root.x',
    ],
    [`UPDATE "${music}" SET a = set_add(a, <<>>) WHERE Artist = 'x'`, 'Empty bags are not supported'],
    [
      `SELECT * FROM "${music}" WHERE attribute_exists('ss')`,
      'Operator or function requires a document path; operator or function: attribute_exists',
    ],
    [
      `DELETE FROM "${music}" WHERE Artist = 'x' RETURNING MODIFIED OLD *`,
      'Invalid returning clause: RETURNING MODIFIED OLD *. Only RETURNING ALL OLD * is allowed in DELETE statements.',
    ],
    [
      `SELECT * FROM "${music}" ORDER BY Artist`,
      'Must have at least one non-optional hash key condition in WHERE clause when using ORDER BY clause.',
    ],
    [`SELECT * FROM "${music}" WHERE Artist = ?`, "Number of parameters in request and statement don't match."],
  ];
  for (const [statement, message] of cases) await assert.rejects(execute(statement), fails(message), statement);
  const position = (statement: string, token: string) => `1:${statement.indexOf(token) + 1}:${token.length}`;
  const exists = `SELECT * FROM "${music}" WHERE EXISTS(ss)`;
  await assert.rejects(execute(exists), fails(`Unrecognized function: exists at ${position(exists, 'EXISTS')}`));
  const add = `UPDATE "${music}" SET t = set_add(ss, <<'x'>>) WHERE Artist = 'x'`;
  await assert.rejects(
    execute(add),
    fails(`The first argument to SET_ADD must equal the assignment value at ${position(add, 'set_add')}`),
  );
  await assert.rejects(
    execute('SELECT * FROM "no-such-table" WHERE pk = ? AND v < ?', [{ S: 'x' }, { BOOL: true }]),
    fails('Incorrect operand type for operator or function; operator or function: <, operand type: BOOL'),
  );
  await assert.rejects(
    execute('SELECT * FROM "no-such-table" WHERE pk = 1'),
    fails('Requested resource not found', 'ResourceNotFoundException'),
  );
});

test('batches answer each statement for itself', async () => {
  const { Responses, ConsumedCapacity } = await node.client.batchExecuteStatement({
    Statements: [
      { Statement: `SELECT Note FROM "${orders}" WHERE OrderID = 100 AND Line = 2`, ConsistentRead: true },
      { Statement: `SLECT * FROM "${orders}"` },
      { Statement: `SELECT * FROM "${orders}" WHERE OrderID = 100` },
      { Statement: 'SELECT * FROM "no-such-table" WHERE pk = 1' },
    ],
    ReturnConsumedCapacity: 'TOTAL',
  });
  assert.deepEqual(
    Responses?.map(({ Error: error }) => error?.Code),
    [undefined, 'ValidationError', 'ValidationError', 'ResourceNotFound'],
  );
  assert.deepEqual(Responses?.[0], { TableName: orders, Item: { Note: { S: 'n100/2' } } });
  assert.match(Responses![2]!.Error!.Message!, /must specify the primary key in the where clause/);
  assert.equal(ConsumedCapacity?.find(({ TableName }) => TableName === orders)?.CapacityUnits, 1);
  const written = await node.client.batchExecuteStatement({
    Statements: [
      { Statement: `INSERT INTO "${music}" VALUE {'Artist': 'batch', 'SongTitle': '1'}` },
      { Statement: `UPDATE "${music}" SET x = 1 WHERE Artist = 'nobody' AND SongTitle = '1'` },
    ],
  });
  assert.deepEqual(
    written.Responses?.map(({ Error: error }) => error?.Code),
    [undefined, 'ConditionalCheckFailed'],
  );
});

test('what SET adds to may be a function, on either side', async () => {
  const key = "Artist = 'sums' AND SongTitle = '1'";
  await execute(`INSERT INTO "${music}" VALUE {'Artist': 'sums', 'SongTitle': '1'}`);
  for (const [sum, n] of [
    ['if_not_exists(n, 0) + 1', '1'],
    ['5 - if_not_exists(n, 0)', '4'],
    ['if_not_exists(n, 0) - if_not_exists(m, 2)', '2'],
  ] as const) {
    const { Items } = await execute(`UPDATE "${music}" SET n = ${sum} WHERE ${key} RETURNING MODIFIED NEW *`);
    assert.deepEqual(Items, [{ n: { N: n } }], sum);
  }
});

test('a batch that reads and writes is refused whole', async () => {
  const Statements = [
    { Statement: `INSERT INTO "${music}" VALUE {'Artist': 'mixed', 'SongTitle': '1'}` },
    { Statement: `SLECT * FROM "${orders}"` },
    { Statement: `SELECT Note FROM "${orders}" WHERE OrderID = 100 AND Line = 2` },
  ];
  await assert.rejects(
    node.client.batchExecuteStatement({ Statements }),
    fails('The entire batch must consist of either read statements or write statements, you cannot mix both'),
  );
  assert.deepEqual((await execute(`SELECT * FROM "${music}" WHERE Artist = 'mixed'`)).Items, []);
});

test('IS asks for types by the names of PartiQL, and functions are compared with true and false', async () => {
  const key = "Artist = 'types' AND SongTitle = '1'";
  const values: readonly AttributeValue[] = [
    { BOOL: false },
    { NULL: true },
    { S: 's' },
    { N: '1' },
    { B: Uint8Array.of(1) },
    { L: [] },
    { M: {} },
    { SS: ['a'] },
    { NS: ['1'] },
    { BS: [Uint8Array.of(1)] },
  ];
  const names = values.map((value) => Object.keys(value)[0]!);
  await execute(
    `INSERT INTO "${music}" VALUE {'Artist': 'types', 'SongTitle': '1', ${names.map((name) => `'${name}': ?`).join()}}`,
    [...values],
  );
  const holds = async (condition: string) =>
    (await execute(`SELECT * FROM "${music}" WHERE ${key} AND ${condition}`)).Items!.length === 1;
  const of = async (type: string) => {
    const found: string[] = [];
    for (const name of names) {
      const is = await holds(`"${name}" IS ${type}`);
      assert.equal(await holds(`"${name}" IS NOT ${type}`), !is, `${name} ${type}`);
      if (is) found.push(name);
    }
    return found.join(' ');
  };
  const types = { BOOL: 'BOOL', boolean: 'BOOL', Null: 'NULL', STRING: 'S', DECIMAL: 'N', NUMERIC: 'N', BLOB: 'B' };
  for (const [type, name] of Object.entries(types)) assert.equal(await of(type), name, type);
  for (const [type, name] of Object.entries({ LIST: 'L', STRUCT: 'M', TUPLE: 'M', BAG: 'SS NS BS', MISSING: '' }))
    assert.equal(await of(type), name, type);
  assert.ok(await holds('attribute_exists(S) = true'));
  assert.ok(await holds("begins_with(S, 'x') = false"));
  assert.ok(await holds("contains(S, 'x') <> true"));
  assert.ok(!(await holds('attribute_not_exists(S) <> FALSE')));
  for (const condition of ['attribute_exists(S) = 1', 'attribute_exists(S) < true', '1 = attribute_exists(S)'])
    await assert.rejects(
      holds(condition),
      fails('The function is not allowed to be used this way in an expression; function: attribute_exists'),
      condition,
    );
});

test('transactions write all or nothing, once under a token, and read at one moment', async () => {
  const statement = (Statement: string) => ({ Statement });
  const insert = (title: string) =>
    statement(`INSERT INTO "${music}" VALUE {'Artist': 'tx', 'SongTitle': '${title}', 'n': 0}`);
  await node.client.executeTransaction({ TransactStatements: [insert('1'), insert('2')] });
  await assert.rejects(node.client.executeTransaction({ TransactStatements: [insert('3'), insert('1')] }), {
    name: 'TransactionCanceledException',
    message: 'Transaction cancelled, please refer cancellation reasons for specific reasons [None, DuplicateItem]',
  });
  const increment = {
    TransactStatements: [
      statement(`UPDATE "${music}" SET n = n + 1 WHERE Artist = 'tx' AND SongTitle = '1'`),
      statement(`EXISTS(SELECT * FROM "${music}" WHERE Artist = 'tx' AND SongTitle = '2' AND n = 0)`),
    ],
    ClientRequestToken: 'once',
    ReturnConsumedCapacity: 'TOTAL' as const,
  };
  const first = await node.client.executeTransaction(increment);
  const replay = await node.client.executeTransaction(increment);
  assert.equal(first.ConsumedCapacity?.[0]?.WriteCapacityUnits, 4);
  assert.equal(replay.ConsumedCapacity?.[0]?.ReadCapacityUnits, 4);
  const select = (title: string) =>
    statement(`SELECT n FROM "${music}" WHERE Artist = 'tx' AND SongTitle = '${title}'`);
  const { Responses } = await node.client.executeTransaction({ TransactStatements: [select('1'), select('3')] });
  assert.deepEqual(Responses, [{ Item: { n: { N: '1' } } }, {}]);
  const refusals: readonly [string, string][] = [
    [
      `UPDATE "${music}" SET n = 1 WHERE Artist = 'tx' AND SongTitle = '1' RETURNING ALL NEW *`,
      'RETURNING clause is not supported in ExecuteTransaction.',
    ],
    [
      `SELECT * FROM "${orders}"."by-customer" WHERE Customer = 'x'`,
      'Reads on indices are not supported within transactions.',
    ],
    [
      `SELECT * FROM "${music}" WHERE Artist = 'tx'`,
      'Select statements within ExecuteTransaction must specify the primary key in the where clause.',
    ],
    [`SELECT * FROM "${music}" WHERE`, "Statement wasn't well formed, can't be processed: Unexpected term"],
  ];
  for (const [text, message] of refusals)
    await assert.rejects(
      node.client.executeTransaction({ TransactStatements: [statement(text)] }),
      fails(`Validation failed in TransactStatements[0]: ${message}`),
    );
  const parameter = statement(`UPDATE "${music}" SET n = ? WHERE Artist = 'tx' AND SongTitle = '1'`);
  await assert.rejects(
    node.client.executeTransaction({ TransactStatements: [{ ...parameter, Parameters: [{ L: [{ N: 'abc' }] }] }] }),
    fails('The parameter cannot be converted to a numeric value: abc'),
  );
});
