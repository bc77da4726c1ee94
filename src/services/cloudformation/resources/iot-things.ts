import { hasCode } from '../../../base/index.ts';
import { isObject, type Json, type JsonObject } from '../template/value.ts';
import { camelKeys, iotTags } from './iot.ts';
import { changes, replaces, required, TAGS } from './properties.ts';
import {
  createOrAdopt,
  type Existing,
  ignoreMissing,
  type Made,
  nothingThere,
  type Reading,
  type ResourceType,
  type Work,
} from './resource-type.ts';
import { setTags } from './tags.ts';

const ATTRIBUTE_PAYLOAD = { object: { Attributes: { map: 'text' } } } as const;

const thing: ResourceType = {
  properties: { ThingName: replaces('text'), AttributePayload: changes(ATTRIBUTE_PAYLOAD) },
  attributes: ['Id', 'Arn'],
  naming: { property: 'ThingName', lengthMax: 128 },

  imports: { identifiers: ['ThingName'], find: ({ ThingName }, work) => describeThing(ThingName!, work) },

  async create(properties, work) {
    const thingName = work.name;
    const attributePayload = { attributes: attributesOf(properties.AttributePayload) };
    await createOrAdopt(work, () => work.call('iot', 'CreateThing', { thingName, attributePayload }));
    await work.made(thingName);
    return describeThing(thingName, work);
  },

  async update({ physicalId: thingName }, properties, work) {
    const attributePayload = { attributes: attributesOf(properties.AttributePayload), merge: false };
    await work.call('iot', 'UpdateThing', { thingName, attributePayload });
    return describeThing(thingName, work);
  },

  async delete({ physicalId: thingName }, work) {
    await ignoreMissing(() => work.call('iot', 'DeleteThing', { thingName }));
  },
};

async function describeThing(thingName: string, work: Reading): Promise<Made> {
  const { thingId, thingArn } = await work.call('iot', 'DescribeThing', { thingName });
  return { physicalId: thingName, attributes: { Id: thingId, Arn: thingArn } };
}

function attributesOf(payload: Json | undefined): Json {
  return (isObject(payload) ? payload.Attributes : undefined) ?? {};
}

const thingType: ResourceType = {
  properties: {
    ThingTypeName: replaces('text'),
    DeprecateThingType: changes('flag'),
    ThingTypeProperties: replaces({
      object: { ThingTypeDescription: 'text', SearchableAttributes: { list: 'text' } },
    }),
    Tags: TAGS,
  },
  attributes: ['Arn', 'Id'],
  naming: { property: 'ThingTypeName', lengthMax: 128 },

  imports: { identifiers: ['ThingTypeName'], find: ({ ThingTypeName }, work) => describeType(ThingTypeName!, work) },

  async create(properties, work) {
    const thingTypeName = work.name;
    const thingTypeProperties = camelKeys(properties.ThingTypeProperties ?? {});
    const input = { thingTypeName, thingTypeProperties, ...iotTags(properties.Tags) };
    await createOrAdopt(work, () => work.call('iot', 'CreateThingType', input));
    await work.made(thingTypeName);
    if (properties.DeprecateThingType === true) await work.call('iot', 'DeprecateThingType', { thingTypeName });
    return describeType(thingTypeName, work);
  },

  async update(existing, properties, work) {
    const { physicalId: thingTypeName } = existing;
    const undoDeprecate = properties.DeprecateThingType !== true;
    await work.call('iot', 'DeprecateThingType', { thingTypeName, undoDeprecate });
    await setTags('iot', existing.attributes.Arn!, existing.properties.Tags, properties.Tags, work);
    return describeType(thingTypeName, work);
  },

  /** A type must have been deprecated for five minutes: what is not yet is waited for. */
  async delete({ physicalId: thingTypeName }, work) {
    await ignoreMissing(async () => {
      await work.call('iot', 'DeprecateThingType', { thingTypeName });
      await work.until(`thing type ${thingTypeName} to be deprecated for five minutes`, () =>
        hasBeenDeleted(thingTypeName, work),
      );
    });
  },
};

async function hasBeenDeleted(thingTypeName: string, work: Work): Promise<boolean> {
  try {
    await work.call('iot', 'DeleteThingType', { thingTypeName });
    return true;
  } catch (error) {
    if (!hasCode(error, 'InvalidRequestException')) throw error;
    const { things } = await work.call('iot', 'ListThings', { thingTypeName, maxResults: 1 });
    // Waiting helps only against the five minutes.
    if (things.length > 0) throw error;
    return false;
  }
}

async function describeType(thingTypeName: string, work: Reading): Promise<Made> {
  const { thingTypeId, thingTypeArn } = await work.call('iot', 'DescribeThingType', { thingTypeName });
  return { physicalId: thingTypeName, attributes: { Arn: thingTypeArn, Id: thingTypeId } };
}

const thingGroup: ResourceType = {
  properties: {
    ThingGroupName: replaces('text'),
    ParentGroupName: replaces('text'),
    ThingGroupProperties: changes({
      object: { ThingGroupDescription: 'text', AttributePayload: ATTRIBUTE_PAYLOAD },
    }),
    Tags: TAGS,
  },
  notBuilt: ['QueryString'],
  attributes: ['Arn', 'Id'],
  naming: { property: 'ThingGroupName', lengthMax: 128 },

  imports: {
    identifiers: ['ThingGroupName'],
    find: ({ ThingGroupName }, work) => describeGroup(ThingGroupName!, work),
  },

  async create(properties, work) {
    const thingGroupName = work.name;
    const input = {
      thingGroupName,
      ...(properties.ParentGroupName !== undefined && { parentGroupName: properties.ParentGroupName }),
      thingGroupProperties: groupProperties(properties),
      ...iotTags(properties.Tags),
    };
    await createOrAdopt(work, () => work.call('iot', 'CreateThingGroup', input));
    await work.made(thingGroupName);
    return describeGroup(thingGroupName, work);
  },

  async update(existing, properties, work) {
    const { physicalId: thingGroupName } = existing;
    const thingGroupProperties = { thingGroupDescription: '', ...groupProperties(properties) };
    await work.call('iot', 'UpdateThingGroup', { thingGroupName, thingGroupProperties });
    await setTags('iot', existing.attributes.Arn!, existing.properties.Tags, properties.Tags, work);
    return describeGroup(thingGroupName, work);
  },

  async delete({ physicalId: thingGroupName }, work) {
    await ignoreMissing(() => work.call('iot', 'DeleteThingGroup', { thingGroupName }));
  },
};

/** Names of attributes are the caller's own: only the members' names change their form. */
function groupProperties({ ThingGroupProperties: given }: JsonObject): Record<string, Json> {
  const { ThingGroupDescription: description, AttributePayload: payload } = isObject(given) ? given : {};
  return {
    ...(description !== undefined && { thingGroupDescription: description }),
    attributePayload: { attributes: attributesOf(payload) },
  };
}

async function describeGroup(thingGroupName: string, work: Reading): Promise<Made> {
  const { thingGroupId, thingGroupArn } = await work.call('iot', 'DescribeThingGroup', { thingGroupName });
  return { physicalId: thingGroupName, attributes: { Arn: thingGroupArn, Id: thingGroupId } };
}

const thingPrincipalAttachment: ResourceType = {
  properties: { ThingName: required(replaces('text')), Principal: required(replaces('text')) },
  attributes: ['Id'],

  imports: {
    identifiers: ['ThingName', 'Principal'],
    async find({ ThingName: thingName, Principal }, work) {
      const { things } = await work.call('iot', 'ListPrincipalThings', { principal: Principal });
      if (!(things as readonly string[]).includes(thingName!)) throw nothingThere();
      const physicalId = `${thingName}|${Principal}`;
      return { physicalId, attributes: { Id: physicalId } };
    },
  },

  async create({ ThingName: thingName, Principal: principal }, work) {
    await work.call('iot', 'AttachThingPrincipal', { thingName, principal });
    const physicalId = `${thingName}|${principal}`;
    await work.made(physicalId);
    return { physicalId, attributes: { Id: physicalId } };
  },

  async delete({ properties }: Existing, work) {
    const { ThingName: thingName, Principal: principal } = properties;
    await ignoreMissing(() => work.call('iot', 'DetachThingPrincipal', { thingName, principal }));
  },
};

export const IOT_THING_TYPES: Readonly<Record<string, ResourceType>> = {
  'AWS::IoT::Thing': thing,
  'AWS::IoT::ThingGroup': thingGroup,
  'AWS::IoT::ThingPrincipalAttachment': thingPrincipalAttachment,
  'AWS::IoT::ThingType': thingType,
};
