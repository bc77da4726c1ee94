import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../../../base/index.ts';
import { policyPath } from './paths.ts';

test('each spelling of a path is the same one to policies', () => {
  const rows: readonly (readonly [path: string, ...spellings: string[]])[] = [
    ['/', '', '/', '//', '///'],
    [
      '/orders/admin',
      '/orders/admin',
      '/orders/admin/',
      '/orders/admin//',
      '/%6frders/%61dmin',
      '/orders/%61%64%6D%69%6E/',
    ],
    ['/a%2Fb', '/a%2Fb', '/a%2fb', '/%61%2fb/'],
    [
      "/a@b:c$d&e+f,g;h=i!j*k'(l)",
      "/a@b:c$d&e+f,g;h=i!j*k'(l)",
      '/a%40b%3ac%24d%26e%2bf%2cg%3bh%3Di%21j%2ak%27%28l%29',
    ],
    ['/a%20b%25', '/a%20b%25', '/%61%20b%25'],
    ['/%C3%A4', '/%c3%a4', '/%C3%A4'],
    ['//a', '//a', '//%61'],
    // What is no percent-encoding stands for itself.
    ['/%25zz', '/%zz'],
  ];
  for (const [path, ...spellings] of rows) for (const one of spellings) assert.equal(policyPath(one), path, one);
});

test('any bytes have one spelling, and it is its own', () => {
  const random = seededRandom(5);
  for (let round = 0; round < 2_000; round++) {
    const length = 1 + Math.floor(random.next() * 12);
    const path = `/${Buffer.from(random.bytes(length)).toString('latin1').replaceAll('?', '%')}`;
    const spelled = policyPath(path);
    assert.equal(policyPath(spelled), spelled, JSON.stringify(path));
  }
});
