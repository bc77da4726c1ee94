import type { Operation, OperationContext } from '../../index.ts';
import { IotError } from '../errors.ts';
import { page } from '../pagination.ts';
import type { AttributePayload, Thing, ThingPrincipalType } from '../things/thing.ts';
import { thingArn } from '../things/thing.ts';
import type { Things } from '../things/things.ts';

interface Named {
  readonly thingName: string;
}

interface Paged {
  readonly nextToken?: string;
  readonly maxResults?: number;
}

interface DefinitionInput extends Named {
  readonly thingTypeName?: string;
  readonly attributePayload?: AttributePayload;
}

interface CreateInput extends DefinitionInput {
  readonly billingGroupName?: string;
}

interface UpdateInput extends DefinitionInput {
  readonly expectedVersion?: number;
  readonly removeThingType?: boolean;
}

interface ListInput extends Paged {
  readonly attributeName?: string;
  readonly attributeValue?: string;
  readonly thingTypeName?: string;
  readonly usePrefixAttributeValue?: boolean;
}

interface PrincipalInput extends Named {
  readonly principal: string;
  readonly thingPrincipalType?: ThingPrincipalType;
}

type PrincipalThingsInput = Paged & Pick<PrincipalInput, 'principal' | 'thingPrincipalType'>;

/**
 * CreateThing and its family, and what principals are attached to things.
 *
 * @param isKnown  false where a principal is a certificate that is not there
 */
export function thingOperations(things: Things, isKnown: (principal: string) => boolean) {
  return {
    CreateThing: async (input: CreateInput, { region }: OperationContext) => {
      const { thingName, thingTypeName, attributePayload, billingGroupName } = input;
      // None can be made here.
      if (billingGroupName !== undefined) {
        throw new IotError('resource-not-found', `Billing group ${billingGroupName} not found.`);
      }
      const definition = {
        ...(thingTypeName !== undefined && { typeName: thingTypeName }),
        ...(attributePayload?.attributes && { attributes: attributePayload.attributes }),
      };
      const thing = await things.create(thingName, definition, region);
      return { thingName, thingArn: thingArn(thing), thingId: thing.id };
    },
    DescribeThing: ({ thingName }: Named) => {
      const thing = things.get(thingName);
      return { ...listItem(thing), defaultClientId: thingName, thingId: thing.id };
    },
    UpdateThing: async (input: UpdateInput) => {
      const { thingName, thingTypeName, attributePayload, expectedVersion, removeThingType } = input;
      await things.update(thingName, {
        ...(thingTypeName !== undefined && { typeName: thingTypeName }),
        ...(attributePayload && { attributePayload }),
        ...(expectedVersion !== undefined && { expectedVersion }),
        ...(removeThingType !== undefined && { removeType: removeThingType }),
      });
      return {};
    },
    DeleteThing: async ({ thingName, expectedVersion }: Named & { expectedVersion?: number }) => {
      await things.delete(thingName, expectedVersion);
      return {};
    },
    ListThings: (input: ListInput) => {
      const wanted = things.list().filter((thing) => isMeant(thing, input));
      const { items, next } = page(wanted, ({ name }) => name, input.nextToken, input.maxResults);
      return { things: items.map(listItem), ...(next !== undefined && { nextToken: next }) };
    },
    AttachThingPrincipal: async ({ thingName, principal, thingPrincipalType }: PrincipalInput) => {
      if (!isKnown(principal)) throw new IotError('resource-not-found', `There is no principal ${principal}.`);
      await things.attachPrincipal(thingName, principal, thingPrincipalType);
      return {};
    },
    DetachThingPrincipal: async ({ thingName, principal }: PrincipalInput) => {
      await things.detachPrincipal(thingName, principal);
      return {};
    },
    ListThingPrincipals: ({ thingName, nextToken, maxResults }: Named & Paged) => {
      const { items, next } = page(principalsOf(things.get(thingName)), (one) => one.principal, nextToken, maxResults);
      return { principals: items.map(({ principal }) => principal), ...(next !== undefined && { nextToken: next }) };
    },
    ListThingPrincipalsV2: ({ thingName, thingPrincipalType, nextToken, maxResults }: PrincipalInput & Paged) => {
      const wanted = principalsOf(things.get(thingName)).filter(
        ({ type }) => thingPrincipalType === undefined || type === thingPrincipalType,
      );
      const { items, next } = page(wanted, ({ principal }) => principal, nextToken, maxResults);
      return {
        thingPrincipalObjects: items.map(({ principal, type }) => ({ principal, thingPrincipalType: type })),
        ...(next !== undefined && { nextToken: next }),
      };
    },
    ListPrincipalThings: ({ principal, nextToken, maxResults }: PrincipalThingsInput) => {
      const { items, next } = page(things.namesOfPrincipal(principal), (name) => name, nextToken, maxResults);
      return { things: items, ...(next !== undefined && { nextToken: next }) };
    },
    ListPrincipalThingsV2: ({ principal, thingPrincipalType, nextToken, maxResults }: PrincipalThingsInput) => {
      const all = things.namesOfPrincipal(principal).map((thingName) => ({
        thingName,
        thingPrincipalType: things.attachment(thingName, principal)!.type,
      }));
      const wanted = all.filter(
        (one) => thingPrincipalType === undefined || one.thingPrincipalType === thingPrincipalType,
      );
      const { items, next } = page(wanted, ({ thingName }) => thingName, nextToken, maxResults);
      return { principalThingObjects: items, ...(next !== undefined && { nextToken: next }) };
    },
  } satisfies Record<string, Operation>;
}

function listItem(thing: Thing) {
  const { name, typeName, attributes, version } = thing;
  return {
    thingName: name,
    ...(typeName !== undefined && { thingTypeName: typeName }),
    thingArn: thingArn(thing),
    attributes,
    version,
  };
}

function principalsOf({ principals }: Thing) {
  return [...principals].sort((a, b) => (a.principal < b.principal ? -1 : 1));
}

function isMeant(thing: Thing, { attributeName, attributeValue, thingTypeName, usePrefixAttributeValue }: ListInput) {
  if (thingTypeName !== undefined && thing.typeName !== thingTypeName) return false;
  if (attributeName === undefined) return true;
  const value = thing.attributes[attributeName];
  if (value === undefined || attributeValue === undefined) return value !== undefined;
  return usePrefixAttributeValue ? value.startsWith(attributeValue) : value === attributeValue;
}
