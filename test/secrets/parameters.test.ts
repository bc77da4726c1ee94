import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as sdk from '@aws-sdk/client-ssm';
import { House } from './house.ts';

const CANARY = 'correct-horse-battery-staple';

async function withHouse(body: (house: House) => Promise<void>): Promise<void> {
  await using house = await House.open();
  await body(house);
}

function put(house: House, Name: string, Value: string, more: Partial<sdk.PutParameterCommandInput> = {}) {
  return house.ssm.send(new sdk.PutParameterCommand({ Name, Value, Type: 'String', ...more }));
}

async function value(house: House, Name: string, WithDecryption = true): Promise<string | undefined> {
  return (await house.ssm.send(new sdk.GetParameterCommand({ Name, WithDecryption }))).Parameter?.Value;
}

const refused = (name: string, message?: RegExp) => (error: Error) => {
  assert.equal(error.name, name, error.message);
  if (message) assert.match(error.message, message);
  return true;
};

test('a parameter is created, read by name, version, label and ARN, and kept over a restart', () =>
  withHouse(async (house) => {
    const made = await put(house, '/app/db/host', 'one', { Description: 'where', Tags: [{ Key: 'team', Value: 'a' }] });
    assert.deepEqual([made.Version, made.Tier], [1, 'Standard']);
    await put(house, '/app/db/host', 'two', { Overwrite: true });
    await house.ssm.send(
      new sdk.LabelParameterVersionCommand({ Name: '/app/db/host', ParameterVersion: 1, Labels: ['prod'] }),
    );
    await house.reopen();
    const { Parameter } = await house.ssm.send(new sdk.GetParameterCommand({ Name: '/app/db/host' }));
    const { LastModifiedDate, ...rest } = Parameter!;
    assert.deepEqual(rest, {
      Name: '/app/db/host',
      Type: 'String',
      Value: 'two',
      Version: 2,
      ARN: 'arn:aws:ssm:eu-central-1:000000000000:parameter/app/db/host',
      DataType: 'text',
    });
    assert.equal(LastModifiedDate!.toISOString(), '2026-03-01T00:00:00.000Z');
    assert.equal(await value(house, '/app/db/host:1'), 'one');
    assert.equal(await value(house, '/app/db/host:prod'), 'one');
    assert.equal(await value(house, `${rest.ARN}:1`), 'one');
    const byLabel = await house.ssm.send(new sdk.GetParameterCommand({ Name: '/app/db/host:prod' }));
    assert.deepEqual([byLabel.Parameter!.Selector, byLabel.Parameter!.Name], [':prod', '/app/db/host']);
    await assert.rejects(
      value(house, '/app/db/host:3'),
      refused('ParameterVersionNotFound', /could not find version 3/),
    );
    await assert.rejects(value(house, '/app/db/host:test'), refused('ParameterVersionNotFound'));
    await assert.rejects(value(house, '/app/db'), refused('ParameterNotFound'));
  }));

test('what is refused is refused in the words of AWS', () =>
  withHouse(async (house) => {
    await put(house, 'taken', 'x');
    const cases: readonly [Promise<unknown>, string, RegExp][] = [
      [put(house, 'taken', 'y'), 'ParameterAlreadyExists', /set the overwrite option in the request to true/],
      [put(house, 'taken', 'y', { Overwrite: true, Type: 'SecureString' }), 'HierarchyTypeMismatchException', /type/],
      [
        put(house, 'taken', 'y', { Overwrite: true, Tags: [{ Key: 'a', Value: 'b' }] }),
        'ValidationException',
        /tags and overwrite can't be used together/,
      ],
      [put(house, 'new', 'y', { Type: undefined! }), 'ValidationException', /A parameter type is required/],
      [put(house, 'a/b', 'y'), 'ValidationException', /fully qualified name/],
      [put(house, '/a//b', 'y'), 'ValidationException', /sub-paths divided by slash/],
      [put(house, 'a b', 'y'), 'ValidationException', /Parameter name/],
      [put(house, '/aws/x/y', 'y'), 'AccessDeniedException', /No access to reserved parameter name/],
      [put(house, 'AWSthing', 'y'), 'ValidationException', /can't be prefixed with "aws" or "ssm"/],
      [put(house, '/ssm/x', 'y'), 'ValidationException', /can't be prefixed with "ssm"/],
      [put(house, `${'/a'.repeat(16)}`, 'y'), 'HierarchyLevelLimitExceededException', /15 levels/],
      [put(house, `/${'n'.repeat(1000)}`, 'y'), 'ValidationException', /1011/],
      [put(house, 'x', ''), 'ValidationException', /at 'value' failed/],
      [put(house, 'x', '{{ssm:y}}'), 'ValidationException', /can't nest another parameter/],
      [put(house, 'x', 'v'.repeat(4097)), 'ValidationException', /maximum parameter value of 4096/],
      [put(house, 'x', 'v'.repeat(8193), { Tier: 'Advanced' }), 'ValidationException', /8192/],
      [put(house, 'x', 'abc', { AllowedPattern: '^\\d+$' }), 'ParameterPatternMismatchException', /validated against/],
      [put(house, 'x', 'abc', { AllowedPattern: '(' }), 'InvalidAllowedPatternException', /regular expression/],
      [put(house, 'x', 'y', { DataType: 'Text' }), 'ValidationException', /data type is not supported: Text/],
      [put(house, 'x', 'y', { Type: 'SecureString', KeyId: 'alias/mine' }), 'InvalidKeyId', /KMS is not built/],
      [put(house, 'x', 'y', { Policies: '[]x' }), 'InvalidPolicyAttributeException', /JSON array/],
      [
        put(house, 'x', 'y', { Tier: 'Advanced', Policies: '[{"Type":"Other","Version":"1.0","Attributes":{}}]' }),
        'InvalidPolicyTypeException',
        /Other/,
      ],
    ];
    for (const [call, name, message] of cases) await assert.rejects(call, refused(name, message), String(message));
    await assert.rejects(
      house.ssm.send(new sdk.DeleteParameterCommand({ Name: 'none' })),
      refused('ParameterNotFound'),
    );
  }));

test('a pattern that takes ages over a value does not hold the node up', () =>
  withHouse(async (house) => {
    const hostile = put(house, 'x', `${'a'.repeat(4000)}!`, { AllowedPattern: '^(a+)+$' });
    await assert.rejects(hostile, refused('InvalidAllowedPatternException', /takes too long/));
    await put(house, 'x', 'aaa', { AllowedPattern: '^(a+)+$' });
    await assert.rejects(put(house, 'x', 'b', { Overwrite: true }), refused('ParameterPatternMismatchException'));
  }));

test('tiers: a long value asks for the advanced one, and no parameter comes back from it', () =>
  withHouse(async (house) => {
    const long = 'v'.repeat(5000);
    const made = await put(house, 'long', long, { Tier: 'Intelligent-Tiering' });
    assert.equal(made.Tier, 'Advanced');
    assert.equal((await put(house, 'short', 'v', { Tier: 'Intelligent-Tiering' })).Tier, 'Standard');
    assert.equal((await put(house, 'long', 'v', { Overwrite: true })).Tier, 'Advanced');
    await assert.rejects(
      put(house, 'long', 'v', { Overwrite: true, Tier: 'Standard' }),
      refused('ValidationException', /can't downgrade/),
    );
  }));

test('a SecureString is nowhere on disk or in the log, and is answered only to whoever asks for decryption', () =>
  withHouse(async (house) => {
    await put(house, '/app/password', CANARY, { Type: 'SecureString' });
    const asItStands = await value(house, '/app/password', false);
    assert.ok(asItStands && !asItStands.includes(CANARY) && /^[A-Za-z0-9+/=]{100,}$/.test(asItStands));
    assert.equal(await value(house, '/app/password', false), asItStands);
    assert.equal(await value(house, '/app/password'), CANARY);
    await assert.rejects(put(house, '/app/password', `${CANARY}{{x}}`, { Overwrite: true, Type: 'SecureString' }));
    await house.reopen();
    assert.equal(await value(house, '/app/password'), CANARY);
    await house.records.rotate();
    assert.equal(await value(house, '/app/password'), CANARY);
    const disk = await house.disk();
    assert.ok(!disk.includes(CANARY) && disk.includes('/app/password'));
    assert.ok(!house.log.join().includes(CANARY));
    const { Parameters } = await house.ssm.send(new sdk.DescribeParametersCommand({}));
    assert.equal(Parameters![0]!.KeyId, 'alias/aws/ssm');
  }));

test('a hundred versions are kept; the oldest goes unless somebody has labelled it', () =>
  withHouse(async (house) => {
    await put(house, 'p', '1');
    for (let at = 2; at <= 101; at++) await put(house, 'p', String(at), { Overwrite: true });
    await assert.rejects(value(house, 'p:1'), refused('ParameterVersionNotFound'));
    assert.equal(await value(house, 'p:2'), '2');
    await house.ssm.send(new sdk.LabelParameterVersionCommand({ Name: 'p', ParameterVersion: 2, Labels: ['keep'] }));
    await assert.rejects(
      put(house, 'p', '102', { Overwrite: true }),
      refused('ParameterMaxVersionLimitExceeded', /Version 2, the oldest version, can't be deleted/),
    );
    await house.ssm.send(new sdk.LabelParameterVersionCommand({ Name: 'p', ParameterVersion: 50, Labels: ['keep'] }));
    assert.equal((await put(house, 'p', '102', { Overwrite: true })).Version, 102);
    const pages = sdk.paginateGetParameterHistory({ client: house.ssm, pageSize: 30 }, { Name: 'p' });
    const all: sdk.ParameterHistory[] = [];
    for await (const page of pages) all.push(...page.Parameters!);
    assert.deepEqual(
      all.map(({ Version }) => Version),
      Array.from({ length: 100 }, (_, at) => at + 3),
    );
    assert.deepEqual(all[47]!.Labels, ['keep']);
    await house.ssm.send(new sdk.DeleteParameterCommand({ Name: 'p' }));
    assert.equal((await put(house, 'p', 'again')).Version, 1);
    assert.equal((await house.ssm.send(new sdk.GetParameterHistoryCommand({ Name: 'p' }))).Parameters!.length, 1);
  }));

test('labels move, are limited to ten of a version, and bad ones are told apart', () =>
  withHouse(async (house) => {
    await put(house, 'p', '1');
    await put(house, 'p', '2', { Overwrite: true });
    const label = (Labels: string[], ParameterVersion?: number) =>
      house.ssm.send(new sdk.LabelParameterVersionCommand({ Name: 'p', Labels, ParameterVersion }));
    const first = await label(['good', '1bad', 'aws-bad', 'ssm.bad', 'a b'], 1);
    assert.deepEqual([first.InvalidLabels, first.ParameterVersion], [['1bad', 'aws-bad', 'ssm.bad', 'a b'], 1]);
    await label(['good']);
    assert.equal(await value(house, 'p:good'), '2');
    await label(Array.from({ length: 9 }, (_, at) => `l${at}`));
    await assert.rejects(label(['one-more']), refused('ParameterVersionLabelLimitExceeded', /maximum 10 labels/));
    const removed = await house.ssm.send(
      new sdk.UnlabelParameterVersionCommand({ Name: 'p', ParameterVersion: 2, Labels: ['good', 'none'] }),
    );
    assert.deepEqual([removed.RemovedLabels, removed.InvalidLabels], [['good'], ['none']]);
    await assert.rejects(label(['x'], 9), refused('ParameterVersionNotFound'));
  }));

test('paths: one level or all below, filtered by type and label, in pages', () =>
  withHouse(async (house) => {
    for (const name of ['/a/x', '/a/y', '/a/b/z', '/ab/x', 'root']) await put(house, name, name);
    await put(house, '/a/secret', 's', { Type: 'SecureString' });
    await put(house, '/a/x', 'newer', { Overwrite: true });
    await house.ssm.send(new sdk.LabelParameterVersionCommand({ Name: '/a/x', ParameterVersion: 1, Labels: ['live'] }));
    const under = async (Path: string, more: Partial<sdk.GetParametersByPathCommandInput> = {}) => {
      const found: sdk.Parameter[] = [];
      const pages = sdk.paginateGetParametersByPath({ client: house.ssm, pageSize: 2 }, { Path, ...more });
      for await (const { Parameters } of pages) found.push(...Parameters!);
      return found;
    };
    const names = (list: sdk.Parameter[]) => list.map(({ Name }) => Name);
    assert.deepEqual(names(await under('/a')), ['/a/secret', '/a/x', '/a/y']);
    assert.deepEqual(names(await under('/a/', { Recursive: true })), ['/a/b/z', '/a/secret', '/a/x', '/a/y']);
    assert.deepEqual(names(await under('/')), ['root']);
    assert.equal((await under('/', { Recursive: true })).length, 6);
    const secure = [{ Key: 'Type', Option: 'Equals', Values: ['SecureString'] }];
    assert.deepEqual(names(await under('/a', { ParameterFilters: secure })), ['/a/secret']);
    const [live] = await under('/a', { ParameterFilters: [{ Key: 'Label', Values: ['live'] }], Recursive: true });
    assert.deepEqual([live!.Name, live!.Value, live!.Version], ['/a/x', '/a/x', 1]);
    await assert.rejects(under('a'), refused('ValidationException', /must begin with a forward slash/));
    await assert.rejects(
      under('/a', { ParameterFilters: [{ Key: 'Name', Values: ['x'] }] }),
      refused('InvalidFilterKey'),
    );
    await assert.rejects(
      house.ssm.send(new sdk.GetParametersByPathCommand({ Path: '/a', NextToken: 'x' })),
      refused('InvalidNextToken'),
    );
  }));

test('several at once: in the order of names, and what is not there is told', () =>
  withHouse(async (house) => {
    await put(house, 'b', '1');
    await put(house, 'a', '2');
    const got = await house.ssm.send(new sdk.GetParametersCommand({ Names: ['b', 'a', 'none', 'a:7'] }));
    assert.deepEqual(
      got.Parameters!.map(({ Name }) => Name),
      ['a', 'b'],
    );
    assert.deepEqual(got.InvalidParameters, ['none', 'a:7']);
    const gone = await house.ssm.send(new sdk.DeleteParametersCommand({ Names: ['a', 'none'] }));
    assert.deepEqual([gone.DeletedParameters, gone.InvalidParameters], [['a'], ['none']]);
    await assert.rejects(value(house, 'a'), refused('ParameterNotFound'));
  }));

test('DescribeParameters filters by name, path, type, tier and tag, and never gives a value', () =>
  withHouse(async (house) => {
    await put(house, '/x/one', 'v-one', { Tags: [{ Key: 'env', Value: 'test' }] });
    await put(house, '/x/two', 'v-two', { Type: 'StringList', Tier: 'Advanced' });
    await put(house, '/x/y/three', 'v-three', { AllowedPattern: '^v', Description: 'd' });
    const names = async (ParameterFilters: sdk.ParameterStringFilter[]) =>
      (await house.ssm.send(new sdk.DescribeParametersCommand({ ParameterFilters }))).Parameters!.map(
        ({ Name }) => Name,
      );
    assert.deepEqual(await names([{ Key: 'Name', Option: 'Contains', Values: ['t'] }]), ['/x/two', '/x/y/three']);
    assert.deepEqual(await names([{ Key: 'Name', Option: 'BeginsWith', Values: ['/x/y'] }]), ['/x/y/three']);
    assert.deepEqual(await names([{ Key: 'Path', Values: ['/x'] }]), ['/x/one', '/x/two']);
    assert.deepEqual(await names([{ Key: 'Path', Option: 'Recursive', Values: ['/x/y'] }]), ['/x/y/three']);
    assert.deepEqual(await names([{ Key: 'Tier', Values: ['Advanced'] }]), ['/x/two']);
    assert.deepEqual(await names([{ Key: 'tag:env', Values: ['test'] }]), ['/x/one']);
    await assert.rejects(names([{ Key: 'Label', Values: ['x'] }]), refused('InvalidFilterKey'));
    await assert.rejects(names([{ Key: 'Name' }]), refused('InvalidFilterValue'));
    await assert.rejects(
      names([{ Key: 'Path', Option: 'Equals', Values: ['/x'] }]),
      refused('InvalidFilterOption', /Recursive, OneLevel/),
    );
    const { Parameters } = await house.ssm.send(
      new sdk.DescribeParametersCommand({ Filters: [{ Key: 'Name', Values: ['/x/y'] }] }),
    );
    const { LastModifiedDate: _, ...three } = Parameters![0]!;
    assert.deepEqual(three, {
      Name: '/x/y/three',
      ARN: 'arn:aws:ssm:eu-central-1:000000000000:parameter/x/y/three',
      Type: 'String',
      LastModifiedUser: 'arn:aws:iam::000000000000:root',
      Description: 'd',
      AllowedPattern: '^v',
      Version: 1,
      Tier: 'Standard',
      Policies: [],
      DataType: 'text',
    });
  }));

test('tags are added, listed and removed; what is no parameter has none', () =>
  withHouse(async (house) => {
    await put(house, 'p', 'v', { Tags: [{ Key: 'a', Value: '1' }] });
    const on = { ResourceType: 'Parameter', ResourceId: 'p' } as const;
    const add = (Tags: sdk.Tag[]) => house.ssm.send(new sdk.AddTagsToResourceCommand({ ...on, Tags }));
    await add([
      { Key: 'b', Value: '2' },
      { Key: 'a', Value: '3' },
    ]);
    await house.ssm.send(new sdk.RemoveTagsFromResourceCommand({ ...on, TagKeys: ['b', 'none'] }));
    const list = (resource: { ResourceType: sdk.ResourceTypeForTagging; ResourceId: string }) =>
      house.ssm.send(new sdk.ListTagsForResourceCommand(resource));
    assert.deepEqual((await list(on)).TagList, [{ Key: 'a', Value: '3' }]);
    await assert.rejects(list({ ...on, ResourceId: 'none' }), refused('InvalidResourceId'));
    await assert.rejects(list({ ...on, ResourceType: 'Document' }), refused('InvalidResourceType'));
    await assert.rejects(
      add(Array.from({ length: 50 }, (_, at) => ({ Key: `k${at}`, Value: '' }))),
      refused('TooManyTagsError'),
    );
  }));

test('a policy lets a parameter expire: it is not there from then on, and leaves the disk, after a restart too', () =>
  withHouse(async (house) => {
    const expiration = (Timestamp: string) =>
      JSON.stringify([{ Type: 'Expiration', Version: '1.0', Attributes: { Timestamp } }]);
    const Policies = expiration('2026-03-02T00:00:00.000Z');
    await assert.rejects(put(house, 'p', 'v', { Policies }), refused('ValidationException', /Standard tier/));
    await assert.rejects(
      put(house, 'p', 'v', { Tier: 'Advanced', Policies: expiration('2026-02-01T00:00:00.000Z') }),
      refused('InvalidPolicyAttributeException'),
    );
    await put(house, 'p', 'v', { Tier: 'Advanced', Policies });
    await put(house, 'p', 'v2', { Overwrite: true });
    const history = await house.ssm.send(new sdk.GetParameterHistoryCommand({ Name: 'p' }));
    assert.equal(history.Parameters![1]!.Policies![0]!.PolicyType, 'Expiration');
    await house.reopen();
    await house.clock.advance(86_400_000 - 1);
    assert.equal(await value(house, 'p'), 'v2');
    await house.clock.advance(1);
    await assert.rejects(value(house, 'p'), refused('ParameterNotFound'));
    await house.reopen();
    await put(house, 'other', 'x');
    const left = await house.records.range('ssm/values', { limit: 10 });
    assert.equal(left.length, 1);
  }));
