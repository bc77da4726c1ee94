import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sign } from './sign.ts';

const NOW = Date.UTC(2026, 0, 2, 3, 4, 5);
const KEYS = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' };

/** Recorded from botocore 1.43 with the same keys and time. */
const RECORDED = [
  {
    service: 'lambda',
    method: 'POST',
    url: 'http://127.0.0.1:4566/2015-03-31/functions/arn%3Aaws%3Alambda/invocations?Qualifier=live',
    body: '{}',
    token: undefined,
    headers: { 'content-type': 'application/json' },
    signature: '1e81b3b56e2505c46bfa3bd19c4718e815d1f6a95aae78583d70c9db3fdd04ea',
  },
  {
    service: 's3',
    method: 'PUT',
    url: 'http://127.0.0.1:4566/bucket/a%20b/c%2Bd.zip',
    body: 'zip',
    token: 'TOKEN/+=',
    headers: {},
    signature: 'aeff2db6bfc058023ea99dc5afa7e476629ba6d32e5211589210771b203dcedb',
  },
  {
    service: 'cloudformation',
    method: 'POST',
    url: 'http://127.0.0.1:4566/',
    body: 'Action=DescribeStacks&Version=2010-05-15',
    token: undefined,
    headers: {},
    signature: '5bdd168d9169f03ece2ad059b007475340b00c451112db23a959ec4509bb2d0c',
  },
];

for (const { service, method, url, body, token, headers, signature } of RECORDED) {
  test(`${service}: the same signature as botocore's`, () => {
    const credentials = { ...KEYS, ...(token !== undefined && { sessionToken: token }) };
    const request = { service, method, url: new URL(url), body: Buffer.from(body), headers, region: 'eu-west-1' };
    const signed = sign(request as Parameters<typeof sign>[0], credentials, NOW);
    assert.equal(signed['x-amz-date'], '20260102T030405Z');
    assert.match(signed.authorization!, new RegExp(`Signature=${signature}$`));
  });
}
