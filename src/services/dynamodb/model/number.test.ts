import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import fc from 'fast-check';
import { addNumbers, canonicalNumber, compareNumbers, encodeNumber, subtractNumbers } from './number.ts';

test('numbers come out as AWS writes them', () => {
  const cases = {
    '3': '3',
    '-7.1234': '-7.1234',
    '-17e5': '-1700000',
    '-17.4E37': '-174000000000000000000000000000000000000',
    '+3': '3',
    '.123': '0.123',
    '5.': '5',
    '0001.2300': '1.23',
    '1e+5': '100000',
    '1e-2': '0.01',
    '0e1000': '0',
    '-0.00': '0',
    '1e-130': `0.${'0'.repeat(129)}1`,
    '9.99999999e125': `999999999${'0'.repeat(117)}`,
    '31415926535897932384626433832795028841e30': `31415926535897932384626433832795028841${'0'.repeat(30)}`,
  };
  for (const [given, canonical] of Object.entries(cases)) assert.equal(canonicalNumber(given), canonical, given);
});

test('what is no number, too precise, too large or too small is refused in the words of AWS', () => {
  const cases: Readonly<Record<string, string>> = {
    dog: 'The parameter cannot be converted to a numeric value: dog',
    ' 1': 'The parameter cannot be converted to a numeric value:  1',
    NaN: 'The parameter cannot be converted to a numeric value: NaN',
    '-Infinity': 'The parameter cannot be converted to a numeric value: -Infinity',
    '.': 'The parameter cannot be converted to a numeric value: .',
    '0x10': 'The parameter cannot be converted to a numeric value: 0x10',
    '': 'The parameter cannot be converted to a numeric value',
    '1e126': 'Number overflow. Attempting to store a number with magnitude larger than supported range',
    '-11e125': 'Number overflow. Attempting to store a number with magnitude larger than supported range',
    '1.0e100000000': 'Number overflow. Attempting to store a number with magnitude larger than supported range',
    '1e-131': 'Number underflow. Attempting to store a number with magnitude smaller than supported range',
    '0.9e-130': 'Number underflow. Attempting to store a number with magnitude smaller than supported range',
    '3.14159265358979323846264338327950288419': 'Attempting to store more than 38 significant digits in a Number',
  };
  for (const [text, message] of Object.entries(cases))
    assert.throws(() => canonicalNumber(text), { code: 'validation-failed', message }, text);
});

test('sums that do not fit are refused as AWS refuses them', () => {
  const message = 'Number overflow. Attempting to store a number with magnitude larger than supported range';
  const nines = canonicalNumber('9e125');
  assert.throws(() => addNumbers(nines, nines), { message });
  assert.throws(() => subtractNumbers(canonicalNumber('1e50'), '1'), { message });
  assert.equal(addNumbers('1', '10000000000000000000000'), '10000000000000000000001');
  assert.equal(subtractNumbers('0.3', '0.1'), '0.2');
});

/** A decimal of whole numbers: `units` times ten to -130 each. */
const SCALE = 130;
const decimal = fc
  .record({
    coefficient: fc.oneof(fc.bigInt(-(10n ** 38n) + 1n, 10n ** 38n - 1n), fc.bigInt(-1000n, 1000n)),
    exponent: fc.oneof(fc.integer({ min: -130, max: 80 }), fc.integer({ min: -3, max: 3 })),
  })
  .map(({ coefficient, exponent }) => ({
    text: `${coefficient}e${exponent}`,
    units: coefficient * 10n ** BigInt(SCALE + exponent),
  }));

/** The value of a text without exponent, in the same units. */
function unitsOf(text: string): bigint {
  const [whole, fraction = ''] = text.replace('-', '').split('.');
  const magnitude = BigInt(whole! + fraction.padEnd(SCALE, '0'));
  return text.startsWith('-') ? -magnitude : magnitude;
}

test('numbers, their order, sums and key bytes agree with whole numbers of 10^-130', () => {
  fc.assert(
    fc.property(decimal, decimal, (a, b) => {
      const [x, y] = [canonicalNumber(a.text), canonicalNumber(b.text)];
      assert.equal(unitsOf(x), a.units);
      assert.equal(canonicalNumber(x), x);
      const order = a.units < b.units ? -1 : a.units > b.units ? 1 : 0;
      assert.equal(Math.sign(compareNumbers(x, y)), order);
      assert.equal(Math.sign(Buffer.compare(encodeNumber(x), encodeNumber(y))), order);
      for (const [calculate, units] of [
        [addNumbers, a.units + b.units],
        [subtractNumbers, a.units - b.units],
      ] as const) {
        const digits = units.toString().replace('-', '').replace(/0+$/, '').length;
        if (digits <= 38) assert.equal(unitsOf(calculate(x, y)), units);
        else assert.throws(() => calculate(x, y), { code: 'validation-failed' });
      }
    }),
    { numRuns: 2000, seed: 38 },
  );
});

test('the bytes of no number are the beginning of those of another', () => {
  fc.assert(
    fc.property(decimal, decimal, (a, b) => {
      const [x, y] = [encodeNumber(canonicalNumber(a.text)), encodeNumber(canonicalNumber(b.text))];
      if (a.units !== b.units) assert.notDeepEqual(x, y.subarray(0, x.length));
    }),
    { seed: 39 },
  );
});
