import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  AddThingToThingGroupCommand,
  AttachThingPrincipalCommand,
  CreateKeysAndCertificateCommand,
  CreateThingCommand,
  CreateThingGroupCommand,
  CreateThingTypeCommand,
  CreateTopicRuleCommand,
  DeleteThingCommand,
  DeleteThingGroupCommand,
  DeleteThingTypeCommand,
  DeleteTopicRuleCommand,
  DeprecateThingTypeCommand,
  DescribeEventConfigurationsCommand,
  DescribeThingCommand,
  DescribeThingGroupCommand,
  DescribeThingTypeCommand,
  DetachThingPrincipalCommand,
  ListPrincipalThingsCommand,
  ListPrincipalThingsV2Command,
  ListTagsForResourceCommand,
  ListThingGroupsCommand,
  ListThingGroupsForThingCommand,
  ListThingPrincipalsCommand,
  ListThingPrincipalsV2Command,
  ListThingsCommand,
  ListThingsInThingGroupCommand,
  paginateListThings,
  RemoveThingFromThingGroupCommand,
  TagResourceCommand,
  UntagResourceCommand,
  UpdateEventConfigurationsCommand,
  UpdateThingCommand,
  UpdateThingGroupCommand,
  UpdateThingGroupsForThingCommand,
} from '@aws-sdk/client-iot';
import { RawClient } from '../mqtt/harness.ts';
import { type Cloud, openCloud } from './harness.ts';

/** A certificate of the node's own authority. */
async function newCertificate({ control }: Cloud): Promise<string> {
  return (await control.send(new CreateKeysAndCertificateCommand({ setAsActive: true }))).certificateArn!;
}

describe('things', () => {
  test('are made, described, changed and deleted, and are there after a restart', async () => {
    await using first = await openCloud();
    const made = await first.control.send(
      new CreateThingCommand({ thingName: 'pump-1', attributePayload: { attributes: { site: 'north', line: '3' } } }),
    );
    assert.equal(made.thingArn, 'arn:aws:iot:eu-central-1:000000000000:thing/pump-1');
    await using cloud = await first.restart();
    const { control } = cloud;
    const described = await control.send(new DescribeThingCommand({ thingName: 'pump-1' }));
    const { $metadata: _, ...thing } = described;
    assert.deepEqual(thing, {
      defaultClientId: 'pump-1',
      thingName: 'pump-1',
      thingId: made.thingId,
      thingArn: made.thingArn,
      attributes: { site: 'north', line: '3' },
      version: 1,
    });
    const update = (input: object) => control.send(new UpdateThingCommand({ thingName: 'pump-1', ...input }));
    await update({ attributePayload: { attributes: { line: '', floor: '2' }, merge: true } });
    const merged = await control.send(new DescribeThingCommand({ thingName: 'pump-1' }));
    assert.deepEqual([merged.attributes, merged.version], [{ site: 'north', floor: '2' }, 2]);
    await assert.rejects(update({ expectedVersion: 1 }), { name: 'VersionConflictException' });
    await update({ attributePayload: { attributes: { a: '1' } }, expectedVersion: 2 });
    assert.deepEqual((await control.send(new DescribeThingCommand({ thingName: 'pump-1' }))).attributes, { a: '1' });
    await control.send(new DeleteThingCommand({ thingName: 'pump-1' }));
    await control.send(new DeleteThingCommand({ thingName: 'pump-1' }));
    await assert.rejects(control.send(new DescribeThingCommand({ thingName: 'pump-1' })), {
      name: 'ResourceNotFoundException',
    });
  });

  test('may be made again as they are, and not otherwise', async () => {
    await using cloud = await openCloud();
    const create = (attributes: Record<string, string>) =>
      cloud.control.send(new CreateThingCommand({ thingName: 'p', attributePayload: { attributes } }));
    const first = await create({ a: '1', b: '2' });
    assert.equal((await create({ b: '2', a: '1' })).thingId, first.thingId);
    await assert.rejects(create({ a: '1' }), {
      name: 'ResourceAlreadyExistsException',
      resourceId: first.thingId,
      resourceArn: first.thingArn,
    });
  });

  test('have three attributes without a type, fifty with one', async () => {
    await using cloud = await openCloud();
    const { control } = cloud;
    const attributes = Object.fromEntries(Array.from({ length: 50 }, (_, at) => [`a${at}`, `${at}`]));
    const input = { thingName: 'p', attributePayload: { attributes } };
    await assert.rejects(control.send(new CreateThingCommand(input)), { name: 'InvalidRequestException' });
    await assert.rejects(control.send(new CreateThingCommand({ ...input, thingTypeName: 'pump' })), {
      name: 'ResourceNotFoundException',
    });
    await control.send(new CreateThingTypeCommand({ thingTypeName: 'pump' }));
    await control.send(new CreateThingCommand({ ...input, thingTypeName: 'pump' }));
    const strip = new UpdateThingCommand({ thingName: 'p', removeThingType: true });
    await assert.rejects(control.send(strip), { name: 'InvalidRequestException' });
  });

  test('are listed by type, by attribute and by the beginning of an attribute, in pages', async () => {
    await using cloud = await openCloud();
    const { control } = cloud;
    await control.send(new CreateThingTypeCommand({ thingTypeName: 'pump' }));
    for (let at = 0; at < 7; at++) {
      await control.send(
        new CreateThingCommand({
          thingName: `t${at}`,
          ...(at % 2 ? { thingTypeName: 'pump' } : {}),
          attributePayload: { attributes: { site: at < 4 ? 'north-1' : 'north-2' } },
        }),
      );
    }
    const names = async (input: object) =>
      (await control.send(new ListThingsCommand(input))).things!.map(({ thingName }) => thingName);
    assert.deepEqual(await names({ thingTypeName: 'pump' }), ['t1', 't3', 't5']);
    assert.deepEqual(await names({ attributeName: 'site', attributeValue: 'north-2' }), ['t4', 't5', 't6']);
    const prefix = { attributeName: 'site', attributeValue: 'north', usePrefixAttributeValue: true };
    assert.equal((await names(prefix)).length, 7);
    assert.deepEqual(await names({ attributeName: 'site', attributeValue: 'north' }), []);
    const pages: string[][] = [];
    for await (const { things } of paginateListThings({ client: control, pageSize: 3 }, {})) {
      pages.push(things!.map(({ thingName }) => thingName!));
    }
    assert.deepEqual(pages, [['t0', 't1', 't2'], ['t3', 't4', 't5'], ['t6']]);
  });
});

describe('principals of things', () => {
  test('are attached, listed from both sides, and hold the thing until they are detached', async () => {
    await using first = await openCloud();
    const certificate = await newCertificate(first);
    for (const thingName of ['a', 'b']) {
      await first.control.send(new CreateThingCommand({ thingName }));
      await first.control.send(new AttachThingPrincipalCommand({ thingName, principal: certificate }));
    }
    await first.control.send(new AttachThingPrincipalCommand({ thingName: 'a', principal: certificate }));
    await using cloud = await first.restart();
    const { control } = cloud;
    const principals = await control.send(new ListThingPrincipalsCommand({ thingName: 'a' }));
    assert.deepEqual(principals.principals, [certificate]);
    assert.deepEqual((await control.send(new ListPrincipalThingsCommand({ principal: certificate }))).things, [
      'a',
      'b',
    ]);
    const remove = () => control.send(new DeleteThingCommand({ thingName: 'a' }));
    await assert.rejects(remove(), { name: 'InvalidRequestException' });
    await control.send(new DetachThingPrincipalCommand({ thingName: 'a', principal: certificate }));
    await remove();
    assert.deepEqual((await control.send(new ListPrincipalThingsCommand({ principal: certificate }))).things, ['b']);
    await assert.rejects(control.send(new AttachThingPrincipalCommand({ thingName: 'none', principal: certificate })), {
      name: 'ResourceNotFoundException',
    });
  });

  test('that are exclusive have one thing and no other', async () => {
    await using cloud = await openCloud();
    const { control } = cloud;
    const certificate = await newCertificate(cloud);
    const other = await newCertificate(cloud);
    const third = await newCertificate(cloud);
    for (const thingName of ['a', 'b']) await control.send(new CreateThingCommand({ thingName }));
    const attach = (thingName: string, principal: string, exclusive: boolean) =>
      control.send(
        new AttachThingPrincipalCommand({
          thingName,
          principal,
          thingPrincipalType: exclusive ? 'EXCLUSIVE_THING' : 'NON_EXCLUSIVE_THING',
        }),
      );
    await attach('a', certificate, true);
    await assert.rejects(attach('b', certificate, false), { name: 'InvalidRequestException' });
    await attach('a', other, false);
    await assert.rejects(attach('b', other, true), { name: 'InvalidRequestException' });
    const race = await Promise.allSettled([attach('a', third, true), attach('b', third, true)]);
    assert.deepEqual(race.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
    const things = await control.send(new ListPrincipalThingsV2Command({ principal: certificate }));
    assert.deepEqual(things.principalThingObjects, [{ thingName: 'a', thingPrincipalType: 'EXCLUSIVE_THING' }]);
    const shared = { thingName: 'a', thingPrincipalType: 'NON_EXCLUSIVE_THING' } as const;
    const principals = await control.send(new ListThingPrincipalsV2Command(shared));
    assert.deepEqual(principals.thingPrincipalObjects, [
      { principal: other, thingPrincipalType: 'NON_EXCLUSIVE_THING' },
    ]);
  });
});

test('thing types are deprecated before they are deleted, and take no new things then', async () => {
  await using cloud = await openCloud();
  const { control } = cloud;
  const thingTypeName = 'pump';
  const properties = { thingTypeDescription: 'Pumps', searchableAttributes: ['site'] };
  const made = await control.send(new CreateThingTypeCommand({ thingTypeName, thingTypeProperties: properties }));
  assert.equal(made.thingTypeArn, 'arn:aws:iot:eu-central-1:000000000000:thingtype/pump');
  const described = await control.send(new DescribeThingTypeCommand({ thingTypeName }));
  assert.deepEqual(described.thingTypeProperties, properties);
  assert.equal(described.thingTypeMetadata?.deprecated, false);
  const invalid = { name: 'InvalidRequestException' };
  await assert.rejects(control.send(new DeleteThingTypeCommand({ thingTypeName })), invalid);
  await control.send(new DeprecateThingTypeCommand({ thingTypeName }));
  await assert.rejects(control.send(new CreateThingCommand({ thingName: 'a', thingTypeName })), invalid);
  await assert.rejects(control.send(new DeleteThingTypeCommand({ thingTypeName })), invalid);
  cloud.clock.advance(5 * 60_000);
  await control.send(new DeleteThingTypeCommand({ thingTypeName }));
  await assert.rejects(control.send(new DescribeThingTypeCommand({ thingTypeName })), {
    name: 'ResourceNotFoundException',
  });
});

describe('thing groups', () => {
  test('stand above one another, and are listed whole, below a parent, and at the root', async () => {
    await using cloud = await openCloud();
    const { control } = cloud;
    const create = (thingGroupName: string, parentGroupName?: string) =>
      control.send(new CreateThingGroupCommand({ thingGroupName, parentGroupName }));
    await create('plant');
    await create('hall', 'plant');
    await create('line', 'hall');
    const { thingGroupMetadata } = await control.send(new DescribeThingGroupCommand({ thingGroupName: 'line' }));
    assert.equal(thingGroupMetadata?.parentGroupName, 'hall');
    assert.deepEqual(
      thingGroupMetadata?.rootToParentThingGroups?.map(({ groupName }) => groupName),
      ['plant', 'hall'],
    );
    const names = async (input: object) =>
      (await control.send(new ListThingGroupsCommand(input))).thingGroups!.map(({ groupName }) => groupName);
    assert.deepEqual(await names({}), ['hall', 'line', 'plant']);
    assert.deepEqual(await names({ recursive: false }), ['plant']);
    assert.deepEqual(await names({ parentGroup: 'plant' }), ['hall', 'line']);
    assert.deepEqual(await names({ parentGroup: 'plant', recursive: false }), ['hall']);
    assert.deepEqual(await names({ namePrefixFilter: 'h' }), ['hall']);
    await assert.rejects(control.send(new DeleteThingGroupCommand({ thingGroupName: 'hall' })), {
      name: 'InvalidRequestException',
    });
    let parent = 'line';
    for (const name of ['l4', 'l5', 'l6', 'l7']) {
      await create(name, parent);
      parent = name;
    }
    await assert.rejects(create('l8', parent), { name: 'LimitExceededException' });
  });

  test('hold things: one of each hierarchy, found in those above when asked', async () => {
    await using first = await openCloud();
    let { control } = first;
    for (const [thingGroupName, parentGroupName] of [['plant'], ['hall', 'plant'], ['yard', 'plant'], ['red']]) {
      await control.send(new CreateThingGroupCommand({ thingGroupName, parentGroupName }));
    }
    for (const thingName of ['a', 'b']) await control.send(new CreateThingCommand({ thingName }));
    const add = (thingName: string, thingGroupName: string) =>
      control.send(new AddThingToThingGroupCommand({ thingName, thingGroupName }));
    await add('a', 'hall');
    await add('a', 'hall');
    await add('a', 'red');
    await add('b', 'yard');
    await assert.rejects(add('a', 'yard'), { name: 'InvalidRequestException' });
    await using cloud = await first.restart();
    ({ control } = cloud);
    const things = async (thingGroupName: string, recursive?: boolean) =>
      (await control.send(new ListThingsInThingGroupCommand({ thingGroupName, recursive }))).things;
    assert.deepEqual(await things('plant'), []);
    assert.deepEqual(await things('plant', true), ['a', 'b']);
    await control.send(
      new UpdateThingGroupsForThingCommand({
        thingName: 'a',
        thingGroupsToAdd: ['yard'],
        thingGroupsToRemove: ['hall'],
      }),
    );
    const groupsOf = async (thingName: string) =>
      (await control.send(new ListThingGroupsForThingCommand({ thingName }))).thingGroups!.map((one) => one.groupName);
    assert.deepEqual(await groupsOf('a'), ['red', 'yard']);
    await control.send(new RemoveThingFromThingGroupCommand({ thingName: 'a', thingGroupName: 'red' }));
    assert.deepEqual(await groupsOf('a'), ['yard']);
  });

  test('that come again after they were deleted are empty', async () => {
    await using first = await openCloud();
    await first.control.send(new CreateThingGroupCommand({ thingGroupName: 'g' }));
    await first.control.send(new CreateThingCommand({ thingName: 'a' }));
    await first.control.send(new AddThingToThingGroupCommand({ thingName: 'a', thingGroupName: 'g' }));
    await first.control.send(new DeleteThingGroupCommand({ thingGroupName: 'g' }));
    await first.control.send(new CreateThingGroupCommand({ thingGroupName: 'g' }));
    await using cloud = await first.restart();
    const { things } = await cloud.control.send(new ListThingsInThingGroupCommand({ thingGroupName: 'g' }));
    assert.deepEqual(things, []);
  });

  test('have versions', async () => {
    await using cloud = await openCloud();
    const { control } = cloud;
    const thingGroupName = 'g';
    await control.send(new CreateThingGroupCommand({ thingGroupName }));
    const thingGroupProperties = { thingGroupDescription: 'G', attributePayload: { attributes: { a: '1' } } };
    const update = { thingGroupName, thingGroupProperties, expectedVersion: 1 };
    assert.equal((await control.send(new UpdateThingGroupCommand(update))).version, 2);
    await assert.rejects(control.send(new UpdateThingGroupCommand(update)), { name: 'VersionConflictException' });
    const described = await control.send(new DescribeThingGroupCommand({ thingGroupName }));
    assert.deepEqual(described.thingGroupProperties, {
      thingGroupDescription: 'G',
      attributePayload: { attributes: { a: '1' } },
    });
  });
});

test('types, groups and rules have tags, which go with them', async () => {
  await using first = await openCloud();
  const tag = (Key: string, Value: string) => ({ Key, Value });
  const { thingGroupArn: resourceArn } = await first.control.send(
    new CreateThingGroupCommand({ thingGroupName: 'g', tags: [tag('site', 'north')] }),
  );
  await first.control.send(new TagResourceCommand({ resourceArn, tags: [tag('site', 'south'), tag('a', '')] }));
  await using cloud = await first.restart();
  const { control } = cloud;
  const tagsOf = async (arn: string | undefined) =>
    (await control.send(new ListTagsForResourceCommand({ resourceArn: arn }))).tags;
  assert.deepEqual(await tagsOf(resourceArn), [tag('a', ''), tag('site', 'south')]);
  await control.send(new UntagResourceCommand({ resourceArn, tagKeys: ['a', 'none'] }));
  assert.deepEqual(await tagsOf(resourceArn), [tag('site', 'south')]);
  const topicRulePayload = { sql: "SELECT * FROM 't'", actions: [] };
  const rule = 'arn:aws:iot:eu-central-1:000000000000:rule/r';
  await control.send(new CreateTopicRuleCommand({ ruleName: 'r', topicRulePayload, tags: 'a=1&b=x%20y' }));
  assert.deepEqual(await tagsOf(rule), [tag('a', '1'), tag('b', 'x y')]);
  await control.send(new DeleteTopicRuleCommand({ ruleName: 'r' }));
  await assert.rejects(tagsOf(rule), { name: 'ResourceNotFoundException' });
  await control.send(new CreateTopicRuleCommand({ ruleName: 'r', topicRulePayload }));
  assert.deepEqual(await tagsOf(rule), []);
  const thing = 'arn:aws:iot:eu-central-1:000000000000:thing/t';
  await assert.rejects(control.send(new TagResourceCommand({ resourceArn: thing, tags: [tag('a', '1')] })), {
    name: 'InvalidRequestException',
  });
});

test('things tell what becomes of them once that is asked for', async () => {
  await using cloud = await openCloud();
  const { control } = cloud;
  await using watcher = await RawClient.connected(cloud.gateway.address.port, { clientId: 'watcher' });
  await watcher.subscribe('$aws/events/thing/#', 0);
  await control.send(new CreateThingCommand({ thingName: 'quiet' }));
  const enable = (kind: string) =>
    control.send(new UpdateEventConfigurationsCommand({ eventConfigurations: { [kind]: { Enabled: true } } }));
  await assert.rejects(enable('JOB'), { name: 'InvalidRequestException' });
  await enable('THING');
  const { eventConfigurations } = await control.send(new DescribeEventConfigurationsCommand({}));
  assert.deepEqual([eventConfigurations?.THING, eventConfigurations?.JOB], [{ Enabled: true }, { Enabled: false }]);
  const { thingId } = await control.send(new CreateThingCommand({ thingName: 'pump-1' }));
  const attributePayload = { attributes: { a: '1' } };
  await control.send(new UpdateThingCommand({ thingName: 'pump-1', attributePayload }));
  await control.send(new DeleteThingCommand({ thingName: 'pump-1' }));
  const events: unknown[] = [];
  for (let at = 0; at < 3; at++) {
    const packet = await watcher.next();
    assert(packet?.type === 'publish');
    const { eventId, timestamp, ...event } = JSON.parse(packet.payload.toString());
    assert.match(eventId, /^[0-9a-f-]{36}$/);
    assert.ok(timestamp > 1.7e12);
    events.push([packet.topic, event.operation, event.versionNumber, event.attributes]);
    assert.deepEqual(
      [event.eventType, event.accountId, event.thingId, event.thingName, event.thingTypeName],
      ['THING_EVENT', '000000000000', thingId, 'pump-1', null],
    );
  }
  assert.deepEqual(events, [
    ['$aws/events/thing/pump-1/created', 'CREATED', 1, {}],
    ['$aws/events/thing/pump-1/updated', 'UPDATED', 2, { a: '1' }],
    ['$aws/events/thing/pump-1/deleted', 'DELETED', 2, { a: '1' }],
  ]);
});
