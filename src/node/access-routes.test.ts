import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AdminRequest } from '../gateway/console/index.ts';
import { accessApi } from './access-routes.ts';

const api = accessApi({
  review: { refusals: () => [], explain: () => Promise.reject(new Error('not asked')) },
  users: {
    list: () => [],
    setPassword: () => Promise.reject(new Error('not asked')),
    delete: () => Promise.reject(new Error('not asked')),
  },
});

test('a path that is not well encoded is refused, and no failure of the server', async () => {
  for (const [method, path] of [
    ['GET', '/_millrace/access/users/%zz'],
    ['POST', '/_millrace/access/users/%e0%a4/password'],
    ['POST', '/_millrace/access/%/x/y'],
  ] as const) {
    const request: AdminRequest = {
      method,
      path,
      query: new URLSearchParams(),
      body: Buffer.from('{}'),
      caller: 'test',
    };
    const { status, body } = await api.handle(request);
    assert.equal(status, 400, path);
    assert.match(JSON.stringify(body), /not well encoded/);
  }
});
