import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TextMemo } from './text-memo.ts';

function counting(entriesMax: number, charactersMax = 10) {
  const made: string[] = [];
  const memo = new TextMemo((text) => ({ text: made[made.push(text) - 1]! }), { entriesMax, charactersMax });
  return { memo, made };
}

test('what was made of a text is given again', () => {
  const { memo, made } = counting(2);
  const first = memo.get('host');
  assert.equal(memo.get('x-host'.slice(2)), first);
  assert.deepEqual([first.text, made], ['host', ['host']]);
});

test('beyond its entries all is forgotten, and made anew', () => {
  const { memo, made } = counting(2);
  for (const text of ['a', 'b', 'a', 'c', 'a', 'c']) memo.get(text);
  assert.deepEqual(made, ['a', 'b', 'c', 'a']);
});

test('long texts are not kept', () => {
  const { memo, made } = counting(2, 3);
  for (const text of ['abc', 'abcd', 'abc', 'abcd']) assert.equal(memo.get(text).text, text);
  assert.deepEqual(made, ['abc', 'abcd', 'abcd']);
});

test('texts beyond Latin-1 are told from those that they share bytes with', () => {
  const { memo, made } = counting(2);
  // U+0161 has the low byte of `a`.
  for (const text of ['a', '\u0161', '\u0161']) assert.equal(memo.get(text).text, text);
  assert.deepEqual(made, ['a', '\u0161', '\u0161']);
});

test('what is thrown is not kept', () => {
  let calls = 0;
  const memo = new TextMemo(
    (text) => {
      if (++calls === 1) throw new Error('not yet');
      return text;
    },
    { entriesMax: 1, charactersMax: 10 },
  );
  assert.throws(() => memo.get('a'), /not yet/);
  assert.equal(memo.get('a'), 'a');
});
