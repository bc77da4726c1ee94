import type { Operation, OperationContext } from '../../index.ts';
import { page } from '../pagination.ts';
import type { Tag, Tags } from '../tags.ts';
import type { Things } from '../things/things.ts';
import { type ThingType, type ThingTypeProperties, thingTypeArn } from '../things/types.ts';

interface Named {
  readonly thingTypeName: string;
}

interface CreateInput extends Named {
  readonly thingTypeProperties?: ThingTypeProperties;
  readonly tags?: readonly Tag[];
}

interface ListInput {
  readonly thingTypeName?: string;
  readonly nextToken?: string;
  readonly maxResults?: number;
}

/** CreateThingType and its family. */
export function thingTypeOperations(things: Things, tags: Tags) {
  const { types } = things;
  return {
    CreateThingType: async (
      { thingTypeName, thingTypeProperties = {}, tags: given = [] }: CreateInput,
      { region }: OperationContext,
    ) => {
      const type = await types.create(thingTypeName, thingTypeProperties, region);
      if (given.length > 0) await tags.add(thingTypeArn(type), given);
      return { thingTypeName, thingTypeArn: thingTypeArn(type), thingTypeId: type.id };
    },
    DescribeThingType: ({ thingTypeName }: Named) => {
      const type = types.get(thingTypeName);
      return { ...listItem(type), thingTypeId: type.id };
    },
    UpdateThingType: async ({
      thingTypeName,
      thingTypeProperties = {},
    }: Named & { thingTypeProperties?: ThingTypeProperties }) => {
      await types.update(thingTypeName, thingTypeProperties);
      return {};
    },
    DeprecateThingType: async ({ thingTypeName, undoDeprecate = false }: Named & { undoDeprecate?: boolean }) => {
      await types.deprecate(thingTypeName, !undoDeprecate);
      return {};
    },
    DeleteThingType: async ({ thingTypeName }: Named) => {
      const arn = thingTypeArn(types.get(thingTypeName));
      await things.deleteType(thingTypeName);
      await tags.drop(arn);
      return {};
    },
    /** With a name, that one type or none. */
    ListThingTypes: ({ thingTypeName, nextToken, maxResults }: ListInput) => {
      const wanted = types.list().filter(({ name }) => thingTypeName === undefined || name === thingTypeName);
      const { items, next } = page(wanted, ({ name }) => name, nextToken, maxResults);
      return { thingTypes: items.map(listItem), ...(next !== undefined && { nextToken: next }) };
    },
  } satisfies Record<string, Operation>;
}

function listItem(type: ThingType) {
  const { name, properties, createdAt, deprecatedAt } = type;
  return {
    thingTypeName: name,
    thingTypeArn: thingTypeArn(type),
    thingTypeProperties: properties,
    thingTypeMetadata: {
      deprecated: deprecatedAt !== undefined,
      ...(deprecatedAt !== undefined && { deprecationDate: new Date(deprecatedAt) }),
      creationDate: new Date(createdAt),
    },
  };
}
