// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the placeholders of Fn::Sub
/* What HTTP APIs and REST APIs have in common. */
import { createHash } from 'node:crypto';
import { invalid } from '../errors.ts';
import { asIntrinsic, isObject, type Json, type JsonObject } from '../template/value.ts';
import { pythonJson } from './parts.ts';

/** A route that an event of a function asks for. */
export interface EventRoute {
  readonly functionId: string;
  /** Path of HTTP APIs is `$default` for what no other route takes. */
  readonly path: string;
  /** Lower case; `any` is all of them. */
  readonly method: string;
  /** URI of the integration with the function. */
  readonly uri: Json;
  /** The event's own properties. */
  readonly event: JsonObject;
  /** Condition of the function. */
  readonly condition: Json | undefined;
}

/** An API as it is declared, or as events imply it. */
export interface ApiDeclaration {
  readonly id: string;
  readonly declaration: JsonObject;
  /** With what `Globals` say. */
  readonly properties: JsonObject;
  readonly routes: EventRoute[];
}

/** What an API becomes. */
export interface ExpandedApi {
  readonly resources: Readonly<Record<string, JsonObject>>;
  /** Logical ids that `!Ref Api.Stage` and its like stand for. */
  readonly references: Readonly<Record<string, string>>;
}

/** Attributes that every resource of an API carries on. */
export const PASSED_ON = ['Condition', 'DeletionPolicy', 'UpdateReplacePolicy'];

/** Puts a route's operation into paths, under the function's condition where it has one. */
export function withRoute(
  paths: Record<string, JsonObject>,
  route: EventRoute,
  operation: JsonObject,
  fail: (message: string) => Error,
): void {
  const method = route.method === 'any' ? 'x-amazon-apigateway-any-method' : route.method;
  const before = paths[route.path] ?? {};
  if (before[method] !== undefined) {
    throw fail(`API method "${route.method}" defined multiple times for path "${route.path}".`);
  }
  const value = route.condition === undefined ? operation : { 'Fn::If': [route.condition, operation, NO_VALUE] };
  paths[route.path] = { ...before, [method]: value };
}

export const NO_VALUE: JsonObject = { Ref: 'AWS::NoValue' };

/** The integration with a function, by its ARN or its alias. */
export function lambdaUri(functionArn: Json): Json {
  const target = asIntrinsic(functionArn);
  if (target?.name === 'Fn::GetAtt' && Array.isArray(target.argument)) {
    return { 'Fn::Sub': `${URI_START}\${${target.argument.join('.')}}/invocations` };
  }
  if (target?.name === 'Ref') return { 'Fn::Sub': `${URI_START}\${${String(target.argument)}}/invocations` };
  return { 'Fn::Sub': [`${URI_START}\${__FunctionArn__}/invocations`, { __FunctionArn__: functionArn }] };
}

const URI_START = 'arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/';

/** Lets API Gateway call a function that authorizes. */
export function authorizerPermission(apiId: string, functionArn: Json, attributes: JsonObject): JsonObject {
  return {
    Type: 'AWS::Lambda::Permission',
    ...attributes,
    Properties: {
      Action: 'lambda:InvokeFunction',
      FunctionName: functionArn,
      Principal: 'apigateway.amazonaws.com',
      SourceArn: {
        'Fn::Sub': [
          'arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${__ApiId__}/authorizers/*',
          { __ApiId__: { Ref: apiId } },
        ],
      },
    },
  };
}

/** A name that changes with what it stands for. */
export function hashOf(value: Json): string {
  return createHash('sha1').update(pythonJson(value)).digest('hex');
}

/** @throws validation  a property that the type does not have, or that is not built */
export function checkProperties(
  { id, properties }: ApiDeclaration,
  type: string,
  known: readonly string[],
  notBuilt: readonly string[],
): void {
  const refused = Object.keys(properties).find((property) => notBuilt.includes(property));
  if (refused) throw failOf(id)(`${refused} is not built in Millrace`);
  const unknown = Object.keys(properties).find((property) => !known.includes(property));
  if (unknown) throw failOf(id)(`property ${unknown} not defined for resource of type ${type}`);
}

export const failOf = (id: string) => (message: string) => invalid(`Resource with id [${id}] is invalid. ${message}`);

export function pick(source: JsonObject, names: readonly string[]): JsonObject {
  return Object.fromEntries(names.filter((name) => source[name] !== undefined).map((name) => [name, source[name]!]));
}

export function objectOf(value: Json | undefined): JsonObject {
  return isObject(value) ? value : {};
}

/** `s3://bucket/key`, or the same in parts. */
export function bodyLocation(uri: Json, fail: (message: string) => Error): JsonObject {
  if (isObject(uri) && !asIntrinsic(uri)) return pick(uri, ['Bucket', 'Key', 'Version']);
  const match = typeof uri === 'string' ? /^s3:\/\/([^/]+)\/([^?]+)(?:\?versionId=(.+))?$/.exec(uri) : null;
  if (!match)
    throw fail(
      "'DefinitionUri' is not a valid S3 Uri of the form 's3://bucket/key' with optional versionId query parameter.",
    );
  const [, Bucket, Key, Version] = match;
  return { Bucket: Bucket!, Key: Key!, ...(Version && { Version }) };
}
