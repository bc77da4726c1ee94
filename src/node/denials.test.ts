import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimulatedClock } from '../base/index.ts';
import type { Logger } from '../telemetry/index.ts';
import { Denials } from './denials.ts';
import { NODE_LIMITS } from './limits.ts';

const MALLORY = { accountId: '000000000000', arn: 'arn:aws:iam::000000000000:user/mallory' };

function setup() {
  const told: { resource: string }[] = [];
  const clock = new SimulatedClock();
  const logger = { warn: (_event: string, fields: { resource: string }) => told.push(fields) } as unknown as Logger;
  const denials = new Denials({ clock, logger, calls: { logOf: () => undefined }, writeLog: () => {} });
  const deny = (resource: string, caller = MALLORY) =>
    denials.tell(
      caller,
      { action: 'sqs:SendMessage', resource, kind: 'implicit-deny', source: 'identity-based policy' },
      'request',
    );
  return { told, clock, deny };
}

test('the same denial is told once a minute', async () => {
  const { told, clock, deny } = setup();
  deny('a');
  deny('a');
  assert.equal(told.length, 1);
  await clock.advance(NODE_LIMITS.denialsAgainMs);
  deny('a');
  assert.equal(told.length, 2);
});

test('ever new names do not flood the log', async () => {
  const { told, clock, deny } = setup();
  for (let i = 0; i < 3 * NODE_LIMITS.denialsToldMax; i++) deny(`queue-${i}`);
  assert.equal(told.length, NODE_LIMITS.denialsToldMax);
  await clock.advance(NODE_LIMITS.denialsAgainMs);
  deny('later');
  assert.equal(told.length, NODE_LIMITS.denialsToldMax + 1);
});

test('who floods the log hides what others are refused', () => {
  const { told, deny } = setup();
  for (let i = 0; i < 2 * NODE_LIMITS.denialsToldMax; i++) deny(`queue-${i}`);
  deny('of-alice', { ...MALLORY, arn: 'arn:aws:iam::000000000000:user/alice' });
  assert.equal(told.at(-1)?.resource, 'of-alice');
});

test('sessions of one role are one principal, whatever they are called', () => {
  const { told, deny } = setup();
  const session = { kind: 'role', principalArn: 'arn:aws:iam::000000000000:role/r', userId: 'x', issuedAt: 0 } as const;
  for (let i = 0; i < 2 * NODE_LIMITS.denialsToldMax; i++) {
    deny('queue', { ...MALLORY, arn: `arn:aws:sts::000000000000:assumed-role/r/${i}`, session } as typeof MALLORY);
  }
  assert.equal(told.length, NODE_LIMITS.denialsToldMax);
});

test('nor does a name of a megabyte', () => {
  const { told, deny } = setup();
  deny('x'.repeat(1_000_000));
  assert.ok(JSON.stringify(told).length < 5 * NODE_LIMITS.denialResourceCharactersMax);
});
