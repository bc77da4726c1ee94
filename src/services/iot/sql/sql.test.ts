import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { seededRandom } from '../../../base/index.ts';
import { IotError } from '../errors.ts';
import { PayloadNotJson } from './compile.ts';
import { NOT_JSON, type RuleMessage } from './message.ts';
import { compileStatement, compileTemplate } from './statement.ts';
import type { Value } from './values.ts';

function message(payload: unknown, topic = 'plant/7/temperature'): RuleMessage {
  const bytes = Buffer.isBuffer(payload) ? payload : Buffer.from(JSON.stringify(payload));
  return {
    topic,
    levels: topic.split('/'),
    payload: bytes,
    clientId: 'pump-1',
    principal: undefined,
    traceId: undefined,
    receivedAt: 1_767_225_600_123,
    random: seededRandom(1),
    json: () => {
      try {
        return JSON.parse(bytes.toString()) as Value;
      } catch {
        return NOT_JSON;
      }
    },
  };
}

/** The rule's result for a payload: an object, or `undefined` when WHERE does not hold. */
function run(sql: string, payload: unknown = {}, version = '2016-03-23'): unknown {
  const result = compileStatement(sql, version).evaluate(message(payload));
  return result && JSON.parse(result.toString());
}

/** The value of one expression; `undefined` is Undefined. */
const value = (expression: string, payload: unknown = {}) =>
  (run(`SELECT ${expression} AS v FROM 'a'`, payload) as { v?: unknown }).v;

test('SELECT lists items, renames, nests aliases and adds to the payload', () => {
  const payload = { color: { red: 255 }, temperature: 50, list: [1, [2, 3]] };
  assert.deepEqual(run("SELECT temperature FROM 'a/b'", payload), { temperature: 50 });
  assert.deepEqual(run("SELECT color.red as red_value FROM 'a/b'", payload), { red_value: 255 });
  assert.deepEqual(run("SELECT color.red FROM 'a/b'", payload), { red: 255 });
  assert.deepEqual(run("SELECT *, 15 as speed FROM 'a/b'", payload), { ...payload, speed: 15 });
  assert.deepEqual(run("SELECT list[1][0] AS x, list[9] AS y FROM 'a/b'", payload), { x: 2 });
  assert.deepEqual(run("SELECT temperature AS state.reported.t, 1 AS state.n FROM 'a'", payload), {
    state: { reported: { t: 50 }, n: 1 },
  });
  assert.deepEqual(run("SELECT (temperature - 32) * 5 / 9 AS celsius, upper('x') FROM 'a'", payload), {
    celsius: 10,
    upper: 'X',
  });
  assert.equal(run("SELECT VALUE temperature FROM 'a'", payload), 50);
  assert.deepEqual(run("SELECT {'a': temperature, 'b': [1, color.red]} AS o FROM 'a'", payload), {
    o: { a: 50, b: [1, 255] },
  });
});

test('SELECT * alone passes bytes through, JSON or not', () => {
  const binary = Buffer.from([0, 255, 1]);
  const statement = compileStatement("SELECT * FROM 'a/#'");
  assert.equal(statement.passesThrough, true);
  assert.equal(statement.evaluate(message(binary)), statement.evaluate(message(binary)) && binary);
  assert.equal(compileStatement("SELECT * FROM 'a' WHERE timestamp() > 0").evaluate(message(binary)), binary);
  assert.deepEqual(run("SELECT encode(*, 'base64') AS data, topic() AS t FROM 'a'", binary), {
    data: 'AP8B',
    t: 'plant/7/temperature',
  });
  assert.throws(() => run("SELECT *, 1 AS x FROM 'a'", binary), PayloadNotJson);
  assert.throws(() => run("SELECT * FROM 'a' WHERE x = 1", binary), PayloadNotJson);
});

test('WHERE runs the rule only when it is true, not when it is Undefined', () => {
  const sql = (where: string) => `SELECT * FROM 'a' WHERE ${where}`;
  assert.deepEqual(run(sql('t > 20 AND NOT off'), { t: 21, off: false }), { t: 21, off: false });
  assert.equal(run(sql('t > 20'), { t: 20 }), undefined);
  assert.equal(run(sql('missing > 20'), { t: 20 }), undefined);
  assert.equal(run(sql('NOT missing'), {}), undefined);
  assert.equal(run(sql('missing OR true'), {}), undefined);
  assert.deepEqual(run(sql("'TRUE'"), {}), {});
  assert.equal(run(sql('1'), {}), undefined);
});

test('operators follow the tables of the reference', () => {
  const rows: readonly [string, unknown][] = [
    ['1 + 2', 3],
    ["'1' + 2", '12'],
    ["1 + 'a'", '1a'],
    ["'a' + null", undefined],
    ['true + 1', undefined],
    ["'3' - '1.5'", 1.5],
    ["'x' - 1", undefined],
    ['7 / 2', 3],
    ['7.5 / 2', 3.75],
    ['1 / 0', undefined],
    ['7 % 4', 3],
    ["'7' > 3", true],
    ["'a' > 3", undefined],
    ['null = null', true],
    ['null <> null', false],
    ['undefined = 1', undefined],
    ["1 = '1'", false],
    ["1 <> '1'", true],
    ['[1, {"a": 2}] = [1, {"a": 2}]', true],
    ['[1, 2] = [2, 1]', false],
    ['2 IN [1, 2]', true],
    ['3 IN (1, 2)', false],
    ["'b' NOT IN ('a')", true],
    ['missing IN [1]', undefined],
    ['-(-3)', 3],
    ['2 + 3 * 4', 14],
    ['(2 + 3) * 4', 20],
    ['1 != 2', true],
    ["'it''s'", "it's"],
  ];
  for (const [expression, expected] of rows) assert.deepEqual(value(expression), expected, expression);
});

test('functions give what the reference gives', () => {
  const rows: readonly [string, unknown][] = [
    ['topic()', 'plant/7/temperature'],
    ['topic(2)', '7'],
    ['topic(9)', undefined],
    ['clientid()', 'pump-1'],
    ['timestamp()', 1_767_225_600_123],
    ['accountid()', '000000000000'],
    ['principal()', undefined],
    ['sql_version()', '2016-03-23'],
    ['abs(-5)', 5],
    ["abs('-5.5')", 5.5],
    ['abs(true)', undefined],
    ['ceil(1.2)', 2],
    ['floor(-1.2)', -2],
    ['round(-1.5)', -2],
    ['round(1.5)', 2],
    ['sqrt(9)', 3],
    ['sqrt(-1)', undefined],
    ['power(2, 5)', 32],
    ['mod(8, 3)', 2],
    ['trunc(2.888, 2)', 2.88],
    ['bitand(13, 5)', 5],
    ['concat(1, "hello")', '1hello'],
    ['concat([1, 2], "x", [3])', [1, 2, 'x', 3]],
    ['concat(1, 2)', undefined],
    ["lower('HELLO')", 'hello'],
    ['upper(["hello"])', '["HELLO"]'],
    ['length(false)', 5],
    ['substring("012345", 2.745)', '2345'],
    ['substring("012345", -50, 50)', '012345'],
    ['substring("012345", 3, 1)', ''],
    ['substring(true, 1.2)', 'rue'],
    ['startswith("ranger", "ran")', true],
    ['endswith("cat", "at")', true],
    ['endswith(null, "at")', undefined],
    ['indexof("abcd", "bc")', 1],
    ['regexp_matches("aaaa", "a{2,}")', true],
    ['regexp_matches("a7", "\\d")', true],
    ['regexp_matches("a", "(")', undefined],
    ['regexp_replace("abcd", "b(.*)d", "$1")', 'ac'],
    ['regexp_substr("hihihello", "(hi)*")', 'hihi'],
    ['trim(" hi ")', 'hi'],
    ['replace("abcdabcd", "b", "x")', 'axcdaxcd'],
    ['lpad("hello", 2)', '  hello'],
    ['isNull(null)', true],
    ['isUndefined(floor([1, 2]))', true],
    ['nanvl(missing, 3)', 3],
    ['encode("hi", "base64")', 'aGk='],
    ['decode("eyAidGVtcGVyYXR1cmUiOiAzMyB9Cg==", "base64").temperature', 33],
    ['decode("%%", "base64")', null],
    ['md5("hello")', '5d41402abc4b2a76b9719d911017c592'],
    ['sha256("")', 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'],
    ['cast(true AS Int)', 1],
    ["cast('2.7' AS Int)", 2],
    ['cast(0 AS Boolean)', false],
    ['cast([1] AS String)', '[1]'],
    ["get(['a', 'b'], 1)", 'b'],
    ["get({'a': 'b'}, 'a')", 'b'],
    ['abs()', undefined],
    ['parse_time("yyyy.MM.dd G \'at\' HH:mm:ss z", 100000000, "America/Belize")', '1970.01.01 AD at 21:46:40 CST'],
    ['parse_time("EEE, d MMM yyyy hh:mm a ZZ", timestamp(), "Europe/Vienna")', 'Thu, 1 Jan 2026 01:00 AM +01:00'],
    ['parse_time("yyyy", 0, "Nowhere/Land")', undefined],
    ["CASE 'b' WHEN 'a' THEN 1 WHEN 'b' THEN 2 ELSE 3 END", 2],
    ['CASE missing WHEN 1 THEN 1 ELSE 2 END', undefined],
    ['CASE WHEN 1 > 2 THEN 1 END', undefined],
  ];
  for (const [expression, expected] of rows) assert.deepEqual(value(expression), expected, expression);
  assert.match(String(value('newuuid()')), /^[0-9a-f]{8}-[0-9a-f]{4}-4/);
});

test('nested queries, EXISTS and transform work on arrays and objects', () => {
  const payload = {
    e: [
      { n: 'temperature', v: 22.5 },
      { n: 'light', v: 135 },
    ],
    attributes: { site: 1 },
  };
  assert.deepEqual(value('(SELECT VALUE n FROM e)', payload), ['temperature', 'light']);
  assert.deepEqual(value("(SELECT v FROM e WHERE n = 'temperature')", payload), [{ v: 22.5 }]);
  assert.equal(value("get((SELECT v FROM e WHERE n = 'temperature'), 0).v", payload), 22.5);
  assert.equal(value("EXISTS (SELECT * FROM e WHERE n = 'light')", payload), true);
  assert.equal(value("EXISTS (SELECT * FROM e WHERE n = 'wind')", payload), false);
  assert.deepEqual(run("SELECT VALUE transform('enrichArray', attributes, e) FROM 'a'", payload), [
    { n: 'temperature', v: 22.5, site: 1 },
    { n: 'light', v: 135, site: 1 },
  ]);
});

test('names of prototypes are names like any other', () => {
  assert.equal(value('constructor'), undefined);
  assert.equal(value('a.__proto__.polluted', { a: {} }), undefined);
  assert.deepEqual(run("SELECT 1 AS __proto__.polluted FROM 'a'"), JSON.parse('{"__proto__": {"polluted": 1}}'));
  assert.equal(({} as Record<string, unknown>).polluted, undefined);
  assert.throws(() => compileStatement("SELECT constructor(1) AS x FROM 'a'"), IotError);
});

test('statements that do not parse are refused with SqlParseException', () => {
  const wrong = [
    '',
    'SELECT',
    "SELECT FROM 'a'",
    'SELECT * FROM a',
    "SELECT * FROM 'a/#/b'",
    "SELECT * FROM 'a' WHERE",
    "SELECT a b FROM 'a'",
    "SELECT f( FROM 'a'",
    "SELECT nothing(1) FROM 'a'",
    "SELECT get_thing_shadow('x', 'y') FROM 'a'",
    "SELECT cast(a AS Blob) FROM 'a'",
    "SELECT 'open FROM 'a'",
    "SELECT a ; FROM 'a'",
    "SELECT CASE a END FROM 'a'",
    `SELECT ${'('.repeat(200)}1${')'.repeat(200)} FROM 'a'`,
    `SELECT ${'NOT '.repeat(200)}a AS x FROM 'a'`,
  ];
  for (const sql of wrong) {
    assert.throws(
      () => compileStatement(sql),
      (error) => error instanceof IotError && error.code === 'sql-invalid',
      sql,
    );
  }
});

test('any text compiles or is refused by name', () => {
  const words =
    "SELECT * FROM 'a' WHERE a . [ ] ( ) { } : , AND OR NOT = < + - * / % 1 'x' CASE WHEN THEN END IN".split(' ');
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...words), { maxLength: 25 }), (parts) => {
      try {
        compileStatement(`SELECT ${parts.join(' ')} FROM 'a'`).evaluate(message({ a: 1 }));
      } catch (error) {
        assert(error instanceof IotError, String((error as Error).stack));
      }
    }),
    { numRuns: 2_000, seed: 3 },
  );
});

test('templates fill in expressions and keep the rest', () => {
  const fill = (text: string, payload: unknown = { id: 'x', n: { m: 2 } }) => compileTemplate(text)(message(payload));
  assert.equal(fill('plain'), 'plain');
  assert.equal(fill('${topic(2)}'), '7');
  assert.equal(fill('device/${id}/${n.m + 1}'), 'device/x/3');
  assert.equal(fill("${concat('}', id)}!"), '}x!');
  assert.equal(fill("${get({'a': id}, 'a')}"), 'x');
  assert.equal(fill('a${missing}b'), 'ab');
  assert.equal(fill('${n}'), '{"m":2}');
  assert.throws(() => compileTemplate('${id'), IotError);
  assert.throws(() => compileTemplate('${id +}'), IotError);
});
