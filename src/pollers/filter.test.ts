import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compileFilter } from './filter.ts';
import type { SourceRecord } from './source.ts';

function record(payload: string, partitionKey = 'p1'): SourceRecord {
  const body = Buffer.from(payload);
  const kinesis = { partitionKey, data: body.toString('base64') };
  const toEvent = () => JSON.stringify({ kinesis, eventSource: 'aws:kinesis' });
  return { id: '1', orderingKey: partitionKey, arrivedAt: 0, sizeBytes: body.length, body, toEvent };
}

const keeps = (patterns: readonly unknown[], one: SourceRecord) =>
  compileFilter(
    patterns.map((pattern) => JSON.stringify(pattern)),
    'data',
  ).keeps(one);

test('a pattern on the payload is matched against its JSON', () => {
  const pattern = { data: { order: { type: ['buy'], quantity: [{ numeric: ['>', 10] }] } } };
  assert.equal(keeps([pattern], record('{"order":{"type":"buy","quantity":11}}')), true);
  assert.equal(keeps([pattern], record('{"order":{"type":"buy","quantity":10}}')), false);
});

test('one matching pattern of several is enough', () => {
  assert.equal(keeps([{ data: { a: [1] } }, { data: { a: [2] } }], record('{"a":2}')), true);
});

test('a payload that is no JSON is dropped by a JSON pattern, even by one that asks for absence', () => {
  assert.equal(keeps([{ data: { a: [{ exists: false }] } }], record('plain')), false);
  assert.equal(keeps([{ data: { a: [{ exists: false }] } }], record('{}')), true);
});

test('a plain string pattern is matched against plain payloads only', () => {
  assert.equal(keeps([{ data: ['plain'] }], record('plain')), true);
  assert.equal(keeps([{ data: [{ prefix: '{' }] }], record('{"a":1}')), false);
});

test('metadata is matched beside the payload', () => {
  assert.equal(keeps([{ partitionKey: ['p1'] }], record('plain')), true);
  assert.equal(keeps([{ kinesis: { partitionKey: ['p2'] }, data: { a: [1] } }], record('{"a":1}', 'p2')), true);
  assert.equal(keeps([{ partitionKey: ['p1'], data: { a: [1] } }], record('{"a":1}', 'p2')), false);
});

test('a pattern that says nothing is refused by code', () => {
  assert.throws(() => keeps([{ data: {} }], record('{}')), { code: 'pattern-invalid' });
});

test('changes of tables are matched by their images and their names', () => {
  const dynamodb = { Keys: { id: { S: 'a' } }, NewImage: { id: { S: 'a' }, state: { S: 'hot' }, level: { N: '7' } } };
  const change = (eventName: string): SourceRecord => ({
    ...record(JSON.stringify(dynamodb)),
    toEvent: () => JSON.stringify({ eventName, dynamodb }),
  });
  const kept = (pattern: unknown) =>
    ['INSERT', 'REMOVE'].filter((name) => compileFilter([JSON.stringify(pattern)], 'dynamodb').keeps(change(name)));
  assert.deepEqual(kept({ dynamodb: { NewImage: { state: { S: ['hot'] } } } }), ['INSERT', 'REMOVE']);
  assert.deepEqual(kept({ dynamodb: { NewImage: { state: { S: [{ 'anything-but': ['hot'] }] } } } }), []);
  assert.deepEqual(kept({ eventName: ['REMOVE'] }), ['REMOVE']);
  assert.deepEqual(kept({ eventName: ['INSERT'], dynamodb: { OldImage: [{ exists: false }] } }), ['INSERT']);
});
