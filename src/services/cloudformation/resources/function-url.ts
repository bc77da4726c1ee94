import type { JsonObject } from '../template/value.ts';
import { changes, pick, replaces, required } from './properties.ts';
import { createOrAdopt, type Existing, ignoreMissing, type Made, type ResourceType } from './resource-type.ts';

const CORS = {
  object: {
    AllowCredentials: 'flag',
    AllowHeaders: { list: 'text' },
    AllowMethods: { list: 'text' },
    AllowOrigins: { list: 'text' },
    ExposeHeaders: { list: 'text' },
    MaxAge: 'number',
  },
} as const;

const functionUrl: ResourceType = {
  properties: {
    TargetFunctionArn: required(replaces('text')),
    Qualifier: replaces('text'),
    AuthType: required(changes('text')),
    InvokeMode: changes('text'),
    Cors: changes(CORS),
  },
  attributes: ['FunctionArn', 'FunctionUrl'],

  imports: {
    identifiers: ['FunctionArn'],
    find: async ({ FunctionArn: FunctionName }, work) =>
      madeOf(await work.call('lambda', 'GetFunctionUrlConfig', { FunctionName })),
  },

  async create(properties, work) {
    const key = keyOf(properties);
    const settings = pick(properties, ['AuthType', 'InvokeMode', 'Cors']);
    await createOrAdopt(work, () => work.call('lambda', 'CreateFunctionUrlConfig', { ...key, ...settings }));
    // One that a step before a crash has made is asked for its address.
    const made = madeOf(await work.call('lambda', 'GetFunctionUrlConfig', key));
    await work.made(made.physicalId);
    return made;
  },

  async update(existing, properties, work) {
    const settings = { InvokeMode: 'BUFFERED', Cors: {}, ...pick(properties, ['AuthType', 'InvokeMode', 'Cors']) };
    return madeOf(await work.call('lambda', 'UpdateFunctionUrlConfig', { ...keyOf(existing.properties), ...settings }));
  },

  async delete({ properties }: Existing, work) {
    await ignoreMissing(() => work.call('lambda', 'DeleteFunctionUrlConfig', keyOf(properties)));
  },
};

function keyOf({ TargetFunctionArn: FunctionName, Qualifier }: JsonObject): Readonly<Record<string, unknown>> {
  return { FunctionName, ...(Qualifier !== undefined && { Qualifier }) };
}

function madeOf({ FunctionArn, FunctionUrl }: { FunctionArn: string; FunctionUrl: string }): Made {
  return { physicalId: FunctionArn, attributes: { FunctionArn, FunctionUrl } };
}

export const FUNCTION_URL_TYPES: Readonly<Record<string, ResourceType>> = { 'AWS::Lambda::Url': functionUrl };
