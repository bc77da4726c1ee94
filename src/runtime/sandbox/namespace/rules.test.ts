import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseDestinations } from './destinations.ts';
import { allowingRules, closingRules, firstRules } from './rules.ts';

test('destinations are names, addresses and networks, each with a port or without', () => {
  assert.deepEqual(parseDestinations(['API.example.com:443', '10.0.0.0/8', '192.0.2.7:80', 'gateway']), [
    { kind: 'host', value: 'api.example.com', port: 443 },
    { kind: 'network', value: '10.0.0.0/8' },
    { kind: 'network', value: '192.0.2.7/32', port: 80 },
    { kind: 'host', value: 'gateway' },
  ]);
});

test('what is no destination is refused by what it says', () => {
  const bad = [
    '',
    '*',
    '*.example.com',
    'host:0',
    'host:65536',
    '10.0.0.0/33',
    '1.2.3',
    '::1',
    '[::1]:80',
    'a b',
    'x\ny',
    '-x',
    'http://x',
  ];
  for (const text of bad) assert.throws(() => parseDestinations([text]), /egress destination/, text);
  assert.throws(() => parseDestinations(Array.from({ length: 65 }, () => 'a')), /64 entries at most/);
});

test("the machine's own addresses and metadata services come before what a list allows, and the rest after it", () => {
  const preferences = (rules: readonly string[]) => rules.map((rule) => Number(/pref (\d+)/.exec(rule)![1]));
  const first = firstRules('tap0', ['192.0.2.1']);
  const [destination] = parseDestinations(['192.0.2.0/24:443']);
  const allowed = allowingRules(destination!, ['192.0.2.0/24']);
  assert.equal(first[1], 'rule add pref 100 to 192.0.2.1/32 unreachable');
  assert.deepEqual(allowed, [
    'rule add pref 130 to 192.0.2.0/24 ipproto tcp dport 443 lookup main',
    'rule add pref 130 to 192.0.2.0/24 ipproto udp dport 443 lookup main',
  ]);
  const [everywhere] = parseDestinations(['0.0.0.0/0']);
  assert.deepEqual(allowingRules(everywhere!, ['0.0.0.0/0']), [
    'rule add pref 130 to 0.0.0.0/1 lookup main',
    'rule add pref 130 to 128.0.0.0/1 lookup main',
  ]);
  assert.ok(closingRules().includes('rule add pref 140 unreachable'));
  assert.deepEqual(preferences(first), [90, 100, 110, 110, 120, 125, 125, 125, 125]);
  assert.deepEqual(preferences(closingRules()), [110, 110, 140]);
});
