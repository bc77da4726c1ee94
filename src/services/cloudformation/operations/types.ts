import { formatArn } from '../../../base/index.ts';
import type { Operation } from '../../index.ts';
import { CloudFormationError, invalid } from '../errors.ts';
import { isCustomType } from '../resources/custom.ts';
import { RESOURCE_TYPES } from '../resources/index.ts';
import type { Kind } from '../resources/properties.ts';
import type { ResourceType } from '../resources/resource-type.ts';
import { page } from './paging.ts';

const PAGE = 100;

/** The types of resources that a template may contain, as the registry of CloudFormation shows those that AWS has made. */
export function typeOperations(): Readonly<Record<string, Operation>> {
  return {
    ListTypes: (input, { region }) => {
      const { Type = 'RESOURCE', Visibility = 'PRIVATE', Filters: filters = {}, MaxResults = PAGE, NextToken } = input;
      // Nobody can register types of their own here.
      const isBuiltIn = Type === 'RESOURCE' && Visibility === 'PUBLIC' && filters.Category !== 'THIRD_PARTY';
      const prefix: string = filters.TypeNamePrefix ?? '';
      const names = isBuiltIn ? Object.keys(RESOURCE_TYPES).sort() : [];
      const found = names.filter((name) => name.startsWith(prefix));
      const { items, next } = page(found, NextToken, MaxResults);
      return {
        TypeSummaries: items.map((name) => ({ Type, TypeName: name, TypeArn: arnOf(name, region) })),
        ...(next && { NextToken: next }),
      };
    },

    DescribeType: (input, { region }) => {
      const name = nameOf(input);
      const type = Object.hasOwn(RESOURCE_TYPES, name) ? RESOURCE_TYPES[name] : undefined;
      if (!type || isCustomType(name)) {
        throw new CloudFormationError('type-not-found', `The type '${name}' cannot be found.`);
      }
      return {
        Arn: arnOf(name, region),
        Type: 'RESOURCE',
        TypeName: name,
        ProvisioningType: type.update ? 'FULLY_MUTABLE' : 'IMMUTABLE',
        DeprecatedStatus: 'LIVE',
        Visibility: 'PUBLIC',
        Schema: JSON.stringify(schemaOf(name, type)),
      };
    },
  };
}

function arnOf(name: string, region: string): string {
  return formatArn('cloudformation', region, '', `type/resource/${name.replaceAll('::', '-')}`);
}

/** By `Arn`, or by `Type` and `TypeName`. */
function nameOf({ Arn, Type, TypeName }: Record<string, any>): string {
  if (Arn !== undefined)
    return String(Arn)
      .replace(/^.*type\/resource\//, '')
      .replaceAll('-', '::');
  if (Type === undefined || TypeName === undefined) throw invalid('Specify either Arn, or Type and TypeName');
  if (Type !== 'RESOURCE') throw new CloudFormationError('type-not-found', `The type '${TypeName}' cannot be found.`);
  return TypeName;
}

/** What is built of a type, in the form of AWS's published schemas. */
function schemaOf(typeName: string, { properties, attributes, update }: ResourceType): object {
  const entries = Object.entries(properties);
  const paths = (names: readonly string[]) => names.map((name) => `/properties/${name.replaceAll('.', '/')}`);
  const namesOf = (wanted: (property: (typeof entries)[number][1]) => boolean) =>
    entries.filter(([, property]) => wanted(property)).map(([name]) => name);
  const required = namesOf((property) => property.required);
  const createOnly = namesOf((property) => property.replaces || !update);
  return {
    typeName,
    properties: Object.fromEntries(entries.map(([name, { kind }]) => [name, kindSchema(kind)])),
    additionalProperties: false,
    ...(required.length > 0 && { required }),
    ...(createOnly.length > 0 && { createOnlyProperties: paths(createOnly) }),
    ...(attributes.length > 0 && { readOnlyProperties: paths(attributes) }),
  };
}

const PLAIN: Readonly<Record<string, object>> = {
  text: { type: 'string' },
  number: { type: 'number' },
  flag: { type: 'boolean' },
  any: {},
};

function kindSchema(kind: Kind): object {
  if (typeof kind === 'string') return PLAIN[kind]!;
  if ('list' in kind) return { type: 'array', items: kindSchema(kind.list) };
  if ('map' in kind) return { type: 'object', additionalProperties: kindSchema(kind.map) };
  const members = Object.entries(kind.object).map(([name, member]) => [name, kindSchema(member)]);
  return { type: 'object', properties: Object.fromEntries(members) };
}
