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
      const trie = new TopicTrie<{ readonly filter: string }>();
      // Twice each, as two clients may have the same filter.
      const entries = [...all, ...all].map((filter) => ({ filter }));
      for (const entry of entries) trie.add(entry.filter, entry);
      const kept = entries.filter((_, index) => index % 3 !== 0);
      for (const entry of entries) if (!kept.includes(entry)) assert.equal(trie.delete(entry.filter, entry), true);
      for (const topic of names) {
        const expected = kept.map(({ filter }) => filter).filter((filter) => topicMatches(filter, topic));
        const found = trie.match(topic.split('/')).map(({ filter }) => filter);
        assert.deepEqual(found.sort(), expected.sort(), topic);
        const levels = topic.split('/');
        const above = levels.slice(0, -1);
        if (found.length > 0 && above.length > 0) assert.ok(trie.leadsBelow(above), topic);
      }
    }),
    { numRuns: 500, seed: 11 },
  );
});

test('an emptied trie holds nothing, and removing what is not there changes nothing', () => {
  const trie = new TopicTrie<object>();
  const [one, two] = [{}, {}];
  trie.add('a/b/c', one);
  trie.add('a/b', two);
  const { version } = trie;
  assert.equal(trie.delete('a/x', one), false);
  assert.equal(trie.delete('a/b', one), false);
  assert.equal(trie.version, version);
  assert.equal(trie.delete('a/b', two), true);
  assert.deepEqual(trie.match(['a', 'b', 'c']), [one]);
  assert.equal(trie.delete('a/b/c', one), true);
  assert.deepEqual(trie.match(['a', 'b', 'c']), []);
});
