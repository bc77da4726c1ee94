import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ParameterInput, settleParameters } from './parameters.ts';
import { parseTemplate } from './template.ts';
import type { JsonObject } from './value.ts';

const settle = (Parameters: JsonObject, given: readonly ParameterInput[] = [], previous = {}) =>
  settleParameters(parseTemplate({ Parameters, Resources: { Q: { Type: 'AWS::SQS::Queue' } } }), given, previous);
const given = (ParameterValue: string) => [{ ParameterKey: 'P', ParameterValue }];

test('given goes before default, and the previous value only where asked for', () => {
  const declared = { P: { Type: 'Number', Default: 1 } };
  assert.deepEqual(settle(declared), { P: '1' });
  assert.deepEqual(settle(declared, given('2'), { P: '3' }), { P: '2' });
  assert.deepEqual(settle(declared, [], { P: '3' }), { P: '1' });
  assert.deepEqual(settle(declared, [{ ParameterKey: 'P', UsePreviousValue: true }], { P: '3' }), { P: '3' });
});

for (const [declaration, inputs, message] of [
  [{ Type: 'String' }, [], /^Parameters: \[P\] must have values$/],
  [
    { Type: 'String' },
    [...given('a'), { ParameterKey: 'X', ParameterValue: '' }],
    /^Parameters: \[X\] do not exist in the template$/,
  ],
  [{ Type: 'String' }, [{ ParameterKey: 'P', UsePreviousValue: true }], /Cannot specify usePreviousValue/],
  [{ Type: 'Number' }, given('x'), /^Parameter 'P' must be a number\.$/],
  [{ Type: 'Number', MinValue: 2 }, given('1'), /must be a number not less than 2/],
  [{ Type: 'Number', MaxValue: 2 }, given('3'), /must be a number not greater than 2/],
  [{ Type: 'String', MinLength: 2 }, given('a'), /must contain at least 2 characters/],
  [{ Type: 'String', MaxLength: 2 }, given('abc'), /must contain at most 2 characters/],
  [{ Type: 'String', AllowedValues: ['a'] }, given('b'), /^Parameter 'P' must be one of AllowedValues$/],
  [{ Type: 'CommaDelimitedList', AllowedValues: ['a', 'b'] }, given('a, c'), /must be one of AllowedValues/],
  [{ Type: 'String', AllowedPattern: '[a-z]+' }, given('abc1'), /must match pattern \[a-z\]\+/],
  [
    { Type: 'String', AllowedPattern: 'a', ConstraintDescription: 'only a' },
    given('b'),
    /^Parameter P failed to satisfy constraint: only a$/,
  ],
] as const) {
  test(`refused: ${JSON.stringify(declaration)} with ${JSON.stringify(inputs)}`, () => {
    assert.throws(() => settle({ P: declaration as unknown as JsonObject }, inputs), { message });
  });
}

test('patterns that take ages over a value are given up soon, however many there are', () => {
  const slow = { Type: 'String', AllowedPattern: '(a+)+', Default: `${'a'.repeat(40)}!` };
  const names = Array.from({ length: 50 }, (_, at) => `P${at}`);
  const before = performance.now();
  assert.throws(() => settle(Object.fromEntries(names.map((name) => [name, slow]))), {
    code: 'validation',
    message: /^Template error: AllowedPattern takes too long over the values of parameters: \[P0, P1, /,
  });
  assert.ok(performance.now() - before < 5_000);
});
