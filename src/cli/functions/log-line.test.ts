import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseLogLine, RequestTracker } from './log-line.ts';

const ID = '5f0c2a9e-0000-4000-8000-000000000000';

for (const [message, want] of [
  [`2026-11-28T10:00:00.000Z\t${ID}\tINFO\tone\ttwo`, { requestId: ID, level: 'INFO', text: 'one\ttwo' }],
  ['2026-11-28T10:00:00.000Z\tundefined\tWARN\tat init', { level: 'WARN', text: 'at init' }],
  [`[ERROR]\t2026-11-28T10:00:00.000Z\t${ID}\tbad\n`, { requestId: ID, level: 'ERROR', text: 'bad' }],
  [`START RequestId: ${ID} Version: $LATEST`, { requestId: ID, level: 'PLATFORM' }],
  ['INIT_START Runtime Version: nodejs:24', { level: 'PLATFORM' }],
  [`2026-11-28T10:00:00.000Z ${ID} Task timed out after 3.00 seconds`, { requestId: ID, level: 'ERROR' }],
  [`RequestId: ${ID} Error: Runtime exited\nRuntime.ExitError`, { requestId: ID, level: 'ERROR' }],
  ['printed', { text: 'printed' }],
  ['{ not json', { text: '{ not json' }],
  [
    JSON.stringify({ timestamp: 't', level: 'INFO', requestId: ID, message: 'hot', machine: 7, tags: ['a'] }),
    { requestId: ID, level: 'INFO', text: 'hot machine=7 tags=["a"]' },
  ],
  [
    JSON.stringify({ time: 't', type: 'platform.start', record: { requestId: ID } }),
    { requestId: ID, level: 'PLATFORM' },
  ],
  [JSON.stringify({ temperature: 7 }), { text: 'temperature=7' }],
] as const) {
  test(`a line is taken apart: ${message.slice(0, 60)}`, () => {
    const line = parseLogLine(message);
    assert.deepEqual(line, { text: line.text, ...want });
  });
}

test('lines that name no request belong to the one that their environment runs', () => {
  const tracker = new RequestTracker();
  const requests = [
    ['a', 'INIT_START x'],
    ['a', 'START RequestId: 1 Version: $LATEST'],
    ['b', 'START RequestId: 2 Version: $LATEST'],
    ['a', 'printed'],
    ['b', 'printed'],
    ['a', 'END RequestId: 1'],
    ['a', 'REPORT RequestId: 1\tDuration: 1 ms'],
    ['a', 'after'],
  ].map(([stream, message]) => tracker.requestOf(stream!, parseLogLine(message!)));
  assert.deepEqual(requests, [undefined, '1', '2', '1', '2', '1', '1', undefined]);
});
