import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../../base/index.ts';
import { nextTime, parseSchedule } from './index.ts';

/** A Sunday. */
const START = '2026-03-01T00:00:00Z';

function next(text: string, after = START): string | undefined {
  const time = nextTime(parseSchedule(text), Date.parse(after));
  return time === undefined ? undefined : new Date(time).toISOString().slice(0, 16);
}

test('rates count from where they are', () => {
  assert.equal(next('rate(10 days)'), '2026-03-11T00:00');
  assert.equal(next('rate(1 hour)', '2026-03-01T00:30:00Z'), '2026-03-01T01:30');
});

test('cron finds the next time behind the given one', () => {
  const cases: readonly [string, string | undefined][] = [
    ['cron(0 10 * * ? *)', '2026-03-01T10:00'],
    ['cron(0 0 * * ? *)', '2026-03-02T00:00'],
    ['cron(0/15 * * * ? *)', '2026-03-01T00:15'],
    ['cron(15 12 ? * MON-FRI *)', '2026-03-02T12:15'],
    ['cron(0 8 1 * ? *)', '2026-03-01T08:00'],
    ['cron(0 8 L * ? *)', '2026-03-31T08:00'],
    ['cron(0 8 1W * ? *)', '2026-03-02T08:00'],
    ['cron(0 8 31W 5 ? *)', '2026-05-29T08:00'],
    ['cron(0 8 ? * 6L *)', '2026-03-27T08:00'],
    ['cron(0 8 ? * MON#1 *)', '2026-03-02T08:00'],
    ['cron(0 8 ? * 2#5 *)', '2026-03-30T08:00'],
    ['cron(0 8 ? * FRI-MON *)', '2026-03-01T08:00'],
    ['cron(0 8 29 2 ? *)', '2028-02-29T08:00'],
    ['cron(0 8 1 JAN,jul ? 2027)', '2027-01-01T08:00'],
    ['cron(0 8 1 1 ? 2020)', undefined],
    ['cron(0 8 31 4 ? *)', undefined],
  ];
  for (const [text, expected] of cases) assert.equal(next(text), expected, text);
});

test('what is no schedule is refused', () => {
  const wrong = ['', 'rate(0 days)', 'rate(1 days)', 'rate(2 day)', 'rate(5 weeks)', 'cron(* * * * *)'];
  const fields = ['60 * * * ? *', '0 24 * * ? *', '0 0 0 * ? *', '0 0 ? 13 * *', '0 0 * * * *', '0 0 ? * ? *'];
  const more = ['0 0 ? * 8 *', '0/0 * * * ? *', '0 0 ? * X *', '- * * * ? *', '0 0 * * ? 1969', '*-3 * * * ? *'];
  for (const text of [...wrong, ...[...fields, ...more].map((one) => `cron(${one})`)]) {
    assert.throws(() => parseSchedule(text), { code: 'schedule-invalid' }, text);
  }
});

test('whatever is written ends in a schedule or in a refusal, and times only go forward', () => {
  const random = seededRandom(17);
  const characters = '0123456789*/-,?LW#MONJA ';
  for (let at = 0; at < 3000; at++) {
    const field = () =>
      Array.from(
        { length: 1 + random.next() * 3 },
        () => characters[Math.floor(random.next() * characters.length)],
      ).join('');
    const text = `cron(${Array.from({ length: 6 }, field).join(' ')})`;
    try {
      const time = nextTime(parseSchedule(text), Date.parse(START));
      assert.ok(time === undefined || time > Date.parse(START), text);
    } catch (error) {
      assert.equal((error as { code?: string }).code, 'schedule-invalid', text);
    }
  }
});
