import assert from 'node:assert/strict';
import https from 'node:https';
import { createRequire } from 'node:module';
import { test } from 'node:test';

const { noteAnswers } = createRequire(import.meta.url)('../../runtimes/nodejs/resource-answers.js') as {
  noteAnswers: (event: unknown) => void;
};

test('no event but a question of CloudFormation sends requests off without TLS, or stops a function', () => {
  const { request, get } = https;
  for (const ResponseURL of [
    'http://api.example.com/v1/charge',
    'http://api.example.com/v1/charge?/_millrace/cloudformation/answers/',
    'http://',
    'http://[/_millrace/cloudformation/answers/x',
    'https://127.0.0.1/_millrace/cloudformation/answers/a/b/c',
    7,
  ]) {
    noteAnswers({ ResponseURL });
    assert.equal(https.request, request, String(ResponseURL));
    assert.equal(https.get, get);
  }
  noteAnswers({ ResponseURL: 'http://127.0.0.1:4566/_millrace/cloudformation/answers/a/b/c' });
  assert.notEqual(https.request, request);
  Object.assign(https, { request, get });
});
