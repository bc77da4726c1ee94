import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { compilePattern, parsePattern } from './index.ts';

const matches = (pattern: unknown, event: unknown) => compilePattern(pattern).matches(event);

/** Pattern, events that match, events that do not. */
const CASES: readonly (readonly [name: string, pattern: unknown, yes: readonly unknown[], no: readonly unknown[]])[] = [
  ['exact string', { a: ['x'] }, [{ a: 'x' }, { a: ['y', 'x'] }], [{ a: 'X' }, { a: 1 }, {}, { a: null }]],
  ['exact number', { a: [300] }, [{ a: 300 }, { a: 3.0e2 }], [{ a: '300' }, { a: 301 }]],
  ['boolean and null', { a: [true, null] }, [{ a: true }, { a: null }], [{ a: false }, {}, { a: 'null' }]],
  ['empty string', { a: [''] }, [{ a: '' }], [{ a: ' ' }, {}]],
  ['prefix', { a: [{ prefix: 'ab' }] }, [{ a: 'abc' }], [{ a: 'bab' }, { a: 1 }]],
  ['prefix without case', { a: [{ prefix: { 'equals-ignore-case': 'aB' } }] }, [{ a: 'ABc' }], [{ a: 'ba' }]],
  ['suffix', { a: [{ suffix: '.png' }] }, [{ a: 'x.png' }], [{ a: 'x.PNG' }]],
  ['suffix without case', { a: [{ suffix: { 'equals-ignore-case': '.png' } }] }, [{ a: 'x.PNG' }], [{ a: 'x.jpg' }]],
  ['equals-ignore-case', { a: [{ 'equals-ignore-case': 'Alice' }] }, [{ a: 'aLICE' }], [{ a: 'bob' }]],
  ['anything-but', { a: [{ 'anything-but': ['x', 1] }] }, [{ a: 'y' }, { a: 2 }], [{ a: 'x' }, { a: 1 }, {}]],
  ['anything-but, an array', { a: [{ 'anything-but': ['x'] }] }, [{ a: ['x', 'y'] }], [{ a: ['x'] }, { a: [] }]],
  ['anything-but prefix', { a: [{ 'anything-but': { prefix: 'in' } }] }, [{ a: 'out' }], [{ a: 'inside' }]],
  ['anything-but suffixes', { a: [{ 'anything-but': { suffix: ['a', 'b'] } }] }, [{ a: 'xc' }], [{ a: 'xb' }]],
  ['numeric equal', { a: [{ numeric: ['=', 100] }] }, [{ a: 100 }, { a: 1e2 }], [{ a: 101 }, { a: '100' }]],
  ['numeric range', { a: [{ numeric: ['>', 0, '<=', 5] }] }, [{ a: 5 }, { a: 0.1 }], [{ a: 0 }, { a: 5.1 }, {}]],
  ['exists', { a: [{ exists: true }] }, [{ a: 0 }, { a: null }], [{}, { a: { b: 1 } }]],
  ['does not exist', { a: { b: [{ exists: false }] } }, [{}, { a: {} }, { a: 1 }], [{ a: { b: '' } }]],
  ['wildcard', { a: [{ wildcard: 'dir/*/*.png' }] }, [{ a: 'dir/x/y.png' }, { a: 'dir//.png' }], [{ a: 'dir/.png' }]],
  ['wildcard escaped', { a: [{ wildcard: 'a\\*b*' }] }, [{ a: 'a*bc' }], [{ a: 'axbc' }]],
  ['cidr', { a: [{ cidr: '10.0.0.0/24' }] }, [{ a: '10.0.0.255' }], [{ a: '10.0.1.0' }, { a: 'no' }, { a: 1 }]],
  ['nested', { d: { state: ['x'], n: [1] } }, [{ d: { state: 'x', n: 1, more: 2 } }], [{ d: { state: 'x' } }]],
  [
    'an array of objects matches within one element',
    { items: { id: [1], ok: [true] } },
    [{ items: [{ id: 1, ok: true }, { id: 2 }] }],
    [
      {
        items: [
          { id: 1, ok: false },
          { id: 2, ok: true },
        ],
      },
    ],
  ],
  [
    '$or among other keys',
    { source: ['s'], $or: [{ a: [1] }, { b: { c: ['x'] } }] },
    [
      { source: 's', a: 1 },
      { source: 's', b: { c: 'x' } },
    ],
    [{ source: 's', a: 2 }, { a: 1 }],
  ],
  ['inherited names are no keys', { toString: [{ exists: true }] }, [{ toString: 'x' }], [{}]],
];

for (const [name, pattern, yes, no] of CASES) {
  test(`pattern: ${name}`, () => {
    for (const event of yes) assert.equal(matches(pattern, event), true, JSON.stringify(event));
    for (const event of no) assert.equal(matches(pattern, event), false, JSON.stringify(event));
  });
}

const INVALID: readonly unknown[] = [
  [],
  'x',
  {},
  { a: 'x' },
  { a: [] },
  { a: {} },
  { a: [['x']] },
  { a: [{ prefix: 1 }] },
  { a: [{ unknown: 'x' }] },
  { a: [{ constructor: 'x' }] },
  { a: [{ prefix: 'a', suffix: 'b' }] },
  { a: [{ exists: 'yes' }] },
  { a: [{ numeric: ['>', 5, '<', 1] }] },
  { a: [{ numeric: ['!', 5] }] },
  { a: [{ numeric: ['>'] }] },
  { a: [{ numeric: ['=', 6e9] }] },
  { a: [{ 'anything-but': [] }] },
  { a: [{ 'anything-but': { numeric: ['=', 1] } }] },
  { a: [{ wildcard: 'a**' }] },
  { a: [{ cidr: '10.0.0.0' }] },
  { $or: [{ a: [1] }] },
];

test('patterns that say nothing are refused by code', () => {
  for (const pattern of INVALID) {
    assert.throws(() => compilePattern(pattern), { code: 'pattern-invalid' }, JSON.stringify(pattern));
  }
  assert.throws(() => parsePattern('{'), { code: 'pattern-invalid' });
});

test('any JSON is compiled or refused by code, and what compiles matches without throwing', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), (pattern, event) => {
      try {
        compilePattern(pattern).matches(event);
      } catch (error) {
        assert.equal((error as { code?: string }).code, 'pattern-invalid');
      }
    }),
  );
});

test('arrays are looked through however deep they are', () => {
  const pattern = compilePattern({ a: ['x'] });
  const nested = (inner: string) => JSON.parse(`{"a":${'['.repeat(50_000)}${inner}${']'.repeat(50_000)}}`);
  assert.equal(pattern.matches(nested('{"b":1},[],"x"')), true);
  assert.equal(pattern.matches(nested('"y"')), false);
  assert.equal(compilePattern({ a: [{ exists: false }] }).matches(nested('')), true);
});

test('a hostile wildcard takes no more than linear time', () => {
  const pattern = compilePattern({ a: [{ wildcard: `${'*a'.repeat(500)}*b` }] });
  assert.equal(pattern.matches({ a: 'a'.repeat(100_000) }), false);
});

test('top-level keys are known, those inside $or too', () => {
  const pattern = compilePattern({ data: { x: [1] }, $or: [{ partitionKey: ['p'] }, { data: { y: [1] } }] });
  assert.deepEqual([...pattern.keys], ['data', 'partitionKey']);
});
