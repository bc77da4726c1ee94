import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loggedError, readFunctionError, wordFunctionError } from './function-error.ts';

test("Node's error is worded with its frames, a message of several lines, and what caused it", () => {
  const cause = { errorType: 'RangeError', errorMessage: 'inner', stack: ['RangeError: inner', '    at b (b.ts:2:3)'] };
  const error = {
    errorType: 'TypeError',
    errorMessage: 'first\nsecond',
    stack: [
      'TypeError: first',
      'second',
      '    at a (/app/a.ts:1:2)',
      '    at async c (/app/c.ts:3:4)',
      '    at run (/x/runtimes/nodejs/a.js:1:1)',
    ],
    cause,
  };
  const line = `Invoke Error \t${JSON.stringify(error)}`;
  const logged = loggedError(line)!;
  assert.equal(logged.title, 'Invoke Error');
  assert.deepEqual(wordFunctionError(logged.error).split('\n'), [
    'TypeError: first',
    'second',
    '    at a (/app/a.ts:1:2)',
    '    at async c (/app/c.ts:3:4)',
    '  caused by RangeError: inner',
    '    at b (b.ts:2:3)',
  ]);
});

test("Python's error is worded with its stack", () => {
  const stackTrace = ['  File "/var/task/app.py", line 3, in handler\n    raise KeyError("x")\n'];
  const error = readFunctionError(JSON.stringify({ errorType: 'KeyError', errorMessage: "'x'", stackTrace }))!;
  assert.deepEqual(wordFunctionError(error).split('\n'), [
    "KeyError: 'x'",
    '  File "/var/task/app.py", line 3, in handler',
    '    raise KeyError("x")',
  ]);
});

test('an error that is its own cause ends, and what is no error is none', () => {
  const deep = Array.from({ length: 20 }).reduce<object>((cause) => ({ errorType: 'E', errorMessage: '', cause }), {});
  assert.equal(wordFunctionError(deep).split('\n').length, 6);
  for (const text of ['', '1', 'null', '{"a":1}', '{']) assert.equal(readFunctionError(text), undefined, text);
});
