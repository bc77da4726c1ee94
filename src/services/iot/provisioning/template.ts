import { invalid, isObject, resolve } from './expressions.ts';

type Members = Readonly<Record<string, unknown>>;

interface Resource {
  readonly properties: Members;
  readonly overrides: Members;
}

/** A template as it was written, its form checked. */
export interface Template {
  readonly defaults: Readonly<Record<string, string>>;
  readonly mappings: Members;
  readonly thing?: Resource;
  readonly certificate?: Resource;
  readonly policies: readonly Resource[];
  /** Logical names by what they are, for the ARNs that RegisterThing answers with. */
  readonly logicalNames: {
    readonly thing?: string;
    readonly certificate?: string;
    readonly policies: readonly string[];
  };
  readonly deviceConfiguration: unknown;
}

export type Override = 'DO_NOTHING' | 'REPLACE' | 'MERGE' | 'FAIL';

/** What a template says for one device. */
export interface Plan {
  readonly thing?: {
    readonly name: string;
    readonly typeName?: string;
    readonly attributes: Readonly<Record<string, string>>;
    readonly groups: readonly string[];
    /** What is done where a thing of this name is there already and differs. */
    readonly overrides: { readonly attributes: Override; readonly type: Override; readonly groups: Override };
  };
  readonly certificate?: {
    readonly id?: string;
    readonly request?: string;
    readonly pem?: string;
    readonly authorityPem?: string;
    readonly status: 'ACTIVE' | 'INACTIVE' | 'REVOKED' | 'PENDING_ACTIVATION';
    readonly thingPrincipalType?: 'EXCLUSIVE_THING' | 'NON_EXCLUSIVE_THING';
  };
  readonly policies: readonly { readonly name?: string; readonly document?: string }[];
  readonly deviceConfiguration: unknown;
}

const PROPERTIES = {
  'AWS::IoT::Thing': ['ThingName', 'AttributePayload', 'ThingTypeName', 'ThingGroups'],
  'AWS::IoT::Certificate': [
    'CertificateId',
    'CertificateSigningRequest',
    'CertificatePem',
    'CACertificatePem',
    'Status',
    'ThingPrincipalType',
  ],
  'AWS::IoT::Policy': ['PolicyName', 'PolicyDocument'],
} as const;

type ResourceKind = keyof typeof PROPERTIES;

/**
 * Reads a template's form. A property that is not built is refused here, before any device needs it.
 *
 * @throws IotError request-invalid  says what is wrong, and where
 */
export function parseTemplate(text: string): Template {
  const body = parsed(text);
  const resources = body.Resources;
  if (!isObject(resources) || Object.keys(resources).length === 0) throw invalid('it has no Resources');
  const found = Object.entries(resources).map(([logicalName, resource]) => checked(logicalName, resource));
  const one = (kind: ResourceKind) => {
    const [first, ...more] = found.filter((resource) => resource.kind === kind);
    if (more.length > 0) throw invalid(`it has more than one ${kind}`);
    return first;
  };
  const thing = one('AWS::IoT::Thing');
  const certificate = one('AWS::IoT::Certificate');
  const policies = found.filter(({ kind }) => kind === 'AWS::IoT::Policy');
  return {
    defaults: defaultsOf(body.Parameters),
    mappings: isObject(body.Mappings) ? body.Mappings : {},
    ...(thing && { thing }),
    ...(certificate && { certificate }),
    policies,
    logicalNames: {
      ...(thing && { thing: thing.logicalName }),
      ...(certificate && { certificate: certificate.logicalName }),
      policies: policies.map(({ logicalName }) => logicalName),
    },
    deviceConfiguration: body.DeviceConfiguration ?? {},
  };
}

function parsed(text: string): Members {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch (cause) {
    throw invalid('it is not JSON', cause);
  }
  if (!isObject(body)) throw invalid('it is no JSON object');
  return body;
}

function checked(logicalName: string, resource: unknown) {
  const {
    Type: kind,
    Properties: properties = {},
    OverrideSettings: overrides = {},
  } = isObject(resource) ? resource : {};
  if (typeof kind !== 'string' || !Object.hasOwn(PROPERTIES, kind)) {
    throw invalid(`${logicalName} must have one of the types ${Object.keys(PROPERTIES).join(', ')}`);
  }
  if (!isObject(properties) || !isObject(overrides)) throw invalid(`${logicalName}: Properties must be an object`);
  const known: readonly string[] = PROPERTIES[kind as ResourceKind];
  const unknown = Object.keys(properties).find((name) => !known.includes(name));
  if (unknown !== undefined) throw invalid(`${logicalName}: the property ${unknown} is not there`);
  return { logicalName, kind: kind as ResourceKind, properties, overrides };
}

function defaultsOf(parameters: unknown): Readonly<Record<string, string>> {
  if (parameters === undefined) return {};
  if (!isObject(parameters)) throw invalid('Parameters must be an object');
  const defaults: [string, string][] = [];
  for (const [name, declared] of Object.entries(parameters)) {
    const { Type: type, Default: value } = isObject(declared) ? declared : {};
    if (type !== 'String') throw invalid(`the parameter ${name} must have the type String`);
    if (value !== undefined) defaults.push([name, String(value)]);
  }
  return Object.fromEntries(defaults);
}

/** Works the template out for one device. @throws IotError request-invalid */
export function planOf(template: Template, given: Readonly<Record<string, string>>): Plan {
  const names = { parameters: { ...template.defaults, ...given }, mappings: template.mappings };
  const worked = (properties: Members) => resolve(properties, names) as Members;
  const { thing, certificate, policies } = template;
  return {
    ...(thing && { thing: thingOf(worked(thing.properties), thing.overrides) }),
    ...(certificate && { certificate: certificateOf(worked(certificate.properties)) }),
    policies: policies.map(({ properties }) => policyOf(worked(properties))),
    deviceConfiguration: resolve(template.deviceConfiguration, names),
  };
}

function thingOf(properties: Members, overrides: Members): NonNullable<Plan['thing']> {
  const { ThingName, ThingTypeName, AttributePayload, ThingGroups = [] } = properties;
  const groups = Array.isArray(ThingGroups) ? ThingGroups : [ThingGroups];
  const typeName = optionalText('ThingTypeName', ThingTypeName);
  return {
    name: text('ThingName', ThingName),
    ...(typeName !== undefined && { typeName }),
    attributes: attributesOf(AttributePayload),
    groups: groups.map((group) => text('ThingGroups', group)),
    overrides: {
      attributes: overrideOf('AttributePayload', overrides, ['DO_NOTHING', 'REPLACE', 'MERGE', 'FAIL']),
      type: overrideOf('ThingTypeName', overrides, ['DO_NOTHING', 'REPLACE', 'FAIL']),
      groups: overrideOf('ThingGroups', overrides, ['DO_NOTHING', 'REPLACE', 'MERGE', 'FAIL']),
    },
  };
}

/** Attributes by their names, or a list of objects of one each; bulk registration also has `{ "Attributes": ... }`. */
function attributesOf(payload: unknown): Readonly<Record<string, string>> {
  const parts = Array.isArray(payload) ? payload : [payload ?? {}];
  const pairs = parts.flatMap((part) => {
    if (!isObject(part)) throw invalid('AttributePayload must be an object');
    return Object.entries(isObject(part.Attributes) ? part.Attributes : part);
  });
  return Object.fromEntries(pairs.map(([name, value]) => [name, text(`the attribute ${name}`, value)]));
}

function overrideOf(name: string, overrides: Members, allowed: readonly Override[]): Override {
  const value = overrides[name];
  if (value === undefined) return 'FAIL';
  const found = allowed.find((one) => one === value);
  if (found === undefined) throw invalid(`OverrideSettings: ${name} must be one of ${allowed.join(', ')}`);
  return found;
}

function certificateOf(properties: Members): NonNullable<Plan['certificate']> {
  const id = optionalText('CertificateId', properties.CertificateId);
  const request = optionalText('CertificateSigningRequest', properties.CertificateSigningRequest);
  const pem = optionalText('CertificatePem', properties.CertificatePem);
  const authorityPem = optionalText('CACertificatePem', properties.CACertificatePem);
  if ([id, request, pem].filter((one) => one !== undefined).length !== 1) {
    throw invalid('a certificate has one of CertificateId, CertificateSigningRequest and CertificatePem');
  }
  const status = (optionalText('Status', properties.Status) ?? 'ACTIVE').toUpperCase();
  if (status !== 'ACTIVE' && status !== 'INACTIVE' && status !== 'REVOKED' && status !== 'PENDING_ACTIVATION') {
    throw invalid(`a certificate has no status ${status}`);
  }
  const type = optionalText('ThingPrincipalType', properties.ThingPrincipalType);
  if (type !== undefined && type !== 'EXCLUSIVE_THING' && type !== 'NON_EXCLUSIVE_THING') {
    throw invalid('ThingPrincipalType must be EXCLUSIVE_THING or NON_EXCLUSIVE_THING');
  }
  return {
    ...(id !== undefined && { id }),
    ...(request !== undefined && { request }),
    ...(pem !== undefined && { pem }),
    ...(authorityPem !== undefined && { authorityPem }),
    ...(type !== undefined && { thingPrincipalType: type }),
    status,
  };
}

function policyOf({ PolicyName, PolicyDocument }: Members): Plan['policies'][number] {
  const name = optionalText('PolicyName', PolicyName);
  const document = isObject(PolicyDocument)
    ? JSON.stringify(PolicyDocument)
    : optionalText('PolicyDocument', PolicyDocument);
  if (name === undefined && document === undefined) throw invalid('a policy has a PolicyName or a PolicyDocument');
  return { ...(name !== undefined && { name }), ...(document !== undefined && { document }) };
}

function optionalText(name: string, value: unknown): string | undefined {
  return value === undefined ? undefined : text(name, value);
}

function text(name: string, value: unknown): string {
  if (typeof value === 'string' && value !== '') return value;
  throw invalid(`${name} must be text`);
}
