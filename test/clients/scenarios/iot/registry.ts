import assert from 'node:assert/strict';
import { join } from 'node:path';
import mqtt from 'mqtt';
import { SimulatedClock, systemRandom } from '../../../../src/base/index.ts';
import { ThingTypes } from '../../../../src/services/iot/things/types.ts';
import { openEmbeddedRecords } from '../../../../src/store/index.ts';
import type { Rig } from '../../scenario.ts';
import { arnOf } from './arns.ts';

const notFound = { name: 'ResourceNotFoundException' };
/** How the names of types begin that were deprecated before the node has started. */
const OLD = 'old-';
const invalid = { name: 'InvalidRequestException' };

/** What things are made of, in the order in which one needs the other. */
interface Names {
  readonly thingTypeName: string;
  readonly thingName: string;
  readonly hall: string;
  readonly row: string;
}

/** Types, things and groups: made, found again, and taken away. */
export async function registry(rig: Rig): Promise<void> {
  const { name } = rig;
  const names = { thingTypeName: name('pump'), thingName: name('p1'), hall: name('hall'), row: name('row') };
  await types(rig, names);
  await things(rig, names);
  await groups(rig, names);
  await membership(rig, names);
  await principals(rig, names);
  if (await rig.knows('GetThingConnectivityData')) await connectivity(rig, names);
  await tags(rig, names);
  await settings(rig);
  await removal(rig, names);
  await oldType(rig);
}

async function types({ call, knows }: Rig, { thingTypeName }: Names): Promise<void> {
  const thingTypeProperties = { thingTypeDescription: 'moves', searchableAttributes: ['site'] };
  const made = await call('CreateThingType', { thingTypeName, thingTypeProperties });
  assert.equal(made.thingTypeArn, arnOf(`thingtype/${thingTypeName}`));
  if (await knows('UpdateThingType')) {
    const thingTypeDescription = 'moves water';
    const changed = { ...thingTypeProperties, thingTypeDescription };
    await call('UpdateThingType', { thingTypeName, thingTypeProperties: changed });
    const described = await call('DescribeThingType', { thingTypeName });
    assert.equal(described.thingTypeProperties.thingTypeDescription, thingTypeDescription);
  }
  const described = await call('DescribeThingType', { thingTypeName });
  assert.deepEqual(
    [described.thingTypeId, described.thingTypeProperties.searchableAttributes, described.thingTypeMetadata.deprecated],
    [made.thingTypeId, ['site'], false],
  );
  assert.ok(Math.abs(described.thingTypeMetadata.creationDate.getTime() - Date.now()) < 60_000);
  const first = await call('ListThingTypes', { maxResults: 1 });
  const rest = await call('ListThingTypes', { nextToken: first.nextToken });
  const listed = [...first.thingTypes, ...rest.thingTypes].map((one) => one.thingTypeName);
  assert.deepEqual(new Set(listed).size, listed.length);
  assert.ok(listed.includes(thingTypeName));
}

async function things({ call }: Rig, { thingTypeName, thingName }: Names): Promise<void> {
  const of = (site: string) => ({ thingName, thingTypeName, attributePayload: { attributes: { site } } });
  const made = await call('CreateThing', of('north'));
  assert.equal(made.thingArn, arnOf(`thing/${thingName}`));
  assert.equal((await call('CreateThing', of('north'))).thingId, made.thingId);
  await assert.rejects(call('CreateThing', of('south')), { name: 'ResourceAlreadyExistsException' });
  const billed = { thingName: `${thingName}-2`, billingGroupName: 'none' };
  await assert.rejects(call('CreateThing', billed), notFound);
  const attributePayload = { attributes: { floor: '2' }, merge: true };
  await call('UpdateThing', { thingName, attributePayload, expectedVersion: 1 });
  const stale = call('UpdateThing', { thingName, removeThingType: true, expectedVersion: 1 });
  await assert.rejects(stale, { name: 'VersionConflictException' });
  assert.deepEqual(await call('DescribeThing', { thingName }), {
    ...{ ...made, defaultClientId: thingName, thingTypeName, version: 2 },
    attributes: { site: 'north', floor: '2' },
  });
  await assert.rejects(call('DescribeThing', { thingName: `${thingName}-none` }), notFound);
  const found = await call('ListThings', { thingTypeName, attributeName: 'site', attributeValue: 'north' });
  assert.deepEqual(found.things, [
    { thingName, thingTypeName, thingArn: made.thingArn, version: 2, attributes: { site: 'north', floor: '2' } },
  ]);
}

async function groups({ call }: Rig, { hall, row }: Names): Promise<void> {
  const described = async (thingGroupName: string) => call('DescribeThingGroup', { thingGroupName });
  const thingGroupProperties = { thingGroupDescription: 'd', attributePayload: { attributes: { roof: 'flat' } } };
  const made = await call('CreateThingGroup', { thingGroupName: hall, thingGroupProperties });
  assert.equal(made.thingGroupArn, arnOf(`thinggroup/${hall}`));
  await call('CreateThingGroup', { thingGroupName: row, parentGroupName: hall });
  const { thingGroupMetadata } = await described(row);
  assert.deepEqual(
    [thingGroupMetadata.parentGroupName, thingGroupMetadata.rootToParentThingGroups],
    [hall, [{ groupName: hall, groupArn: made.thingGroupArn }]],
  );
  const changed = { thingGroupDescription: 'e' };
  const update = { thingGroupName: hall, thingGroupProperties: changed, expectedVersion: 1 };
  assert.equal((await call('UpdateThingGroup', update)).version, 2);
  const after = await described(hall);
  assert.deepEqual([after.thingGroupProperties.thingGroupDescription, after.version], ['e', 2]);
  const { thingGroups } = await call('ListThingGroups', { parentGroup: hall });
  assert.deepEqual(thingGroups, [{ groupName: row, groupArn: arnOf(`thinggroup/${row}`) }]);
}

async function membership({ call }: Rig, { thingName, hall, row }: Names): Promise<void> {
  const groupsOf = async () =>
    (await call('ListThingGroupsForThing', { thingName })).thingGroups.map((one: any) => one.groupName);
  await call('AddThingToThingGroup', { thingName, thingGroupName: row });
  assert.deepEqual(await groupsOf(), [row]);
  const inHall = (recursive: boolean) => call('ListThingsInThingGroup', { thingGroupName: hall, recursive });
  assert.deepEqual((await inHall(true)).things, [thingName]);
  assert.deepEqual((await inHall(false)).things, []);
  await call('UpdateThingGroupsForThing', { thingName, thingGroupsToAdd: [hall], thingGroupsToRemove: [row] });
  assert.deepEqual(await groupsOf(), [hall]);
  await call('RemoveThingFromThingGroup', { thingName, thingGroupName: hall });
  assert.deepEqual(await groupsOf(), []);
}

async function principals({ call, knows }: Rig, { thingName }: Names): Promise<void> {
  const { certificateArn: principal, certificateId } = await call('CreateKeysAndCertificate', { setAsActive: false });
  await call('AttachThingPrincipal', { thingName, principal });
  assert.deepEqual((await call('ListThingPrincipals', { thingName })).principals, [principal]);
  assert.deepEqual((await call('ListPrincipalThings', { principal })).things, [thingName]);
  if (await knows('ListThingPrincipalsV2')) {
    const { thingPrincipalObjects } = await call('ListThingPrincipalsV2', { thingName });
    assert.deepEqual(thingPrincipalObjects, [{ principal, thingPrincipalType: 'NON_EXCLUSIVE_THING' }]);
    const { principalThingObjects } = await call('ListPrincipalThingsV2', { principal });
    assert.deepEqual(principalThingObjects, [{ thingName, thingPrincipalType: 'NON_EXCLUSIVE_THING' }]);
  }
  await assert.rejects(call('DeleteThing', { thingName }), invalid);
  await call('DetachThingPrincipal', { thingName, principal });
  assert.deepEqual((await call('ListThingPrincipals', { thingName })).principals, []);
  await call('DeleteCertificate', { certificateId });
}

/** A client that has the thing's name is the thing, and is known afterwards. */
async function connectivity({ call, node }: Rig, { thingName }: Names): Promise<void> {
  await assert.rejects(call('GetThingConnectivityData', { thingName }), notFound);
  const url = `mqtt://${node.mqtt.host}:${node.mqtt.port}`;
  const client = await mqtt.connectAsync(url, { clientId: thingName, keepalive: 45, reconnectPeriod: 0 });
  const here = await call('GetThingConnectivityData', { thingName, includeSocketInformation: true });
  const { connected, keepAliveDuration, sourceIp, clientId } = here;
  assert.deepEqual([connected, keepAliveDuration, sourceIp, clientId], [true, 45, '127.0.0.1', thingName]);
  assert.ok(Math.abs(here.timestamp.getTime() - Date.now()) < 60_000);
  await client.endAsync();
}

async function tags({ call }: Rig, { hall }: Names): Promise<void> {
  const resourceArn = arnOf(`thinggroup/${hall}`);
  const kept = { Key: 'site', Value: 'north' };
  await call('TagResource', { resourceArn, tags: [kept, { Key: 'team', Value: 'a' }] });
  await call('UntagResource', { resourceArn, tagKeys: ['team'] });
  assert.deepEqual((await call('ListTagsForResource', { resourceArn })).tags, [kept]);
}

async function settings({ call }: Rig): Promise<void> {
  const { endpointAddress } = await call('DescribeEndpoint', { endpointType: 'iot:Data-ATS' });
  assert.match(endpointAddress, /^127\.0\.0\.1|^localhost/);
  const configuration = async () => (await call('DescribeEventConfigurations')).eventConfigurations;
  assert.deepEqual((await configuration()).THING, { Enabled: false });
  await call('UpdateEventConfigurations', { eventConfigurations: { THING: { Enabled: false } } });
  assert.deepEqual((await configuration()).THING, { Enabled: false });
}

async function removal({ call }: Rig, { thingTypeName, thingName, hall, row }: Names): Promise<void> {
  await assert.rejects(call('DeleteThingType', { thingTypeName }), invalid);
  await call('DeprecateThingType', { thingTypeName });
  await assert.rejects(call('CreateThing', { thingName: `${thingName}-2`, thingTypeName }), invalid);
  const { thingTypeMetadata } = await call('DescribeThingType', { thingTypeName });
  assert.equal(thingTypeMetadata.deprecated, true);
  await call('DeprecateThingType', { thingTypeName, undoDeprecate: true });
  await call('DeleteThing', { thingName });
  await assert.rejects(call('DescribeThing', { thingName }), notFound);
  await assert.rejects(call('DeleteThingGroup', { thingGroupName: hall }), invalid);
  for (const thingGroupName of [row, hall]) await call('DeleteThingGroup', { thingGroupName });
  await assert.rejects(call('DescribeThingGroup', { thingGroupName: hall }), notFound);
}

/** A type can be deleted five minutes after it was deprecated: the node finds some that were long ago. */
async function oldType({ call }: Rig): Promise<void> {
  const deprecated = async () => {
    const { thingTypes } = await call('ListThingTypes');
    return thingTypes.filter((one: any) => one.thingTypeName.startsWith(OLD) && one.thingTypeMetadata.deprecated);
  };
  const [{ thingTypeName }, ...others] = await deprecated();
  await call('DeleteThingType', { thingTypeName });
  await assert.rejects(call('DescribeThingType', { thingTypeName }), notFound);
  assert.deepEqual(await deprecated(), others);
}

/** Leaves in a node's records a type for each client that was deprecated long ago. @param dataDirectory  of a node that is to start */
export async function deprecateTypes(dataDirectory: string): Promise<void> {
  await using records = await openEmbeddedRecords({ directory: join(dataDirectory, 'records') });
  const types = await ThingTypes.open(records, new SimulatedClock(Date.now() - 3_600_000), systemRandom);
  for (const at of [1, 2, 3]) {
    await types.create(`${OLD}${at}`, {}, 'us-east-1');
    await types.deprecate(`${OLD}${at}`, true);
  }
}
