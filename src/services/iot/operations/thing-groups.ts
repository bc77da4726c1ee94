import type { Operation, OperationContext } from '../../index.ts';
import { IotError } from '../errors.ts';
import { page } from '../pagination.ts';
import type { Tag, Tags } from '../tags.ts';
import { type ThingGroup, type ThingGroupProperties, thingGroupArn } from '../things/groups.ts';
import type { Things } from '../things/things.ts';

interface Named {
  readonly thingGroupName: string;
}

interface Paged {
  readonly nextToken?: string;
  readonly maxResults?: number;
}

interface CreateInput extends Named {
  readonly parentGroupName?: string;
  readonly thingGroupProperties?: ThingGroupProperties;
  readonly tags?: readonly Tag[];
}

interface UpdateInput extends Named {
  readonly thingGroupProperties?: ThingGroupProperties;
  readonly expectedVersion?: number;
}

interface ListInput extends Paged {
  readonly parentGroup?: string;
  readonly namePrefixFilter?: string;
  readonly recursive?: boolean;
}

/** Either names or ARNs. */
interface MemberInput {
  readonly thingGroupName?: string;
  readonly thingGroupArn?: string;
  readonly thingName?: string;
  readonly thingArn?: string;
}

interface RegroupInput {
  readonly thingName?: string;
  readonly thingGroupsToAdd?: readonly string[];
  readonly thingGroupsToRemove?: readonly string[];
}

/** CreateThingGroup and its family (static groups), and who is in them. */
/** @param detachPolicies  of a group that is gone: another of its name must not get what it was allowed */
export function thingGroupOperations(things: Things, tags: Tags, detachPolicies: (groupArn: string) => Promise<void>) {
  const { groups } = things;
  return {
    CreateThingGroup: async (input: CreateInput, { region }: OperationContext) => {
      const { thingGroupName, parentGroupName, thingGroupProperties = {}, tags: given = [] } = input;
      const group = await groups.create(thingGroupName, parentGroupName, thingGroupProperties, region);
      if (given.length > 0) await tags.add(thingGroupArn(group), given);
      return { thingGroupName, thingGroupArn: thingGroupArn(group), thingGroupId: group.id };
    },
    DescribeThingGroup: ({ thingGroupName }: Named) => described(groups.get(thingGroupName), things),
    UpdateThingGroup: async ({ thingGroupName, thingGroupProperties = {}, expectedVersion }: UpdateInput) => ({
      version: await groups.update(thingGroupName, thingGroupProperties, expectedVersion),
    }),
    DeleteThingGroup: async ({ thingGroupName, expectedVersion }: Named & { expectedVersion?: number }) => {
      const group = groups.find(thingGroupName);
      await things.deleteGroup(thingGroupName, expectedVersion);
      if (group) {
        await detachPolicies(thingGroupArn(group));
        await tags.drop(thingGroupArn(group));
      }
      return {};
    },
    ListThingGroups: ({ parentGroup, namePrefixFilter = '', recursive = true, nextToken, maxResults }: ListInput) => {
      const wanted = listed(things, parentGroup, recursive)
        .filter(({ name }) => name.startsWith(namePrefixFilter))
        .sort((a, b) => (a.name < b.name ? -1 : 1));
      const { items, next } = page(wanted, ({ name }) => name, nextToken, maxResults);
      return { thingGroups: items.map(nameAndArn), ...(next !== undefined && { nextToken: next }) };
    },
    AddThingToThingGroup: async (input: MemberInput) => {
      await things.addToGroup(thingOf(input), groupOf(input));
      return {};
    },
    RemoveThingFromThingGroup: async (input: MemberInput) => {
      await things.removeFromGroup(thingOf(input), groupOf(input));
      return {};
    },
    UpdateThingGroupsForThing: async ({ thingName, thingGroupsToAdd = [], thingGroupsToRemove = [] }: RegroupInput) => {
      await things.regroup(nameOf('thing', thingName, undefined), thingGroupsToAdd, thingGroupsToRemove);
      return {};
    },
    ListThingsInThingGroup: ({
      thingGroupName,
      recursive = false,
      ...paged
    }: Named & Paged & { recursive?: boolean }) => {
      const names = things.namesInGroup(groups.get(thingGroupName), recursive);
      const { items, next } = page(names, (name) => name, paged.nextToken, paged.maxResults);
      return { things: items, ...(next !== undefined && { nextToken: next }) };
    },
    ListThingGroupsForThing: ({ thingName, nextToken, maxResults }: Paged & { thingName: string }) => {
      const { items, next } = page(things.groupsOf(things.get(thingName)), ({ name }) => name, nextToken, maxResults);
      return { thingGroups: items.map(nameAndArn), ...(next !== undefined && { nextToken: next }) };
    },
  } satisfies Record<string, Operation>;
}

function described(group: ThingGroup, { groups }: Things) {
  const { name, id, version, parentName, description, attributes, createdAt } = group;
  return {
    thingGroupName: name,
    thingGroupId: id,
    thingGroupArn: thingGroupArn(group),
    version,
    thingGroupProperties: {
      ...(description !== undefined && { thingGroupDescription: description }),
      attributePayload: { attributes },
    },
    thingGroupMetadata: {
      ...(parentName !== undefined && { parentGroupName: parentName }),
      ...(parentName !== undefined && { rootToParentThingGroups: groups.above(group).map(nameAndArn) }),
      creationDate: new Date(createdAt),
    },
  };
}

/** All groups; below a parent all that descend from it, or its children alone. Without a parent `recursive: false` means the roots. */
function listed({ groups }: Things, parentName: string | undefined, isRecursive: boolean): ThingGroup[] {
  if (parentName === undefined) {
    return groups.list().filter((group) => isRecursive || group.parentName === undefined);
  }
  const parent = groups.get(parentName);
  return isRecursive ? groups.within(parent).filter((group) => group !== parent) : [...groups.childrenOf(parentName)];
}

const nameAndArn = (group: ThingGroup) => ({ groupName: group.name, groupArn: thingGroupArn(group) });

const thingOf = ({ thingName, thingArn }: MemberInput) => nameOf('thing', thingName, thingArn);
const groupOf = ({ thingGroupName, thingGroupArn: arn }: MemberInput) => nameOf('thinggroup', thingGroupName, arn);

function nameOf(kind: 'thing' | 'thinggroup', name: string | undefined, arn: string | undefined): string {
  const ofArn = nameInArn(kind, arn);
  if (name === undefined && ofArn === undefined) {
    throw new IotError(
      'request-invalid',
      `Name the ${kind === 'thing' ? 'thing' : 'thing group'} by its name or its ARN.`,
    );
  }
  if (name !== undefined && ofArn !== undefined && name !== ofArn) {
    throw new IotError('request-invalid', `${arn} is not the ARN of ${name}.`);
  }
  return name ?? ofArn!;
}

/** The name of a thing or a group in its ARN; `undefined` where it is none. */
export function nameInArn(kind: 'thing' | 'thinggroup', arn: string | undefined): string | undefined {
  return arn === undefined ? undefined : new RegExp(`:${kind}/(.+)$`).exec(arn)?.[1];
}
