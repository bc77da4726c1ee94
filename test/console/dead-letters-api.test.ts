import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Clock, SimulatedClock } from '../../src/base/index.ts';
import type {
  DeadLetterBulk,
  DeadLetterDetail,
  DeadLetterList,
} from '../../src/gateway/console/dead-letters/letter.ts';
import { DEAD_LETTER_LIMITS, type DeadLetters, deadLetterApi } from '../../src/gateway/console/index.ts';
import { createSpans, silentLogger } from '../../src/telemetry/index.ts';
import { MemoryLetters } from './memory-letters.ts';

function opened(store: DeadLetters, clock: Clock = new SimulatedClock()) {
  const spans = createSpans();
  const api = deadLetterApi({ store, spans, clock, logger: silentLogger });
  const ask = async <T = any>(method: string, path: string, body?: unknown): Promise<{ status: number; body: T }> => {
    const [bare, query = ''] = path.split('?');
    const bytes = body === undefined ? new Uint8Array(0) : Buffer.from(JSON.stringify(body));
    const request = { method, path: `${api.prefix}${bare}`, query: new URLSearchParams(query), body: bytes };
    const answer = await api.handle({ ...request, caller: 'test' });
    return { status: answer.status, body: answer.body as T };
  };
  return { ask, spans };
}

test('all letters of all places come in pages, none twice and none left out', async () => {
  const { ask } = opened(new MemoryLetters().add('b', 130).add('a', 75).add('empty', 0));
  const seen: string[] = [];
  let after = '';
  do {
    const { body } = await ask<DeadLetterList>('GET', `?limit=40${after}`);
    seen.push(...body.letters.map(({ place, preview }) => `${place} ${preview}`));
    after = body.next === undefined ? '' : `&after=${body.next}`;
  } while (after !== '');
  const expected = [75, 130].flatMap((count, place) =>
    Array.from({ length: count }, (_, n) => `${'ab'[place]} {"n":${n}}`),
  );
  assert.deepEqual(seen, expected);
});

test('a filter that finds little answers after a bounded look, and says where to go on', async () => {
  const store = new MemoryLetters().add('a', 20_000, (index) => (index === 19_999 ? { errorCode: 'Rare' } : {}));
  const { ask } = opened(store);
  const first = (await ask<DeadLetterList>('GET', '?reason=rare')).body;
  assert.deepEqual([first.letters.length, first.scanned], [0, DEAD_LETTER_LIMITS.scannedMax]);
  let page = first;
  let calls = 1;
  for (; page.letters.length === 0; calls++)
    page = (await ask<DeadLetterList>('GET', `?reason=rare&after=${page.next}`)).body;
  assert.deepEqual([page.letters[0]!.errorCode, calls], ['Rare', 4]);
});

test('filters look at target, source, reason, body and time, and all must hold', async () => {
  const store = new MemoryLetters()
    .add('a', 3, (index) => ({ target: `arn:t${index}`, errorMessage: `Timeout ${index}` }))
    .add('b', 3, (index) => ({ givenUpAt: 1000 + index }));
  const { ask } = opened(store);
  const found = async (query: string) =>
    (await ask<DeadLetterList>('GET', `?${query}`)).body.letters.map(({ place, sentAt }) => `${place}${sentAt}`);
  assert.deepEqual(await found('target=ARN:T1'), ['a1']);
  assert.deepEqual(await found('source=b-sou'), ['b0', 'b1', 'b2']);
  assert.deepEqual(await found('reason=timeout'), ['a0', 'a1', 'a2']);
  assert.deepEqual(await found('text=%22n%22:2'), ['a2', 'b2']);
  assert.deepEqual(await found('before=1001'), ['a0', 'a1', 'a2', 'b0']);
  assert.deepEqual(await found('text=%22n%22:2&place=b'), ['b2']);
});

test('one letter comes with all of it and the spans of its trace', async () => {
  const traceId = 'a'.repeat(32);
  const { ask, spans } = opened(new MemoryLetters().add('a', 1, () => ({ traceId })));
  const span = { spanId: '1'.repeat(16), name: 'f', kind: 'internal', durationMs: 2, attributes: {} } as const;
  spans.record({ ...span, traceId, startMs: 20, name: 'second', error: 'Broken' });
  spans.record({ ...span, traceId, startMs: 10, name: 'first' });
  spans.record({ ...span, traceId: 'b'.repeat(32), startMs: 0 });
  const [letter] = (await ask<DeadLetterList>('GET', '')).body.letters;
  const { body } = await ask<DeadLetterDetail>('GET', `/${letter!.id}`);
  assert.equal(body.body, '{"n":0}');
  assert.deepEqual(
    body.spans.map(({ name, error }) => [name, error]),
    [
      ['first', undefined],
      ['second', 'Broken'],
    ],
  );
});

test('a letter is redriven as it is, edited, or to another target; then it is gone', async () => {
  const store = new MemoryLetters().add('a', 3);
  const { ask } = opened(store);
  const ids = (await ask<DeadLetterList>('GET', '')).body.letters.map(({ id }) => id);
  assert.deepEqual((await ask('POST', `/${ids[0]}/redrive`)).body, { redriven: ids[0], to: 'a-target' });
  await ask('POST', `/${ids[1]}/redrive`, { body: 'edited' });
  assert.equal((await ask('POST', `/${ids[2]}/redrive`, { to: 'arn:other' })).body.to, 'arn:other');
  assert.deepEqual(
    store.redriven.map(({ body, to }) => [body, to]),
    [
      [undefined, undefined],
      ['edited', undefined],
      [undefined, 'arn:other'],
    ],
  );
  const again = await ask('POST', `/${ids[0]}/redrive`);
  assert.deepEqual([again.status, again.body.code], [404, 'letter-unknown']);
});

test('a letter is discarded once', async () => {
  const { ask } = opened(new MemoryLetters().add('a', 1));
  const [letter] = (await ask<DeadLetterList>('GET', '')).body.letters;
  assert.equal((await ask('DELETE', `/${letter!.id}`)).status, 200);
  assert.equal((await ask('DELETE', `/${letter!.id}`)).status, 404);
  assert.equal((await ask<DeadLetterList>('GET', '')).body.letters.length, 0);
});

test('many are redriven by filter, a bounded number a call; those that fail stay and are named', async () => {
  const store = new MemoryLetters().add('a', 1200).add('b', 5);
  store.refusing.add('0000007');
  const { ask } = opened(store);
  const totals = { done: 0, failed: 0 };
  const failures: unknown[] = [];
  for (let after: string | undefined, first = true; first || after !== undefined; first = false) {
    const body = { place: 'a', ...(after !== undefined && { after }) };
    const answer = (await ask<DeadLetterBulk>('POST', '/redrive', body)).body;
    assert.ok(answer.done + answer.failed <= DEAD_LETTER_LIMITS.bulkMax);
    totals.done += answer.done;
    totals.failed += answer.failed;
    failures.push(...answer.failures.map(({ message }) => message));
    after = answer.next;
  }
  assert.deepEqual(totals, { done: 1199, failed: 1 });
  assert.deepEqual(failures, ['nobody there']);
  assert.deepEqual(
    store.places().map(({ waiting }) => waiting),
    [1, 5],
  );
});

test('letters of one group are redriven in order, and none behind one that fails', async () => {
  const store = new MemoryLetters().add('a', 40, (index) => ({ group: index % 2 ? 'odd' : 'even' }));
  store.refusing.add('0000021');
  const { ask } = opened(store);
  const { body } = await ask<DeadLetterBulk>('POST', '/redrive', {});
  const sent = store.redriven.map(({ key }) => Number(key));
  assert.deepEqual(
    sent.filter((n) => n % 2 === 0),
    Array.from({ length: 20 }, (_, n) => n * 2),
  );
  assert.deepEqual(
    sent.filter((n) => n % 2 === 1),
    Array.from({ length: 10 }, (_, n) => n * 2 + 1),
  );
  assert.deepEqual([body.done, body.failed], [30, 10]);
});

test('a redrive of all up to now leaves alone what comes meanwhile', async () => {
  const store = new MemoryLetters().add('a', 10, (index) => ({ givenUpAt: index < 6 ? 100 : 300 }));
  const { ask } = opened(store);
  const { body } = await ask<DeadLetterBulk>('POST', '/discard', { before: 200 });
  assert.deepEqual([body.done, store.places()[0]!.waiting], [6, 4]);
});

test('a redrive of all means what was there when it began, call by call, whatever the clock has said', async () => {
  const clock = new SimulatedClock();
  const begun = clock.now();
  const times = [begun - 1000, begun + 365 * 86_400_000, begun, 0, begun + 1_000_000, begun - 5];
  /** Letters die again at once, and lie behind all others then. */
  class Dying extends MemoryLetters {
    override async redrive(place: string, key: string) {
      const letter = await this.read(place, key);
      const to = await super.redrive(place, key, {});
      await clock.advance(1);
      const last = Number(this.kept.get(place)!.at(-1)?.key ?? key);
      const next = String(last + 1000).padStart(7, '0');
      this.kept.get(place)!.push({ ...letter, key: next, givenUpAt: clock.now() });
      return to;
    }
  }
  const store = new Dying().add('a', times.length, (index) => ({ givenUpAt: times[index]! }));
  const { ask } = opened(store, clock);
  const keys = store.kept.get('a')!.map(({ key }) => key);
  let after: string | undefined;
  let done = 0;
  for (let calls = 0; calls < 20; calls++) {
    const { body } = await ask<DeadLetterBulk>('POST', '/redrive', { limit: 2, ...(after !== undefined && { after }) });
    done += body.done;
    after = body.next;
    if (after === undefined) break;
  }
  assert.deepEqual([done, after], [times.length, undefined]);
  assert.deepEqual(store.redriven.map(({ key }) => key).sort(), keys);
  assert.equal(store.places()[0]!.waiting, times.length);
});

test('what is asked wrongly is answered with what is wrong', async () => {
  const { ask } = opened(new MemoryLetters().add('a', 1));
  const cases: readonly (readonly [method: string, path: string, body: unknown, status: number])[] = [
    ['GET', '?limit=0', undefined, 400],
    ['GET', '?limit=1001', undefined, 400],
    ['GET', '?after=nonsense', undefined, 400],
    ['GET', '?before=soon', undefined, 400],
    ['GET', '?place=nowhere', undefined, 404],
    ['GET', '/nonsense', undefined, 404],
    ['POST', '/redrive', [], 400],
    ['POST', '/redrive', { place: 7 }, 400],
    ['POST', `/${Buffer.from('["a","0000000"]').toString('base64url')}/redrive`, { payload: 'x' }, 400],
    ['GET', '?resaon=rare', undefined, 400],
    ['PUT', '', undefined, 405],
    ['GET', '/redrive', undefined, 405],
    ['POST', '/x/y/z', undefined, 404],
  ];
  for (const [method, path, body, status] of cases) {
    const answer = await ask(method, path, body);
    assert.equal(answer.status, status, `${method} ${path}`);
    assert.equal(typeof answer.body.message, 'string');
  }
});

test('a filter that is misspelled discards nothing, and redrives nothing', async () => {
  const store = new MemoryLetters().add('a', 3);
  const { ask } = opened(store);
  for (const [verb, body] of [
    ['discard', { plcae: 'b' }],
    ['discard', { id: 'x' }],
    ['discard', { to: 'b' }],
    ['redrive', { body: 'x' }],
  ] as const) {
    const answer = await ask('POST', `/${verb}`, body);
    assert.deepEqual([answer.status, answer.body.code], [400, 'request-invalid']);
  }
  assert.equal(store.places()[0]!.waiting, 3);
});
