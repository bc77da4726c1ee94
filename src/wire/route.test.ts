import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findDestination } from './route.ts';

/** As `curl -d` sends it. */
const posted = (path: string) =>
  findDestination({
    method: 'POST',
    path,
    query: '',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    authority: '127.0.0.1:4566',
  });

test('a payload that looks like a form goes where its path says', () => {
  for (const [path, service] of [
    ['/2015-03-31/functions/hello/invocations', 'lambda'],
    ['/topics/plant/pump-1', 'iotdata'],
    ['/v2/apis', 'apigatewayv2'],
  ] as const) {
    const found = posted(path);
    assert.deepEqual([found.kind, found.kind === 'service' && found.service], ['service', service], path);
  }
});

test('forms go to the root and to queues', () => {
  for (const path of ['/', '/000000000000/orders']) assert.deepEqual(posted(path), { kind: 'form' });
});
