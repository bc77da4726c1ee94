import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Ajv } from 'ajv';
import fc from 'fast-check';
import { EMF_LIMITS, readEmf } from './emf.ts';

/** The example of the specification. */
const EXAMPLE = {
  _aws: {
    Timestamp: 1574109732004,
    CloudWatchMetrics: [
      {
        Namespace: 'lambda-function-metrics',
        Dimensions: [['functionVersion']],
        Metrics: [{ Name: 'time', Unit: 'Milliseconds', StorageResolution: 60 }],
      },
    ],
  },
  functionVersion: '$LATEST',
  time: 100,
  requestId: '989ffbf8-9ace-4817-a57c-e4dd734019ee',
};

const name = { type: 'string', pattern: '^(.*)$', minLength: 1, maxLength: 255 };
const scaled = ['Bytes', 'Bits'].flatMap((unit) =>
  ['', 'Kilo', 'Mega', 'Giga', 'Tera'].map((scale) => (scale ? `${scale}${unit.toLowerCase()}` : unit)),
);
const units = ['Seconds', 'Microseconds', 'Milliseconds', ...scaled, 'Percent', 'Count'];
const rates = [...scaled, 'Count'].map((unit) => `${unit}\\/Second`);

/** The schema of the specification, with the 30 dimensions that CloudWatch takes today and the storage resolutions it names. */
const SCHEMA = {
  type: 'object',
  required: ['_aws'],
  properties: {
    _aws: {
      type: 'object',
      required: ['Timestamp', 'CloudWatchMetrics'],
      properties: {
        Timestamp: { type: 'integer' },
        CloudWatchMetrics: {
          type: 'array',
          items: {
            type: 'object',
            required: ['Namespace', 'Dimensions', 'Metrics'],
            properties: {
              Namespace: name,
              Dimensions: {
                type: 'array',
                minItems: 1,
                items: { type: 'array', minItems: 0, maxItems: 30, items: name },
              },
              Metrics: {
                type: 'array',
                items: {
                  type: 'object',
                  required: ['Name'],
                  properties: {
                    Name: name,
                    Unit: { type: 'string', pattern: `^(${[...units, ...rates, 'None'].join('|')})$` },
                    StorageResolution: { enum: [1, 60] },
                  },
                },
              },
            },
          },
        },
      },
    },
  },
};

const read = (document: unknown) => readEmf(JSON.stringify(document));

test("the specification's example gives its metric", () => {
  const metric = {
    namespace: 'lambda-function-metrics',
    name: 'time',
    dimensions: { functionVersion: '$LATEST' },
    unit: 'Milliseconds',
    values: [100],
    time: 1574109732004,
  };
  assert.deepEqual(read(EXAMPLE), { kind: 'metrics', metrics: [metric] });
});

test('a document after what Lambda puts before a line is one; other lines are none', () => {
  const line = `2026-11-28T10:00:00.000Z\te4b46cbf-b738-4880\tINFO\t${JSON.stringify(EXAMPLE)}`;
  assert.equal(readEmf(line).kind, 'metrics');
  for (const other of [
    '',
    'text',
    '{}',
    '{"a": 1}',
    'a {"_aws": 1}',
    '{"message": "not \\"_aws\\" here"}',
    '{"deep": {"_aws": {}}}',
    '["_aws"]',
    'START RequestId: 1 Version: $LATEST',
  ]) {
    assert.equal(readEmf(other).kind, 'none', other);
  }
  assert.equal(readEmf('{"_aws": {"Timestamp": 1}, }').kind, 'unparsable');
});

test('limits: 100 metrics, 30 dimensions, 100 values, and not one more', () => {
  const many = (count: number) => Array.from({ length: count }, (_, index) => `n${index}`);
  const document = (metrics: number, dimensions: number, values: number) => ({
    _aws: {
      Timestamp: 1,
      CloudWatchMetrics: [
        {
          Namespace: 'n',
          Dimensions: [many(dimensions)],
          Metrics: many(metrics).map((Name) => ({ Name: `m${Name}` })),
        },
      ],
    },
    ...Object.fromEntries(many(dimensions).map((one) => [one, 'v'])),
    ...Object.fromEntries(many(metrics).map((one) => [`m${one}`, Array(values).fill(1)])),
  });
  assert.equal(read(document(100, 30, 100)).kind, 'metrics');
  for (const [metrics, dimensions, values] of [
    [101, 1, 1],
    [1, 31, 1],
    [1, 1, 101],
  ] as const) {
    assert.equal(read(document(metrics, dimensions, values)).kind, 'invalid');
  }
});

test('a document cannot ask for more lines than are allowed, however its sets multiply', () => {
  const Metrics = Array.from({ length: 100 }, () => ({ Name: 'a' }));
  const Dimensions = Array.from({ length: EMF_LIMITS.linesMax / 100 + 1 }, () => []);
  const document = { _aws: { Timestamp: 1, CloudWatchMetrics: [{ Namespace: 'n', Dimensions, Metrics }] }, a: 1 };
  assert.equal(read(document).kind, 'invalid');
  assert.equal(read({ ...document, _aws: { Timestamp: 1, CloudWatchMetrics: [] } }).kind, 'metrics');
});

test('targets are members of the root: no path, no prototype, of the right kind', () => {
  const withTargets = (Dimensions: unknown, Name: string, rest: object) =>
    read({ _aws: { Timestamp: 1, CloudWatchMetrics: [{ Namespace: 'n', Dimensions, Metrics: [{ Name }] }] }, ...rest });
  assert.equal(withTargets([[]], 'A.a', { 'A.a': 1 }).kind, 'metrics');
  assert.equal(withTargets([[]], 'A.a', { A: { a: 1 } }).kind, 'invalid');
  assert.equal(withTargets([[]], 'constructor', {}).kind, 'invalid');
  assert.equal(withTargets([['d']], 'a', { a: 1, d: 7 }).kind, 'invalid');
  assert.equal(withTargets([['d']], 'a', { a: 1, d: '' }).kind, 'invalid');
  assert.equal(withTargets([[]], 'a', { a: '1' }).kind, 'invalid');
  assert.equal(withTargets([[]], 'a', { a: [1, null] }).kind, 'invalid');
  assert.equal(readEmf(JSON.stringify(EXAMPLE).replace(':100,', ':1e999,')).kind, 'invalid');
});

/** A valid document in which some members are replaced. */
const spoiled = fc.record({
  namespace: fc.oneof({ weight: 4, arbitrary: fc.constant('n') }, fc.string({ maxLength: 300 }), fc.constant(7)),
  dimensions: fc.oneof(
    { weight: 4, arbitrary: fc.constant([['d']]) },
    fc.constant([]),
    fc.constant('d'),
    fc.constant([[], ['d', 'd']]),
    fc.constant([[3]]),
    fc.constant([Array(31).fill('d')]),
  ),
  unit: fc.constantFrom('Count', 'Gigabits/Second', 'None', 'Bytes', 'Meters', '', 3, 'bytes'),
  resolution: fc.constantFrom(1, 60, 30, '60'),
  timestamp: fc.oneof({ weight: 4, arbitrary: fc.integer() }, fc.double(), fc.constant(null)),
  metrics: fc.oneof(
    { weight: 4, arbitrary: fc.constant('given') },
    fc.constant({}),
    fc.constant([7]),
    fc.constant([{}]),
  ),
});

test('what the published schema takes is taken, and what it refuses is refused', () => {
  const accepts = new Ajv().compile(SCHEMA);
  fc.assert(
    fc.property(spoiled, ({ namespace, dimensions, unit, resolution, timestamp, metrics }) => {
      const given = [{ Name: 'm', Unit: unit, StorageResolution: resolution }];
      const Metrics = metrics === 'given' ? given : metrics;
      const directive = { Namespace: namespace, Dimensions: dimensions, Metrics };
      const document = JSON.parse(
        JSON.stringify({ _aws: { Timestamp: timestamp, CloudWatchMetrics: [directive] }, d: 'v', m: 1 }),
      );
      assert.equal(read(document).kind === 'metrics', accepts(document), JSON.stringify(document));
    }),
    { numRuns: 1000 },
  );
});

test('nothing that a function may write makes the reader throw', () => {
  const value = fc.oneof(fc.json(), fc.string());
  fc.assert(
    fc.property(value, fc.boolean(), (text, wrapped) => {
      const line = wrapped ? `{"_aws":${text}}` : `{${text}"_aws"}`;
      assert.ok(['none', 'unparsable', 'invalid', 'metrics'].includes(readEmf(line).kind));
    }),
    { numRuns: 500 },
  );
});
