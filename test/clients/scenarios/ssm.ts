import assert from 'node:assert/strict';
import type { Rig, Scenario } from '../scenario.ts';

/** Parameter Store. */
export const ssm: Scenario = {
  service: 'ssm',
  async run(rig) {
    await valuesAndVersions(rig);
    await hierarchies(rig);
    await tags(rig);
  },
};

async function valuesAndVersions({ call, name }: Rig): Promise<void> {
  const Name = name('plain');
  const before = Date.now();
  assert.deepEqual(await call('PutParameter', { Name, Value: '1', Type: 'String' }), { Version: 1, Tier: 'Standard' });
  await assert.rejects(call('PutParameter', { Name, Value: '2', Type: 'String' }), { name: 'ParameterAlreadyExists' });
  const second = await call('PutParameter', { Name, Value: 'zwei – 2', Overwrite: true, Description: 'a number' });
  assert.equal(second.Version, 2);
  const { Parameter } = await call('GetParameter', { Name });
  assert.ok(Parameter.LastModifiedDate.getTime() >= before - 1);
  assert.deepEqual(Parameter, {
    ...{ Name, Type: 'String', Value: 'zwei – 2', Version: 2, DataType: 'text' },
    ...{ ARN: `arn:aws:ssm:us-east-1:000000000000:parameter/${Name}`, LastModifiedDate: Parameter.LastModifiedDate },
  });

  const labelled = { Name, ParameterVersion: 1, Labels: ['first', 'stable', '1st'] };
  assert.deepEqual(await call('LabelParameterVersion', labelled), { InvalidLabels: ['1st'], ParameterVersion: 1 });
  assert.equal((await call('GetParameter', { Name: `${Name}:first` })).Parameter.Value, '1');
  const { Parameters: history } = await call('GetParameterHistory', { Name });
  assert.deepEqual(
    history.map(({ Version, Value, Labels }: any) => ({ Version, Value, Labels })),
    [
      { Version: 1, Value: '1', Labels: ['first', 'stable'] },
      { Version: 2, Value: 'zwei – 2', Labels: [] },
    ],
  );
  const unlabelled = { Name, ParameterVersion: 1, Labels: ['stable', 'none'] };
  assert.deepEqual(await call('UnlabelParameterVersion', unlabelled), {
    RemovedLabels: ['stable'],
    InvalidLabels: ['none'],
  });
  await assert.rejects(call('GetParameter', { Name: `${Name}:stable` }), { name: 'ParameterVersionNotFound' });

  assert.deepEqual(await call('DeleteParameter', { Name }), {});
  await assert.rejects(call('GetParameter', { Name }), { name: 'ParameterNotFound' });
}

async function hierarchies({ call, name }: Rig): Promise<void> {
  const root = `/${name('plant')}`;
  const [host, key, hosts] = [`${root}/db/host`, `${root}/db/key`, `${root}/hosts`];
  await call('PutParameter', { Name: host, Value: 'db1', Type: 'String' });
  await call('PutParameter', { Name: key, Value: 'hidden', Type: 'SecureString' });
  await call('PutParameter', { Name: hosts, Value: 'a,b', Type: 'StringList', Tier: 'Advanced' });

  const asked = await call('GetParameters', { Names: [host, key, `${root}/none`], WithDecryption: true });
  assert.deepEqual(asked.InvalidParameters, [`${root}/none`]);
  assert.deepEqual(valuesOf(asked), { [host]: 'db1', [key]: 'hidden' });

  assert.deepEqual(valuesOf(await call('GetParametersByPath', { Path: root })), { [hosts]: 'a,b' });
  const paged = { Path: root, Recursive: true, WithDecryption: true, MaxResults: 2 };
  const first = await call('GetParametersByPath', paged);
  const rest = await call('GetParametersByPath', { ...paged, NextToken: first.NextToken });
  assert.deepEqual([first.Parameters.length, rest.NextToken], [2, undefined]);
  assert.deepEqual({ ...valuesOf(first), ...valuesOf(rest) }, { [host]: 'db1', [key]: 'hidden', [hosts]: 'a,b' });

  const ParameterFilters = [
    { Key: 'Name', Option: 'BeginsWith', Values: [root] },
    { Key: 'Type', Values: ['SecureString', 'StringList'] },
  ];
  const { Parameters: described } = await call('DescribeParameters', { ParameterFilters });
  assert.deepEqual(
    described.map(({ Name, Tier, KeyId }: any) => ({ Name, Tier, KeyId })),
    [
      { Name: key, Tier: 'Standard', KeyId: 'alias/aws/ssm' },
      { Name: hosts, Tier: 'Advanced', KeyId: undefined },
    ],
  );

  const { DeletedParameters, InvalidParameters } = await call('DeleteParameters', {
    Names: [host, key, hosts, `${root}/none`],
  });
  assert.deepEqual(DeletedParameters.sort(), [host, key, hosts]);
  assert.deepEqual(InvalidParameters, [`${root}/none`]);
}

async function tags({ call, name }: Rig): Promise<void> {
  const Name = name('tagged');
  const resource = { ResourceType: 'Parameter', ResourceId: Name };
  const listed = async () => (await call('ListTagsForResource', resource)).TagList;
  await call('PutParameter', { Name, Value: 'v', Type: 'String', Tags: [{ Key: 'line', Value: '1' }] });
  assert.deepEqual(await listed(), [{ Key: 'line', Value: '1' }]);
  const Tags = [
    { Key: 'line', Value: '2' },
    { Key: 'shift', Value: 'night' },
  ];
  assert.deepEqual(await call('AddTagsToResource', { ...resource, Tags }), {});
  assert.deepEqual(await listed(), Tags);
  assert.deepEqual(await call('RemoveTagsFromResource', { ...resource, TagKeys: ['line'] }), {});
  assert.deepEqual(await listed(), [{ Key: 'shift', Value: 'night' }]);
  await call('DeleteParameter', { Name });
  await assert.rejects(listed(), { name: 'InvalidResourceId' });
}

function valuesOf({ Parameters }: { readonly Parameters: readonly { Name: string; Value: string }[] }) {
  return Object.fromEntries(Parameters.map(({ Name, Value }) => [Name, Value]));
}
