import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Lookup, parseTemplate, resolvePattern } from './pattern.ts';

const nobody: Lookup = () => undefined;
const pattern = (text: string, lookup: Lookup = nobody) => resolvePattern(parseTemplate(text, true), lookup)!;

/** AWS IoT developer guide, "Using wildcard characters in MQTT and AWS IoT Core policies". */
const WILDCARDS: readonly [pattern: string, matching: readonly string[], others: readonly string[]][] = [
  ['some/*/topic', ['some/a/topic', 'some/a/b/topic', 'some//topic'], ['some/topic', 'some/a/topics', 'xsome/a/topic']],
  ['some/?????/topic*', ['some/topic/topic', 'some/a/b/c/topic/x'], ['some/abcd/topic', 'some/abcdef/topic']],
  ['some/+/topic', ['some/+/topic'], ['some/a/topic']],
  ['some/#', ['some/#'], ['some/a', 'some']],
  ['*', ['', 'anything', '*'], []],
  ['a*', ['a', 'ab', 'a/b'], ['b', '']],
  ['*a', ['a', 'ba'], ['ab', '']],
  ['a*b*c', ['abc', 'aXbYc', 'abbcc', 'a/b/c'], ['acb', 'ab', 'abcd']],
  ['?', ['a'], ['', 'ab']],
  ['**a', ['a', 'xa'], ['ax']],
  ['a.b(c)[d]', ['a.b(c)[d]'], ['aXb(c)[d]']],
];

for (const [text, matching, others] of WILDCARDS) {
  test(`${text} matches what AWS says`, () => {
    for (const name of matching) assert(pattern(text).matches(name), name);
    for (const name of others) assert(!pattern(text).matches(name), name);
  });
}

test('a value holds no wildcards, whatever is in it', () => {
  const evil = pattern('topic/${who}/x', () => '*');
  assert(!evil.matches('topic/pump-1/x'));
  assert(evil.matches('topic/*/x'));
  assert(!pattern('${who}', () => '?').matches('a'));
  assert(!pattern('${who}', () => '${other}').matches('a'));
});

test('special characters are written as variables', () => {
  const literal = pattern('a${*}b${?}c${$}d');
  assert(literal.matches('a*b?c$d'));
  assert(!literal.matches('axbxc$d'));
});

test('a variable without a value matches nothing, not even its own text', () => {
  assert.equal(resolvePattern(parseTemplate('x/${iot:ClientId}', true), nobody), undefined);
  assert(pattern("x/${iot:ClientId, 'none'}").matches('x/none'));
});

test('documents of the older version have no variables', () => {
  const old = resolvePattern(parseTemplate('x/${iot:ClientId}', false), () => 'pump')!;
  assert(old.matches('x/${iot:ClientId}'));
  assert(!old.matches('x/pump'));
});

test('what follows a beginning is found wherever its wildcards may end', () => {
  const after = (text: string) => pattern(text).after('arn:aws:iot:us-east-1:000000000000:topic/').map(String);
  assert.deepEqual(after('arn:aws:iot:us-east-1:000000000000:topic/a/*'), ['a/*']);
  assert.deepEqual(after('arn:aws:iot:us-east-1:000000000000:topicfilter/a'), []);
  assert.deepEqual(after('arn:aws:iot:eu-west-1:000000000000:topic/a'), []);
  assert.deepEqual(after('*'), ['*']);
  assert.deepEqual(after('arn:aws:iot:*:*:topic/a').sort(), ['*:*:topic/a', '*:topic/a', 'a']);
  assert.deepEqual(after('arn:aws:iot:*a').sort(), ['*a']);
});

/** The textbook way, quadratic and plainly right. */
function slow(text: string, name: string): boolean {
  if (text === '') return name === '';
  if (text[0] === '*') return slow(text.slice(1), name) || (name !== '' && slow(text, name.slice(1)));
  return name !== '' && (text[0] === '?' || text[0] === name[0]) && slow(text.slice(1), name.slice(1));
}

test('matching agrees with the textbook on every short pattern and name', () => {
  const words = (alphabet: string, lengthMax: number): string[] =>
    lengthMax === 0
      ? ['']
      : ['', ...words(alphabet, lengthMax - 1).flatMap((word) => [...alphabet].map((a) => a + word))];
  const names = [...new Set(words('ab', 5))];
  for (const text of new Set(words('ab*?', 4))) {
    const compiled = pattern(text);
    for (const name of names) assert.equal(compiled.matches(name), slow(text, name), `${text} on ${name}`);
    // A beginning taken off must not change the answer.
    for (const name of names.slice(0, 31)) {
      const whole = compiled.after('ab').some((rest) => rest.matches(name));
      assert.equal(whole, slow(text, `ab${name}`), `${text} after ab on ${name}`);
    }
  }
});

test('a pattern of many stars answers at once', () => {
  const evil = pattern(`${'*a'.repeat(200)}b`);
  assert(!evil.matches('a'.repeat(1024)));
});

test('a variable of 64 KB that is named twice is a pattern like others', () => {
  const id = 'x'.repeat(65_535);
  const pattern = resolvePattern(parseTemplate('${iot:ClientId}/${iot:ClientId}/*', true), () => id)!;
  assert(pattern.matches(`${id}/${id}/y`));
  assert(!pattern.matches(`${id}/x/y`));
});
