import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isTopicFilter, topicMatches } from '../../../codec/mqtt/index.ts';
import { TopicTrie } from './trie.ts';

const level = fc.constantFrom('a', 'b', '', '$x', '+', '#');
const filters = fc
  .array(level, { minLength: 1, maxLength: 5 })
  .map((levels) => levels.join('/'))
  .filter(isTopicFilter);
const topics = fc
  .array(fc.constantFrom('a', 'b', '', '$x', 'c'), { minLength: 1, maxLength: 5 })
  .map((levels) => levels.join('/'));

test('the trie finds exactly what filters match one by one, while they come and go', () => {
  fc.assert(
    fc.property(fc.uniqueArray(filters, { maxLength: 20 }), fc.array(topics, { maxLength: 10 }), (all, names) => {
      const trie = new TopicTrie<string>();
      for (const filter of all) trie.add(filter, filter);
      const kept = all.filter((_, index) => index % 3 !== 0);
      for (const filter of all) if (!kept.includes(filter)) assert.equal(trie.delete(filter, filter), true);
      for (const topic of names) {
        const expected = kept.filter((filter) => topicMatches(filter, topic)).sort();
        assert.deepEqual(trie.match(topic.split('/')).sort(), expected, topic);
      }
    }),
    { numRuns: 500, seed: 11 },
  );
});

test('an emptied trie holds nothing, and removing what is not there changes nothing', () => {
  const trie = new TopicTrie<number>();
  trie.add('a/b/c', 1);
  trie.add('a/b', 2);
  const { version } = trie;
  assert.equal(trie.delete('a/x', 1), false);
  assert.equal(trie.delete('a/b', 1), false);
  assert.equal(trie.version, version);
  assert.equal(trie.delete('a/b', 2), true);
  assert.deepEqual(trie.match(['a', 'b', 'c']), [1]);
  assert.equal(trie.delete('a/b/c', 1), true);
  assert.deepEqual(trie.match(['a', 'b', 'c']), []);
});
