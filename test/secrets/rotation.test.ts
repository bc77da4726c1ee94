import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as sdk from '@aws-sdk/client-secrets-manager';
import { House } from './house.ts';

const DAY_MS = 24 * 3600 * 1000;
const ROTATOR = 'arn:aws:lambda:eu-central-1:000000000000:function:rotator';
const token = (at: number) => `00000000-0000-4000-8000-${String(at).padStart(12, '0')}`;

interface Event {
  readonly Step: string;
  readonly SecretId: string;
  readonly ClientRequestToken: string;
}

/** A house with a secret `s` and a rotation function like those of AWS's templates. */
class Rotated {
  readonly house: House;
  readonly steps: string[] = [];
  /** Throws where a step is to fail. */
  disturb: (event: Event) => Promise<void> | void = () => {};

  private constructor(house: House) {
    this.house = house;
    house.rotate = async (functionArn, event) => {
      assert.equal(functionArn, ROTATOR);
      await this.#step(event as Event);
    };
  }

  static async run(body: (rotated: Rotated) => Promise<void>): Promise<void> {
    await using house = await House.open();
    const SecretString = 'old';
    await house.manager.send(new sdk.CreateSecretCommand({ Name: 's', SecretString, ClientRequestToken: token(1) }));
    await body(new Rotated(house));
  }

  rotate(more: Partial<sdk.RotateSecretCommandInput> = {}) {
    const input = { SecretId: 's', RotationLambdaARN: ROTATOR, ClientRequestToken: token(2), ...more };
    return this.house.manager.send(new sdk.RotateSecretCommand(input));
  }

  async describe(): Promise<sdk.DescribeSecretCommandOutput> {
    return this.house.manager.send(new sdk.DescribeSecretCommand({ SecretId: 's' }));
  }

  async value(VersionStage = 'AWSCURRENT'): Promise<string | undefined> {
    const input = { SecretId: 's', VersionStage };
    return (await this.house.manager.send(new sdk.GetSecretValueCommand(input))).SecretString;
  }

  /** Lets time go on in small steps, with the calls that functions make meanwhile, until something holds. */
  async until(holds: () => Promise<boolean>): Promise<void> {
    for (let at = 0; at < 400; at++) {
      if (await holds()) return;
      // A call to the node lets those of the function come through.
      await this.describe();
      await this.house.clock.advance(100);
    }
    assert.fail('it did not come to pass');
  }

  async untilRotated(at: number): Promise<void> {
    await this.until(
      async () => (await this.describe()).VersionIdsToStages?.[token(at)]?.includes('AWSCURRENT') ?? false,
    );
    await this.until(async () => (await this.describe()).LastRotatedDate !== undefined);
  }

  async #step(event: Event): Promise<void> {
    const { Step, SecretId, ClientRequestToken } = event;
    this.steps.push(Step);
    await this.disturb(event);
    const { manager } = this.house;
    if (Step === 'createSecret') {
      const pending = { SecretId, VersionId: ClientRequestToken, VersionStage: 'AWSPENDING' };
      const made = await manager.send(new sdk.GetSecretValueCommand(pending)).catch((error: Error) => {
        assert.equal(error.name, 'ResourceNotFoundException');
        return undefined;
      });
      if (made) return;
      await manager.send(
        new sdk.PutSecretValueCommand({
          ...{ SecretId, ClientRequestToken, SecretString: `new of ${ClientRequestToken}` },
          VersionStages: ['AWSPENDING'],
        }),
      );
    }
    if (Step !== 'finishSecret') return;
    const { VersionIdsToStages } = await manager.send(new sdk.DescribeSecretCommand({ SecretId }));
    const current = Object.entries(VersionIdsToStages!).find(([, stages]) => stages.includes('AWSCURRENT'))![0];
    if (current === ClientRequestToken) return;
    const move = { MoveToVersionId: ClientRequestToken, RemoveFromVersionId: current };
    await manager.send(new sdk.UpdateSecretVersionStageCommand({ SecretId, VersionStage: 'AWSCURRENT', ...move }));
  }
}

test('a rotation calls its function for four steps, and the secret has a new value then', () =>
  Rotated.run(async (rotated) => {
    const { VersionId } = await rotated.rotate({ RotationRules: { AutomaticallyAfterDays: 10 } });
    assert.equal(VersionId, token(2));
    await rotated.untilRotated(2);
    assert.deepEqual(rotated.steps, ['createSecret', 'setSecret', 'testSecret', 'finishSecret']);
    assert.deepEqual([await rotated.value(), await rotated.value('AWSPREVIOUS')], [`new of ${token(2)}`, 'old']);
    const { RotationEnabled, RotationLambdaARN, RotationRules, NextRotationDate } = await rotated.describe();
    assert.deepEqual(
      [RotationEnabled, RotationLambdaARN, RotationRules],
      [true, ROTATOR, { AutomaticallyAfterDays: 10 }],
    );
    assert.equal(NextRotationDate!.toISOString(), '2026-03-11T00:00:00.000Z');
    // The same call again is the same call.
    await rotated.rotate();
    assert.equal(rotated.steps.length, 4);
  }));

test('the schedule rotates by itself, after a restart too', () =>
  Rotated.run(async (rotated) => {
    await rotated.rotate({ RotationRules: { ScheduleExpression: 'cron(0 8 2 * ? *)', Duration: '2h' } });
    await rotated.untilRotated(2);
    assert.equal((await rotated.describe()).NextRotationDate!.toISOString(), '2026-03-02T08:00:00.000Z');
    await rotated.house.reopen();
    await rotated.house.clock.advance(DAY_MS + 8 * 3600 * 1000);
    await rotated.until(async () => rotated.steps.length === 8);
    await rotated.until(async () => (await rotated.describe()).NextRotationDate!.getUTCMonth() === 3);
    assert.match((await rotated.value())!, /^new of [0-9a-f-]{36}$/);
    assert.notEqual(await rotated.value(), `new of ${token(2)}`);
  }));

test('a rotation that a stop cuts off goes on with the step that it was at', () =>
  Rotated.run(async (rotated) => {
    const reached = Promise.withResolvers<void>();
    rotated.house.rotate = async (_function, event, _secret, signal) => {
      const { Step } = event as Event;
      rotated.steps.push(Step);
      if (Step !== 'setSecret') return;
      reached.resolve();
      await new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    };
    await rotated.rotate();
    await rotated.house.clock.advance(100);
    await rotated.until(async () => rotated.steps.includes('setSecret'));
    await reached.promise;
    rotated.house.rotate = async (_function, event) => {
      rotated.steps.push((event as Event).Step);
    };
    await rotated.house.reopen();
    await rotated.until(async () => rotated.steps.includes('finishSecret'));
    assert.deepEqual(rotated.steps, ['createSecret', 'setSecret', 'setSecret', 'testSecret', 'finishSecret']);
  }));

test('a step that fails is tried again from the first one on, five times, and the version stays pending', () =>
  Rotated.run(async (rotated) => {
    rotated.disturb = ({ Step }) => {
      if (Step === 'testSecret') throw new Error('the database does not take the new password');
    };
    await rotated.rotate({ RotationRules: { AutomaticallyAfterDays: 1 } });
    await rotated.until(async () => rotated.steps.length === 3);
    await assert.rejects(rotated.rotate({ ClientRequestToken: token(3) }), {
      name: 'InvalidRequestException',
      message: /A previous rotation isn't complete/,
    });
    for (let at = 2; at <= 5; at++) {
      await rotated.house.clock.advance(30_000 * 2 ** (at - 2));
      await rotated.until(async () => rotated.steps.length === 3 * at);
    }
    await rotated.house.clock.advance(3600 * 1000);
    assert.equal(rotated.steps.length, 15);
    assert.equal(await rotated.value(), 'old');
    assert.deepEqual((await rotated.describe()).VersionIdsToStages![token(2)], ['AWSPENDING']);
    assert.ok(rotated.house.log.some((line) => line.includes('rotation-step-failed')));
    // The next date takes the same version up again.
    rotated.disturb = () => {};
    await rotated.house.clock.advance(DAY_MS);
    await rotated.untilRotated(2);
    assert.equal(await rotated.value(), `new of ${token(2)}`);
  }));

test('a rotation that is cancelled takes no further step', () =>
  Rotated.run(async (rotated) => {
    rotated.disturb = async ({ Step, SecretId }) => {
      if (Step === 'setSecret') await rotated.house.manager.send(new sdk.CancelRotateSecretCommand({ SecretId }));
    };
    await rotated.rotate({ RotationRules: { AutomaticallyAfterDays: 1 } });
    await rotated.until(async () => (await rotated.describe()).RotationEnabled === false);
    await rotated.house.clock.advance(3 * DAY_MS);
    assert.deepEqual(rotated.steps, ['createSecret', 'setSecret']);
    const { RotationEnabled, NextRotationDate } = await rotated.describe();
    assert.deepEqual([RotationEnabled, NextRotationDate], [false, undefined]);
  }));

test('without RotateImmediately only testSecret is called, on a version that goes again', () =>
  Rotated.run(async (rotated) => {
    let pending: string | undefined;
    rotated.disturb = async () => {
      pending = await rotated.value('AWSPENDING');
    };
    await rotated.rotate({ RotateImmediately: false, RotationRules: { ScheduleExpression: 'rate(4 hours)' } });
    await rotated.until(
      async () => rotated.steps.length > 0 && (await rotated.describe()).VersionIdsToStages![token(2)] === undefined,
    );
    assert.deepEqual([rotated.steps, pending, await rotated.value()], [['testSecret'], 'old', 'old']);
    assert.equal((await rotated.describe()).NextRotationDate!.toISOString(), '2026-03-01T04:00:00.000Z');
  }));

test('rules that cannot be are refused', () =>
  Rotated.run(async (rotated) => {
    const rules: readonly sdk.RotationRulesType[] = [
      { AutomaticallyAfterDays: 1, ScheduleExpression: 'rate(4 hours)' },
      { ScheduleExpression: 'rate(2 hours)' },
      { ScheduleExpression: 'rate(240 minutes)' },
      { ScheduleExpression: 'cron(0 * * * ? *)' },
      { ScheduleExpression: 'cron(0 0 1 1 ? 2020)' },
      { ScheduleExpression: 'every day' },
      { AutomaticallyAfterDays: 1, Duration: '25h' },
    ];
    for (const RotationRules of rules) {
      await assert.rejects(rotated.rotate({ RotationRules }), { name: 'InvalidParameterException' });
    }
    await assert.rejects(rotated.rotate({ RotationLambdaARN: undefined }), {
      name: 'InvalidRequestException',
      message: /No Lambda rotation function ARN/,
    });
  }));

test('a version that got AWSCURRENT while it was tried stays', () =>
  Rotated.run(async (rotated) => {
    rotated.disturb = async ({ SecretId, ClientRequestToken: MoveToVersionId }) => {
      const move = { MoveToVersionId, RemoveFromVersionId: token(1), VersionStage: 'AWSCURRENT' };
      await rotated.house.manager.send(new sdk.UpdateSecretVersionStageCommand({ SecretId, ...move }));
    };
    await rotated.rotate({ RotateImmediately: false, RotationRules: { AutomaticallyAfterDays: 1 } });
    await rotated.until(async () => {
      const { VersionIdsToStages } = await rotated.describe();
      return rotated.steps.length > 0 && !VersionIdsToStages?.[token(2)]?.includes('AWSPENDING');
    });
    assert.equal(await rotated.value(), 'old');
    assert.deepEqual((await rotated.describe()).VersionIdsToStages, {
      [token(1)]: ['AWSPREVIOUS'],
      [token(2)]: ['AWSCURRENT'],
    });
  }));

test('rotations make room for their versions as every call does', () =>
  Rotated.run(async (rotated) => {
    const { manager, clock } = rotated.house;
    for (let at = 3; at <= 101; at++) {
      const put = { SecretId: 's', SecretString: String(at), ClientRequestToken: token(at) };
      await manager.send(new sdk.PutSecretValueCommand(put));
    }
    await assert.rejects(rotated.rotate(), { name: 'LimitExceededException' });
    await clock.advance(DAY_MS);
    await rotated.rotate({ RotationRules: { AutomaticallyAfterDays: 10 } });
    await rotated.untilRotated(2);
    // By the schedule, which asks nobody.
    await clock.advance(11 * DAY_MS);
    await rotated.until(async () => rotated.steps.length === 8);
    await rotated.until(async () => !(await rotated.value())!.includes(token(2)));
    const all = { SecretId: 's', IncludeDeprecated: true, MaxResults: 100 };
    const { Versions, NextToken } = await manager.send(new sdk.ListSecretVersionIdsCommand(all));
    assert.deepEqual([Versions!.length, NextToken], [100, undefined]);
  }));
