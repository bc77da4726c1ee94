import assert from 'node:assert/strict';
import { test } from 'node:test';
import { shown } from './shown.ts';

test('what is shown of a webhook has no password and no query', () => {
  assert.equal(
    shown('https://ada:secret@hooks.example:8443/a?token=secret'),
    'https://ada:****@hooks.example:8443/a?****',
  );
  assert.equal(shown('HTTP://hooks.example/?secret\nsecret'), 'HTTP://hooks.example/?****');
});

test('everything else is shown as it is', () => {
  for (const arn of [
    'arn:aws:sqs:us-east-1:000000000000:q',
    'mailto:a?b@c.example',
    'https://Hooks.example/a',
    'https://',
  ])
    assert.equal(shown(arn), arn);
});
