import assert from 'node:assert/strict';
import { test } from 'node:test';
import { shownArn } from './shown.ts';

test('what is shown of a webhook has no password and no query', () => {
  assert.equal(
    shownArn('https://ada:secret@hooks.example:8443/a/b?token=secret'),
    'https://***@hooks.example:8443/a/b?***',
  );
  assert.equal(shownArn('HTTP://hooks.example/?secret'), 'http://hooks.example/?***');
});

test('everything else is shown as it is', () => {
  for (const arn of [
    'arn:aws:sqs:us-east-1:000000000000:q',
    'mailto:a@b.example',
    'https://Hooks.example/a',
    'https://',
  ])
    assert.equal(shownArn(arn), arn);
});
