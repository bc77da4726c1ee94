import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as sdk from '@aws-sdk/client-secrets-manager';
import { House } from './house.ts';

const CANARY = 'correct-horse-battery-staple';
const DAY_MS = 24 * 3600 * 1000;
/** Tokens of tests: 32 characters or more. */
const token = (at: number) => `00000000-0000-4000-8000-${String(at).padStart(12, '0')}`;

async function withHouse(body: (house: House) => Promise<void>): Promise<void> {
  await using house = await House.open();
  await body(house);
}

const create = (house: House, Name: string, SecretString?: string, more: Partial<sdk.CreateSecretCommandInput> = {}) =>
  house.manager.send(new sdk.CreateSecretCommand({ Name, SecretString, ClientRequestToken: token(1), ...more }));
const get = (house: House, SecretId: string, more: Partial<sdk.GetSecretValueCommandInput> = {}) =>
  house.manager.send(new sdk.GetSecretValueCommand({ SecretId, ...more }));
const put = (house: House, SecretId: string, SecretString: string, at: number, VersionStages?: string[]) =>
  house.manager.send(
    new sdk.PutSecretValueCommand({ SecretId, SecretString, ClientRequestToken: token(at), VersionStages }),
  );
const stages = async (house: House, SecretId: string) =>
  (await house.manager.send(new sdk.DescribeSecretCommand({ SecretId }))).VersionIdsToStages;

const refused = (name: string, message?: RegExp) => (error: Error) => {
  assert.equal(error.name, name, error.message);
  if (message) assert.match(error.message, message);
  return true;
};

test('a secret is made, read by name and by ARN, and kept over a restart', () =>
  withHouse(async (house) => {
    const made = await create(house, 'prod/db', CANARY, { Description: 'd', Tags: [{ Key: 'k', Value: 'v' }] });
    assert.match(made.ARN!, /^arn:aws:secretsmanager:eu-central-1:000000000000:secret:prod\/db-[A-Za-z0-9]{6}$/);
    await house.reopen();
    for (const id of ['prod/db', made.ARN!, made.ARN!.slice(0, -7)]) {
      const { SecretString, VersionId, VersionStages, CreatedDate, ARN, Name } = await get(house, id);
      assert.deepEqual(
        [SecretString, VersionId, VersionStages, ARN, Name],
        [CANARY, token(1), ['AWSCURRENT'], made.ARN, 'prod/db'],
      );
      assert.equal(CreatedDate!.toISOString(), '2026-03-01T00:00:00.000Z');
    }
    const { $metadata: _, ...described } = await house.manager.send(
      new sdk.DescribeSecretCommand({ SecretId: 'prod/db' }),
    );
    assert.deepEqual(described, {
      ARN: made.ARN,
      Name: 'prod/db',
      Description: 'd',
      LastChangedDate: new Date('2026-03-01'),
      LastAccessedDate: new Date('2026-03-01'),
      CreatedDate: new Date('2026-03-01'),
      Tags: [{ Key: 'k', Value: 'v' }],
      VersionIdsToStages: { [token(1)]: ['AWSCURRENT'] },
    });
    await house.records.rotate();
    assert.equal((await get(house, 'prod/db')).SecretString, CANARY);
    const disk = await house.disk();
    assert.ok(!disk.includes(CANARY) && disk.includes('prod/db'));
    assert.ok(!house.log.join().includes(CANARY));
  }));

test('the same token again is the same call; with another value it is refused', () =>
  withHouse(async (house) => {
    const first = await create(house, 's', 'one');
    assert.equal((await create(house, 's', 'one')).ARN, first.ARN);
    await assert.rejects(create(house, 's', 'two'), refused('ResourceExistsException', /the secret s already exists/));
    await assert.rejects(
      create(house, 's', 'one', { ClientRequestToken: token(2) }),
      refused('ResourceExistsException'),
    );
    await put(house, 's', 'two', 2);
    await put(house, 's', 'two', 2);
    assert.deepEqual(await stages(house, 's'), { [token(1)]: ['AWSPREVIOUS'], [token(2)]: ['AWSCURRENT'] });
    await assert.rejects(
      put(house, 's', 'three', 2),
      refused('ResourceExistsException', /already in use for a version of secret arn:aws:/),
    );
  }));

test('labels: AWSPREVIOUS follows AWSCURRENT, own ones move, and nobody moves one that is elsewhere than they believe', () =>
  withHouse(async (house) => {
    await create(house, 's', '1');
    await put(house, 's', '2', 2);
    await put(house, 's', '3', 3, ['AWSPENDING', 'mine']);
    assert.deepEqual(await stages(house, 's'), {
      [token(1)]: ['AWSPREVIOUS'],
      [token(2)]: ['AWSCURRENT'],
      [token(3)]: ['AWSPENDING', 'mine'],
    });
    const move = (VersionStage: string, MoveToVersionId?: string, RemoveFromVersionId?: string) =>
      house.manager.send(
        new sdk.UpdateSecretVersionStageCommand({ SecretId: 's', VersionStage, MoveToVersionId, RemoveFromVersionId }),
      );
    await assert.rejects(
      move('AWSCURRENT', token(3)),
      refused('InvalidParameterException', /RemoveFromVersionId can't be empty. Staging label AWSCURRENT/),
    );
    await assert.rejects(
      move('AWSCURRENT', token(3), token(1)),
      refused('InvalidParameterException', /isn't currently/),
    );
    await assert.rejects(move('AWSCURRENT', undefined, token(2)), refused('InvalidParameterException', /only move/));
    await assert.rejects(move('mine', token(9), token(3)), refused('ResourceNotFoundException'));
    await move('AWSCURRENT', token(3), token(2));
    await move('mine', token(1), token(3));
    await move('AWSPENDING', undefined, token(3));
    assert.deepEqual(await stages(house, 's'), {
      [token(1)]: ['mine'],
      [token(2)]: ['AWSPREVIOUS'],
      [token(3)]: ['AWSCURRENT'],
    });
    assert.equal((await get(house, 's', { VersionStage: 'AWSPREVIOUS' })).SecretString, '2');
    assert.equal((await get(house, 's', { VersionId: token(1), VersionStage: 'mine' })).SecretString, '1');
    await assert.rejects(
      get(house, 's', { VersionId: token(1), VersionStage: 'AWSCURRENT' }),
      refused('InvalidRequestException', /not associated/),
    );
    await assert.rejects(
      get(house, 's', { VersionStage: 'none' }),
      refused('ResourceNotFoundException', /specified secret value for staging label: none/),
    );
    await move('mine', undefined, token(1));
    const list = async (IncludeDeprecated: boolean) =>
      (
        await house.manager.send(new sdk.ListSecretVersionIdsCommand({ SecretId: 's', IncludeDeprecated }))
      ).Versions!.map(({ VersionId }) => VersionId);
    assert.deepEqual(await list(false), [token(2), token(3)]);
    assert.deepEqual(await list(true), [token(1), token(2), token(3)]);
  }));

test('a hundred versions are kept; those without labels make room when they are a day old', () =>
  withHouse(async (house) => {
    await create(house, 's', '1');
    for (let at = 2; at <= 100; at++) await put(house, 's', String(at), at);
    await assert.rejects(put(house, 's', 'x', 101), refused('LimitExceededException', /at most 100 versions/));
    await house.clock.advance(DAY_MS);
    await put(house, 's', 'x', 101);
    await assert.rejects(get(house, 's', { VersionId: token(1) }), refused('ResourceNotFoundException'));
    assert.equal((await get(house, 's', { VersionId: token(2) })).SecretString, '2');
    assert.equal((await house.records.range('secretsmanager/values', { limit: 1000 })).length, 100);
  }));

test('binary values come back as they were; two values, none, and too long ones are refused', () =>
  withHouse(async (house) => {
    const SecretBinary = Buffer.from([0, 255, 1, 2]);
    await create(house, 'b', undefined, { SecretBinary });
    assert.deepEqual(Buffer.from((await get(house, 'b')).SecretBinary!), SecretBinary);
    await assert.rejects(
      create(house, 'c', 'x', { SecretBinary }),
      refused('InvalidParameterException', /both a binary/),
    );
    await create(house, 'empty');
    await assert.rejects(get(house, 'empty'), refused('ResourceNotFoundException', /staging label: AWSCURRENT/));
    await assert.rejects(
      house.manager.send(new sdk.PutSecretValueCommand({ SecretId: 'empty' })),
      refused('InvalidRequestException', /either SecretString or SecretBinary/),
    );
    await assert.rejects(create(house, 'long', 'é'.repeat(40_000)), refused('InvalidParameterException', /65536/));
    await assert.rejects(create(house, 'a b', 'x'), refused('InvalidParameterException', /Invalid name/));
    await assert.rejects(
      create(house, 'k', 'x', { KmsKeyId: 'alias/mine' }),
      refused('InvalidRequestException', /KMS is not built/),
    );
    await assert.rejects(
      create(house, 'r', 'x', { AddReplicaRegions: [{ Region: 'eu-west-1' }] }),
      refused('InvalidRequestException', /not built/),
    );
    await create(house, 'k', 'x', { KmsKeyId: 'alias/aws/secretsmanager' });
  }));

test('a deleted secret can be restored for a while; then it is gone, and its name is free', () =>
  withHouse(async (house) => {
    await create(house, 's', CANARY);
    const remove = (more: Partial<sdk.DeleteSecretCommandInput>) =>
      house.manager.send(new sdk.DeleteSecretCommand({ SecretId: 's', ...more }));
    await assert.rejects(remove({ RecoveryWindowInDays: 6 }), refused('InvalidParameterException', /7 and 30 days/));
    await assert.rejects(
      remove({ RecoveryWindowInDays: 7, ForceDeleteWithoutRecovery: true }),
      refused('InvalidParameterException', /in conjunction/),
    );
    const { DeletionDate } = await remove({ RecoveryWindowInDays: 7 });
    assert.equal(DeletionDate!.toISOString(), '2026-03-08T00:00:00.000Z');
    await assert.rejects(get(house, 's'), refused('InvalidRequestException', /marked for deletion/));
    await assert.rejects(remove({}), refused('InvalidRequestException', /already scheduled for deletion/));
    await assert.rejects(create(house, 's', 'x'), refused('InvalidRequestException', /already scheduled for deletion/));
    const listed = async (IncludePlannedDeletion: boolean) =>
      (await house.manager.send(new sdk.ListSecretsCommand({ IncludePlannedDeletion }))).SecretList!.length;
    assert.deepEqual([await listed(false), await listed(true)], [0, 1]);
    await house.manager.send(new sdk.RestoreSecretCommand({ SecretId: 's' }));
    assert.equal((await get(house, 's')).SecretString, CANARY);
    await remove({ RecoveryWindowInDays: 7 });
    await house.reopen();
    await house.clock.advance(7 * DAY_MS);
    await assert.rejects(get(house, 's'), refused('ResourceNotFoundException'));
    await house.reopen();
    assert.deepEqual(await house.records.range('secretsmanager/values', { limit: 10 }), []);
    await create(house, 's', 'new');
    await remove({ ForceDeleteWithoutRecovery: true });
    await remove({ ForceDeleteWithoutRecovery: true });
    await assert.rejects(get(house, 's'), refused('ResourceNotFoundException', /can't find the specified secret/));
  }));

test('lists are filtered, sorted and paged; a batch tells what it could not read', () =>
  withHouse(async (house) => {
    for (const [at, name] of ['prod/a', 'prod/b', 'test/a', 'other'].entries()) {
      await create(house, name, name, {
        Description: `Key of ${name}`,
        Tags: [{ Key: 'env', Value: name.slice(0, 4) }],
        ClientRequestToken: token(at),
      });
      await house.clock.advance(1000);
    }
    const list = async (more: Partial<sdk.ListSecretsCommandInput>) => {
      const found: (string | undefined)[] = [];
      const pages = sdk.paginateListSecrets({ client: house.manager, pageSize: 2 }, more);
      for await (const { SecretList } of pages) found.push(...SecretList!.map(({ Name }) => Name));
      return found;
    };
    assert.deepEqual(await list({}), ['other', 'test/a', 'prod/b', 'prod/a']);
    assert.deepEqual(await list({ SortOrder: 'asc', SortBy: 'name' }), ['other', 'prod/a', 'prod/b', 'test/a']);
    const by = (Key: sdk.FilterNameStringType, ...Values: string[]) =>
      list({ Filters: [{ Key, Values }], SortOrder: 'asc' });
    assert.deepEqual(await by('name', 'prod/'), ['prod/a', 'prod/b']);
    assert.deepEqual(await by('name', '!prod/'), ['test/a', 'other']);
    assert.deepEqual(await by('tag-value', 'test', 'othe'), ['test/a', 'other']);
    assert.deepEqual(await by('description', 'KEY'), ['prod/a', 'prod/b', 'test/a', 'other']);
    assert.deepEqual(await by('all', 'prod'), ['prod/a', 'prod/b']);
    const batch = await house.manager.send(new sdk.BatchGetSecretValueCommand({ SecretIdList: ['other', 'none'] }));
    assert.deepEqual(
      batch.SecretValues!.map(({ SecretString }) => SecretString),
      ['other'],
    );
    assert.deepEqual(
      batch.Errors!.map(({ SecretId, ErrorCode }) => [SecretId, ErrorCode]),
      [['none', 'ResourceNotFoundException']],
    );
    const filtered = await house.manager.send(
      new sdk.BatchGetSecretValueCommand({ Filters: [{ Key: 'name', Values: ['prod'] }] }),
    );
    assert.equal(filtered.SecretValues!.length, 2);
    await assert.rejects(
      house.manager.send(new sdk.ListSecretsCommand({ NextToken: 'x' })),
      refused('InvalidNextTokenException'),
    );
  }));

test('updates, tags and resource policies', () =>
  withHouse(async (house) => {
    await create(house, 's', 'one', { Tags: [{ Key: 'a', Value: '1' }] });
    const on = { SecretId: 's' };
    await house.manager.send(new sdk.UpdateSecretCommand({ ...on, Description: 'new' }));
    const updated = await house.manager.send(new sdk.UpdateSecretCommand({ ...on, SecretString: 'two' }));
    assert.equal((await get(house, 's')).VersionId, updated.VersionId);
    await house.manager.send(new sdk.TagResourceCommand({ ...on, Tags: [{ Key: 'b', Value: '2' }] }));
    await house.manager.send(new sdk.UntagResourceCommand({ ...on, TagKeys: ['a'] }));
    const { Tags, Description } = await house.manager.send(new sdk.DescribeSecretCommand(on));
    assert.deepEqual([Tags, Description], [[{ Key: 'b', Value: '2' }], 'new']);

    const policy = (Principal: unknown) =>
      JSON.stringify({
        Version: '2012-10-17',
        Statement: [{ Effect: 'Allow', Principal, Action: 'secretsmanager:GetSecretValue', Resource: '*' }],
      });
    const own = policy({ AWS: 'arn:aws:iam::000000000000:root' });
    const set = (ResourcePolicy: string, BlockPublicPolicy = false) =>
      house.manager.send(new sdk.PutResourcePolicyCommand({ ...on, ResourcePolicy, BlockPublicPolicy }));
    await assert.rejects(set('{'), refused('MalformedPolicyDocumentException'));
    await assert.rejects(set(policy(undefined)), refused('MalformedPolicyDocumentException', /no Principal/));
    await assert.rejects(set(policy('*'), true), refused('PublicPolicyException'));
    await set(own, true);
    const read = async () => (await house.manager.send(new sdk.GetResourcePolicyCommand(on))).ResourcePolicy;
    assert.equal(await read(), own);
    const valid = await house.manager.send(new sdk.ValidateResourcePolicyCommand({ ResourcePolicy: policy('*') }));
    assert.deepEqual(
      [valid.PolicyValidationPassed, valid.ValidationErrors![0]!.CheckName],
      [false, 'ResourcePolicyPublicAccess'],
    );
    await house.manager.send(new sdk.DeleteResourcePolicyCommand(on));
    assert.equal(await read(), undefined);
  }));

test('random passwords have what is asked of them', () =>
  withHouse(async (house) => {
    const password = async (input: sdk.GetRandomPasswordCommandInput) =>
      (await house.manager.send(new sdk.GetRandomPasswordCommand(input))).RandomPassword!;
    assert.equal((await password({})).length, 32);
    assert.notEqual(await password({}), await password({}));
    for (let at = 0; at < 20; at++) {
      const four = await password({ PasswordLength: 4 });
      for (const kind of [/[a-z]/, /[A-Z]/, /[0-9]/, /[^A-Za-z0-9]/]) assert.match(four, kind);
    }
    assert.match(
      await password({ ExcludePunctuation: true, ExcludeUppercase: true, PasswordLength: 100 }),
      /^[a-z0-9]+$/,
    );
    assert.doesNotMatch(await password({ ExcludeCharacters: 'abc"@/\\', PasswordLength: 4096 }), /[abc"@/\\]/);
    await assert.rejects(password({ PasswordLength: 3 }), refused('InvalidParameterException', /at least 4/));
    await assert.rejects(
      password({ ExcludeCharacters: '0123456789' }),
      refused('InvalidRequestException', /all characters of a type/),
    );
  }));
