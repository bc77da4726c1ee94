import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loneOf, runsOf, withGaps } from '../../console/src/charts/gaps.ts';

/** Values of a line at these times, and `|` where it is broken. */
function drawn(times: readonly number[], values: readonly (number | null)[] = times): string {
  const { values: columns } = withGaps({ times, values: [values] });
  return columns[0]!.map((value) => value ?? '|').join(' ');
}

test('a line is broken where nothing came for much longer than usual, and nowhere else', () => {
  assert.equal(drawn([1, 2, 3, 4, 20, 21, 22]), '1 2 3 4 | 20 21 22');
  assert.equal(drawn([0, 60, 120, 240, 300]), '0 60 120 240 300', 'one reading that is lost is no gap');
  assert.equal(drawn([1, 1.1, 1.2, 11, 11.1, 11.2, 21, 21.1, 21.2]), '1 1.1 1.2 11 11.1 11.2 21 21.1 21.2', 'bursts');
  const flapping = [1, 2, 3, 4, 5, 6, 60, 61, 62, 63, 64, 65, 120, 121];
  assert.equal(drawn(flapping), '1 2 3 4 5 6 | 60 61 62 63 64 65 | 120 121', 'again and again');
  assert.equal(drawn([]), '');
  assert.equal(drawn([5]), '5');
  assert.equal(drawn([5, 500]), '5 500', 'what is usual is not known yet');
});

test('a point stands in the middle of a gap, without a value in any column', () => {
  assert.deepEqual(
    withGaps({
      ...{ times: [0, 1, 2, 3, 13] },
      values: [
        [0, 1, 2, 3, 4],
        [9, 5, 6, null, 8],
      ],
    }),
    {
      ...{ times: [0, 1, 2, 3, 8, 13] },
      values: [
        [0, 1, 2, 3, null, 4],
        [9, 5, 6, null, null, 8],
      ],
    },
  );
});

test('a field that is in every second message alone is one line', () => {
  assert.equal(drawn([1, 2, 3, 4, 5, 6, 7], [10, null, 30, null, 50, null, 70]), '10 30 50 70');
});

test('values that stand alone are found: no line goes through them', () => {
  assert.deepEqual(loneOf([1, null, 2, 3, null, 4]), [0, 5]);
  assert.deepEqual(loneOf([null, undefined, 7, null]), [2]);
});

test('a sparkline is as many lines as there are runs', () => {
  assert.deepEqual(runsOf([1, 2, null, null, 3]), [
    { at: 0, values: [1, 2] },
    { at: 4, values: [3] },
  ]);
  assert.deepEqual(runsOf([null, 1]), [{ at: 1, values: [1] }]);
});
