import { ACCOUNT_ID, formatArn } from '../../../base/index.ts';
import { IotError } from '../errors.ts';
import { IOT_LIMITS } from '../limits.ts';

/** How a principal and a thing belong together: an exclusive principal has this thing and no other. */
export type ThingPrincipalType = 'EXCLUSIVE_THING' | 'NON_EXCLUSIVE_THING';

export interface ThingPrincipal {
  /** `arn:aws:iot:REGION:000000000000:cert/ID`, or another principal's. */
  readonly principal: string;
  readonly type: ThingPrincipalType;
}

export type Attributes = Readonly<Record<string, string>>;

/** A thing as it is stored: all that hangs on it is in its row, so that it changes and goes as one. */
export interface Thing {
  readonly name: string;
  readonly id: string;
  readonly region: string;
  /** 1 when it is made; each change of type or attributes adds one. */
  readonly version: number;
  readonly typeName?: string;
  readonly attributes: Attributes;
  /** Ids of groups; one that is no more means nothing. */
  readonly groupIds: readonly string[];
  readonly principals: readonly ThingPrincipal[];
  /** Epoch milliseconds. */
  readonly createdAt: number;
}

/** A thing as policies and provisioning see it. */
export interface ThingView {
  readonly name: string;
  readonly arn: string;
  readonly typeName: string | undefined;
  readonly attributes: Attributes;
  /** Names of the groups that it is in itself. */
  readonly groups: readonly string[];
  /** ARNs of these groups and of all above them: policies that are attached to any of them count. */
  readonly groupArns: readonly string[];
  /** The principal that was asked about has this thing and no other. */
  readonly isExclusive: boolean;
}

/** What AWS calls an attribute payload. */
export interface AttributePayload {
  readonly attributes?: Attributes;
  readonly merge?: boolean;
}

export function thingArn({ name, region }: Pick<Thing, 'name' | 'region'>): string {
  return formatArn('iot', region, ACCOUNT_ID, `thing/${name}`);
}

/** The attributes after an update: an empty value takes its attribute away, what is not named stays only when merging. */
export function updatedAttributes(
  before: Attributes,
  { attributes = {}, merge = false }: AttributePayload,
): Attributes {
  const all = { ...(merge ? before : {}), ...attributes };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== ''));
}

/** @throws IotError request-invalid  too many or too long, taken together */
export function checkAttributes(attributes: Attributes, countMax: number): void {
  const entries = Object.entries(attributes);
  if (entries.length > countMax) {
    throw new IotError(
      'request-invalid',
      `There are ${entries.length} attributes and at most ${countMax} are allowed here; a thing with a type may have ${IOT_LIMITS.attributesWithTypeMax}.`,
    );
  }
  const bytes = entries.reduce((sum, [name, value]) => sum + Buffer.byteLength(name) + Buffer.byteLength(value), 0);
  if (bytes > IOT_LIMITS.attributeBytesMax) {
    throw new IotError('request-invalid', `Attributes have at most ${IOT_LIMITS.attributeBytesMax} bytes in all.`);
  }
}

/** True where both have the same members, whatever their order. */
export function sameAttributes(one: Attributes, other: Attributes): boolean {
  const names = Object.keys(one);
  return names.length === Object.keys(other).length && names.every((name) => one[name] === other[name]);
}

/** @throws IotError version-conflict  the caller has seen another version */
export function checkVersion(what: string, version: number, expected: number | undefined): void {
  if (expected === undefined || expected === version) return;
  throw new IotError('version-conflict', `${what} has version ${version}, not the expected ${expected}.`);
}
