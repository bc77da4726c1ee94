import { hasCode } from '../../../base/index.ts';
import type { Json, JsonObject } from '../template/value.ts';
import { isObject, sameJson } from '../template/value.ts';
import { definition } from './apigatewayv2.ts';
import { changes, type Properties, pick, rename, replaces, required, TAGS, tagChanges, tagMap } from './properties.ts';
import {
  createOrAdopt,
  type Existing,
  ignoreMissing,
  type Made,
  type ResourceType,
  type Work,
} from './resource-type.ts';

const SERVICE = 'apigateway';

interface Patch {
  readonly op: 'replace' | 'remove' | 'add';
  readonly path: string;
  readonly value?: string;
}

/** Changes of settings, as `Update` operations take them. @param names  properties, by the members they are of */
function patchesOf(before: JsonObject, after: JsonObject, names: Readonly<Record<string, string>>): Patch[] {
  return Object.entries(names).flatMap(([property, member]): Patch[] => {
    const [old, now] = [before[property], after[property]];
    if (sameJson(old, now)) return [];
    if (now === undefined) return [{ op: 'remove', path: `/${member}` }];
    return [{ op: 'replace', path: `/${member}`, value: patchText(now) }];
  });
}

function patchText(value: Json): string {
  if (Array.isArray(value)) return value.map(String).join(',');
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value);
}

/** Members that are maps are changed entry by entry. */
function mapPatches(before: Json | undefined, after: Json | undefined, member: string): Patch[] {
  const [old, now] = [isObject(before) ? before : {}, isObject(after) ? after : {}];
  const escaped = (name: string) => `/${member}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;
  const gone = Object.keys(old).filter((name) => !Object.hasOwn(now, name));
  return [
    ...gone.map((name): Patch => ({ op: 'remove', path: escaped(name) })),
    ...Object.entries(now)
      .filter(([name, value]) => !sameJson(old[name], value))
      .map(([name, value]): Patch => ({ op: 'replace', path: escaped(name), value: patchText(value) })),
  ];
}

/** Names with their first letter small, as the operations have them; what is within maps stays. */
function camel(value: JsonObject, names: readonly string[]): Record<string, Json> {
  return rename(value, Object.fromEntries(names.map((name) => [name, name[0]!.toLowerCase() + name.slice(1)])));
}

/** What a stack knows its API by, should a crash leave it without the id. */
function ownerTags({ identity, logicalId }: Work): Record<string, string> {
  return { 'aws:cloudformation:stack-id': identity.id, 'aws:cloudformation:logical-id': logicalId };
}

async function changeTags(path: string, before: Json | undefined, after: Json | undefined, work: Work): Promise<void> {
  const { set, remove } = tagChanges(before, after);
  const resourceArn = `arn:aws:apigateway:${work.identity.region}::${path}`;
  if (Object.keys(set).length > 0) await work.call(SERVICE, 'TagResource', { resourceArn, tags: set });
  if (remove.length > 0) await work.call(SERVICE, 'UntagResource', { resourceArn, tagKeys: remove });
}

const API_MEMBERS = {
  ApiKeySourceType: 'apiKeySource',
  Description: 'description',
  DisableExecuteApiEndpoint: 'disableExecuteApiEndpoint',
  MinimumCompressionSize: 'minimumCompressionSize',
  Name: 'name',
  Version: 'version',
};

const restApi: ResourceType = {
  properties: {
    ApiKeySourceType: changes('text'),
    BinaryMediaTypes: changes({ list: 'text' }),
    Body: changes('any'),
    BodyS3Location: changes({ object: { Bucket: 'text', ETag: 'text', Key: 'text', Version: 'text' } }),
    CloneFrom: changes('text'),
    Description: changes('text'),
    DisableExecuteApiEndpoint: changes('flag'),
    EndpointConfiguration: changes({
      object: { IpAddressType: 'text', Types: { list: 'text' }, VpcEndpointIds: { list: 'text' } },
    }),
    FailOnWarnings: changes('flag'),
    MinimumCompressionSize: changes('number'),
    Mode: changes('text'),
    Name: changes('text'),
    Parameters: changes({ map: 'text' }),
    Policy: changes('any'),
    Tags: TAGS,
    Version: changes('text'),
  },
  notBuilt: ['EndpointAccessMode', 'SecurityPolicy'],
  attributes: ['RestApiId', 'RootResourceId'],

  async create(properties, work) {
    const existing = work.resuming ? await ownApi(work) : undefined;
    const id = existing ?? (await makeApi(properties, work));
    await work.made(id);
    await define(id, {}, properties, work);
    return describeApi(id, work);
  },

  async update({ physicalId, properties: before }, properties, work) {
    await define(physicalId, before, properties, work);
    await changeTags(`/restapis/${physicalId}`, before.Tags, properties.Tags, work);
    return describeApi(physicalId, work);
  },

  async delete({ physicalId: restApiId }, work) {
    await ignoreMissing(() => work.call(SERVICE, 'DeleteRestApi', { restApiId }));
  },
};

async function makeApi(properties: JsonObject, work: Work): Promise<string> {
  const { EndpointConfiguration, CloneFrom, Name = work.logicalId } = properties;
  const endpoint = isObject(EndpointConfiguration)
    ? { endpointConfiguration: camel(EndpointConfiguration, ['Types', 'VpcEndpointIds', 'IpAddressType']) }
    : {};
  const { id } = await work.call(SERVICE, 'CreateRestApi', {
    ...{ name: Name, ...endpoint },
    ...(CloneFrom !== undefined && { cloneFrom: CloneFrom }),
    tags: { ...tagMap(properties.Tags), ...ownerTags(work) },
  });
  return id;
}

async function ownApi(work: Work): Promise<string | undefined> {
  const owner = ownerTags(work);
  const { items } = await work.call(SERVICE, 'GetRestApis', { limit: 500 });
  const found = (items as { id: string; tags: Record<string, string> }[]).find(({ tags }) =>
    Object.entries(owner).every(([key, value]) => tags[key] === value),
  );
  return found?.id;
}

/** Brings the definition in, where it has changed, and then what the template says beside it. */
async function define(restApiId: string, before: JsonObject, properties: JsonObject, work: Work): Promise<void> {
  const { Body, BodyS3Location, Mode = 'overwrite' } = properties;
  const hasDefinition = Body !== undefined || BodyS3Location !== undefined;
  const isNew = !sameJson([before.Body, before.BodyS3Location], [Body, BodyS3Location]);
  const anew = hasDefinition && isNew;
  if (anew) {
    const body = Buffer.from(await definition(properties, work));
    await work.call(SERVICE, 'PutRestApi', { restApiId, body, mode: Mode });
  }
  // A definition takes the place of all that was said before.
  const patches = patchesOf(anew ? {} : before, properties, API_MEMBERS);
  const { BinaryMediaTypes, Policy } = properties;
  if (Array.isArray(BinaryMediaTypes)) {
    const value = BinaryMediaTypes.map((type) => String(type).replaceAll('~1', '/')).join(',');
    patches.push({ op: 'replace', path: '/binaryMediaTypes', value });
  }
  if (Policy !== undefined) patches.push({ op: 'replace', path: '/policy', value: patchText(Policy) });
  else if (before.Policy !== undefined && !anew) patches.push({ op: 'remove', path: '/policy' });
  if (patches.length > 0) await work.call(SERVICE, 'UpdateRestApi', { restApiId, patchOperations: patches });
}

async function describeApi(restApiId: string, work: Work): Promise<Made> {
  const { rootResourceId } = await work.call(SERVICE, 'GetRestApi', { restApiId });
  return { physicalId: restApiId, attributes: { RestApiId: restApiId, RootResourceId: rootResourceId } };
}

const resource: ResourceType = {
  properties: {
    ParentId: required(replaces('text')),
    PathPart: required(replaces('text')),
    RestApiId: required(replaces('text')),
  },
  attributes: ['ResourceId'],

  async create(properties, work) {
    const restApiId = properties.RestApiId;
    const { items = [] } = work.resuming ? await work.call(SERVICE, 'GetResources', { restApiId, limit: 500 }) : {};
    const own = (items as JsonObject[]).find(
      ({ parentId, pathPart }) => parentId === properties.ParentId && pathPart === properties.PathPart,
    );
    const input = camel(properties, ['RestApiId', 'ParentId', 'PathPart']);
    const { id } = own ?? (await work.call(SERVICE, 'CreateResource', input));
    await work.made(String(id));
    return { physicalId: String(id), attributes: { ResourceId: String(id) } };
  },

  async delete({ physicalId: resourceId, properties: { RestApiId: restApiId } }, work) {
    await ignoreMissing(() => work.call(SERVICE, 'DeleteResource', { restApiId, resourceId }));
  },
};

const INTEGRATION_RESPONSE = {
  object: {
    ContentHandling: 'text',
    ResponseParameters: { map: 'text' },
    ResponseTemplates: { map: 'text' },
    SelectionPattern: 'text',
    StatusCode: 'text',
  },
} as const;

const INTEGRATION_MEMBERS = [
  ...['CacheKeyParameters', 'CacheNamespace', 'ConnectionId', 'ConnectionType', 'ContentHandling', 'Credentials'],
  ...['IntegrationHttpMethod', 'PassthroughBehavior', 'RequestParameters', 'RequestTemplates', 'TimeoutInMillis'],
  ...['Type', 'Uri'],
];

const method: ResourceType = {
  properties: {
    ApiKeyRequired: changes('flag'),
    AuthorizationScopes: changes({ list: 'text' }),
    AuthorizationType: changes('text'),
    AuthorizerId: changes('text'),
    HttpMethod: required(replaces('text')),
    Integration: changes({
      object: {
        CacheKeyParameters: { list: 'text' },
        CacheNamespace: 'text',
        ConnectionId: 'text',
        ConnectionType: 'text',
        ContentHandling: 'text',
        Credentials: 'text',
        IntegrationHttpMethod: 'text',
        IntegrationResponses: { list: INTEGRATION_RESPONSE },
        PassthroughBehavior: 'text',
        RequestParameters: { map: 'text' },
        RequestTemplates: { map: 'text' },
        TimeoutInMillis: 'number',
        Type: 'text',
        Uri: 'text',
      },
    }),
    MethodResponses: changes({
      list: {
        object: { ResponseModels: { map: 'text' }, ResponseParameters: { map: 'any' }, StatusCode: 'text' },
      },
    }),
    OperationName: changes('text'),
    RequestModels: changes({ map: 'text' }),
    RequestParameters: changes({ map: 'any' }),
    RequestValidatorId: changes('text'),
    ResourceId: required(replaces('text')),
    RestApiId: required(replaces('text')),
  },
  attributes: [],

  async create(properties, work) {
    const place = placeOf(properties);
    const physicalId = `${place.restApiId}-${place.resourceId}-${place.httpMethod}`;
    if (work.resuming) await ignoreMissing(() => work.call(SERVICE, 'DeleteMethod', place));
    await putMethod(properties, work);
    await work.made(physicalId);
    return { physicalId, attributes: {} };
  },

  /** Requests are answered by deployments: that the method is gone for a moment, nobody sees. */
  async update(existing, properties, work) {
    await ignoreMissing(() => work.call(SERVICE, 'DeleteMethod', placeOf(properties)));
    await putMethod(properties, work);
    return existing;
  },

  async delete({ properties }, work) {
    await ignoreMissing(() => work.call(SERVICE, 'DeleteMethod', placeOf(properties)));
  },
};

function placeOf({ RestApiId, ResourceId, HttpMethod }: JsonObject) {
  return { restApiId: RestApiId, resourceId: ResourceId, httpMethod: HttpMethod };
}

async function putMethod(properties: JsonObject, work: Work): Promise<void> {
  const place = placeOf(properties);
  const members = [
    'ApiKeyRequired',
    'AuthorizationScopes',
    'AuthorizerId',
    'OperationName',
    'RequestModels',
    'RequestValidatorId',
  ];
  await work.call(SERVICE, 'PutMethod', {
    ...place,
    ...{ authorizationType: properties.AuthorizationType ?? 'NONE', ...camel(properties, members) },
    ...(isObject(properties.RequestParameters) && { requestParameters: flags(properties.RequestParameters) }),
  });
  for (const response of listOf(properties.MethodResponses)) {
    const { ResponseParameters } = response;
    await work.call(SERVICE, 'PutMethodResponse', {
      ...place,
      ...camel(response, ['StatusCode', 'ResponseModels']),
      ...(isObject(ResponseParameters) && { responseParameters: flags(ResponseParameters) }),
    });
  }
  if (!isObject(properties.Integration)) return;
  const { IntegrationResponses, ...integration } = properties.Integration;
  await work.call(SERVICE, 'PutIntegration', { ...place, ...camel(integration, INTEGRATION_MEMBERS) });
  for (const response of listOf(IntegrationResponses)) {
    const names = ['StatusCode', 'SelectionPattern', 'ResponseParameters', 'ResponseTemplates', 'ContentHandling'];
    await work.call(SERVICE, 'PutIntegrationResponse', { ...place, ...camel(response, names) });
  }
}

const listOf = (value: Json | undefined): readonly JsonObject[] => (Array.isArray(value) ? value.filter(isObject) : []);

/** Templates may write flags as text. */
function flags(values: JsonObject): Record<string, boolean> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, value === true || value === 'true']));
}

const METHOD_SETTING = {
  object: {
    CacheDataEncrypted: 'flag',
    CacheTtlInSeconds: 'number',
    CachingEnabled: 'flag',
    DataTraceEnabled: 'flag',
    HttpMethod: 'text',
    LoggingLevel: 'text',
    MetricsEnabled: 'flag',
    ResourcePath: 'text',
    ThrottlingBurstLimit: 'number',
    ThrottlingRateLimit: 'number',
  },
} as const;

const ACCESS_LOG = { object: { DestinationArn: 'text', Format: 'text' } } as const;

/** What stages are set to, and what descriptions of stages say of them too. */
const STAGE_KINDS = {
  AccessLogSetting: ACCESS_LOG,
  CacheClusterEnabled: 'flag',
  CacheClusterSize: 'text',
  ClientCertificateId: 'text',
  Description: 'text',
  DocumentationVersion: 'text',
  MethodSettings: { list: METHOD_SETTING },
  Tags: { list: { object: { Key: 'text', Value: 'text' } } },
  TracingEnabled: 'flag',
  Variables: { map: 'text' },
} as const;

const STAGE_MEMBERS = {
  CacheClusterEnabled: 'cacheClusterEnabled',
  CacheClusterSize: 'cacheClusterSize',
  ClientCertificateId: 'clientCertificateId',
  DeploymentId: 'deploymentId',
  Description: 'description',
  DocumentationVersion: 'documentationVersion',
  TracingEnabled: 'tracingEnabled',
};

const SETTING_PATHS: Readonly<Record<string, string>> = {
  CacheDataEncrypted: 'caching/dataEncrypted',
  CacheTtlInSeconds: 'caching/ttlInSeconds',
  CachingEnabled: 'caching/enabled',
  DataTraceEnabled: 'logging/dataTrace',
  LoggingLevel: 'logging/loglevel',
  MetricsEnabled: 'metrics/enabled',
  ThrottlingBurstLimit: 'throttling/burstLimit',
  ThrottlingRateLimit: 'throttling/rateLimit',
};

/** What leads from one set of settings to another, of all methods of a stage. */
function settingPatches(before: Json | undefined, after: Json | undefined): Patch[] {
  const placeOfSetting = ({ ResourcePath = '/*', HttpMethod = '*' }: JsonObject) =>
    `/${String(ResourcePath).replace(/^\//, '').replaceAll('/', '~1') || '~1'}/${HttpMethod}`;
  const kept = new Set(listOf(after).map(placeOfSetting));
  const gone = listOf(before)
    .map(placeOfSetting)
    .filter((path) => !kept.has(path));
  return [
    ...gone.map((path): Patch => ({ op: 'remove', path })),
    ...listOf(after).flatMap((setting) =>
      Object.entries(SETTING_PATHS)
        .filter(([name]) => setting[name] !== undefined)
        .map(([name, path]): Patch => {
          return { op: 'replace', path: `${placeOfSetting(setting)}/${path}`, value: String(setting[name]) };
        }),
    ),
  ];
}

function stagePatches(before: JsonObject, after: JsonObject): Patch[] {
  const log = (properties: JsonObject) => (isObject(properties.AccessLogSetting) ? properties.AccessLogSetting : {});
  const members = { DestinationArn: 'accessLogSettings/destinationArn', Format: 'accessLogSettings/format' };
  return [
    ...patchesOf(before, after, STAGE_MEMBERS),
    ...patchesOf(log(before), log(after), members),
    ...mapPatches(before.Variables, after.Variables, 'variables'),
    ...settingPatches(before.MethodSettings, after.MethodSettings),
  ];
}

const stage: ResourceType = {
  properties: {
    ...Object.fromEntries(Object.entries(STAGE_KINDS).map(([name, kind]) => [name, changes(kind)])),
    DeploymentId: changes('text'),
    RestApiId: required(replaces('text')),
    StageName: replaces('text'),
  },
  notBuilt: ['CanarySetting'],
  attributes: [],
  naming: { property: 'StageName', lengthMax: 128, style: 'underscore' },

  async create(properties, work) {
    const place = { restApiId: properties.RestApiId, stageName: work.name };
    const tags = tagMap(properties.Tags);
    const first = { ...place, deploymentId: properties.DeploymentId, ...(Object.keys(tags).length > 0 && { tags }) };
    await createOrAdopt(work, () => work.call(SERVICE, 'CreateStage', first));
    await work.made(work.name);
    await patchStage(place, stagePatches({}, properties), work);
    return { physicalId: work.name, attributes: {} };
  },

  async update({ physicalId, properties: before }, properties, work) {
    const place = { restApiId: properties.RestApiId, stageName: physicalId };
    await patchStage(place, stagePatches(before, properties), work);
    await changeTags(`/restapis/${place.restApiId}/stages/${physicalId}`, before.Tags, properties.Tags, work);
    return { physicalId, attributes: {} };
  },

  async delete({ physicalId: stageName, properties: { RestApiId: restApiId } }, work) {
    await ignoreMissing(() => work.call(SERVICE, 'DeleteStage', { restApiId, stageName }));
  },
};

async function patchStage(place: object, patchOperations: readonly Patch[], work: Work): Promise<void> {
  if (patchOperations.length > 0) await work.call(SERVICE, 'UpdateStage', { ...place, patchOperations });
}

const deployment: ResourceType = {
  properties: {
    Description: changes('text'),
    RestApiId: required(replaces('text')),
    StageDescription: changes({
      object: {
        ...STAGE_KINDS,
        CacheDataEncrypted: 'flag',
        CacheTtlInSeconds: 'number',
        CachingEnabled: 'flag',
        DataTraceEnabled: 'flag',
        LoggingLevel: 'text',
        MetricsEnabled: 'flag',
        ThrottlingBurstLimit: 'number',
        ThrottlingRateLimit: 'number',
      },
    }),
    StageName: changes('text'),
  },
  notBuilt: ['DeploymentCanarySettings'],
  attributes: ['DeploymentId'],

  async create(properties, work) {
    const { RestApiId: restApiId, StageName: stageName, Description: description } = properties;
    const { id } = await work.call(SERVICE, 'CreateDeployment', {
      restApiId,
      ...(stageName !== undefined && { stageName }),
      ...(description !== undefined && { description }),
    });
    await work.made(id);
    if (stageName !== undefined) {
      await patchStage({ restApiId, stageName }, stagePatches({}, describedStage(properties)), work);
    }
    return { physicalId: id, attributes: { DeploymentId: id } };
  },

  async update({ physicalId: deploymentId, properties: before }, properties, work) {
    const { RestApiId: restApiId, StageName: stageName } = properties;
    const patchOperations = patchesOf(before, properties, { Description: 'description' });
    await work.call(SERVICE, 'UpdateDeployment', { restApiId, deploymentId, patchOperations });
    if (stageName !== undefined && stageName === before.StageName) {
      await patchStage(
        { restApiId, stageName },
        stagePatches(describedStage(before), describedStage(properties)),
        work,
      );
    }
    return { physicalId: deploymentId, attributes: { DeploymentId: deploymentId } };
  },

  async delete({ physicalId: deploymentId, properties }, work) {
    const { RestApiId: restApiId, StageName: stageName } = properties;
    // A stage of the deployment's own goes with it, unless a later deployment has taken it over.
    const stages = await work.call(SERVICE, 'GetStages', { restApiId, deploymentId }).catch(nothingOf);
    const own = (stages.item as JsonObject[]).find((one) => one.stageName === stageName);
    if (own) await ignoreMissing(() => work.call(SERVICE, 'DeleteStage', { restApiId, stageName }));
    await ignoreMissing(() => work.call(SERVICE, 'DeleteDeployment', { restApiId, deploymentId }));
  },
};

function nothingOf(error: unknown): { item: JsonObject[] } {
  if (hasCode(error, 'NotFoundException')) return { item: [] };
  throw error;
}

/** Settings of all methods stand beside those of single ones. */
function describedStage({ StageDescription }: JsonObject): JsonObject {
  if (!isObject(StageDescription)) return {};
  const all = pick(StageDescription, Object.keys(SETTING_PATHS));
  const every = Object.keys(all).length > 0 ? [{ ResourcePath: '/*', HttpMethod: '*', ...all }] : [];
  return { ...StageDescription, MethodSettings: [...every, ...listOf(StageDescription.MethodSettings)] };
}

/** A part of an API that is made and changed by its id or name. */
function part(options: {
  readonly name: string;
  readonly properties: Properties;
  readonly label: string;
  /** Member of what `Create` answers that the part is found by. */
  readonly key: string;
  readonly attribute?: string;
  readonly members: readonly string[];
  readonly naming?: ResourceType['naming'];
  readonly input?: (properties: JsonObject) => JsonObject;
}): ResourceType {
  const { name, label, key, attribute, members, input = (all) => all } = options;
  const madeOf = (id: string): Made => ({ physicalId: id, attributes: attribute ? { [attribute]: id } : {} });
  return {
    properties: options.properties,
    attributes: attribute ? [attribute] : [],
    ...(options.naming && { naming: options.naming }),

    async create(properties, work) {
      const named = options.naming ? { ...properties, [options.naming.property]: work.name } : properties;
      const { RestApiId: restApiId } = properties;
      const { items = [] } = work.resuming ? await work.call(SERVICE, `Get${name}s`, { restApiId, limit: 500 }) : {};
      const own = (items as JsonObject[]).find((one) => one.name === named.Name && one.name !== undefined);
      const made = own ?? (await work.call(SERVICE, `Create${name}`, { restApiId, ...camel(input(named), members) }));
      const id = String(made[key]);
      await work.made(id);
      return madeOf(id);
    },

    async update({ physicalId, properties: before }: Existing, properties, work) {
      const names = Object.fromEntries(members.map((one) => [one, one[0]!.toLowerCase() + one.slice(1)]));
      const patchOperations = patchesOf(input(before), input(properties), names);
      const place = { restApiId: properties.RestApiId, [label]: physicalId };
      if (patchOperations.length > 0) await work.call(SERVICE, `Update${name}`, { ...place, patchOperations });
      return madeOf(physicalId);
    },

    async delete({ physicalId, properties: { RestApiId: restApiId } }, work) {
      await ignoreMissing(() => work.call(SERVICE, `Delete${name}`, { restApiId, [label]: physicalId }));
    },
  };
}

const authorizer = part({
  name: 'Authorizer',
  label: 'authorizerId',
  key: 'id',
  attribute: 'AuthorizerId',
  members: [
    ...['AuthType', 'AuthorizerCredentials', 'AuthorizerResultTtlInSeconds', 'AuthorizerUri', 'IdentitySource'],
    ...['IdentityValidationExpression', 'Name', 'Type'],
  ],
  properties: {
    AuthType: changes('text'),
    AuthorizerCredentials: changes('text'),
    AuthorizerResultTtlInSeconds: changes('number'),
    AuthorizerUri: changes('text'),
    IdentitySource: changes('text'),
    IdentityValidationExpression: changes('text'),
    Name: required(changes('text')),
    ProviderARNs: changes({ list: 'text' }),
    RestApiId: required(replaces('text')),
    Type: required(changes('text')),
  },
});

/** The list of user pools is spelled otherwise than everything else. */
const authorizerWithPools: ResourceType = {
  ...authorizer,
  async create(properties, work) {
    const { ProviderARNs, ...others } = properties;
    if (ProviderARNs === undefined) return authorizer.create(properties, work);
    const call: Work['call'] = (service, operation, input, region) =>
      work.call(
        service,
        operation,
        operation === 'CreateAuthorizer' ? { ...input, providerARNs: ProviderARNs } : input,
        region,
      );
    return authorizer.create(others, {
      ...work,
      call,
      made: (id) => work.made(id),
      until: (...args) => work.until(...args),
    });
  },
};

const model = part({
  name: 'Model',
  label: 'modelName',
  key: 'name',
  members: ['ContentType', 'Description', 'Name', 'Schema'],
  naming: { property: 'Name', lengthMax: 128, style: 'lower' },
  properties: {
    ContentType: replaces('text'),
    Description: changes('text'),
    Name: replaces('text'),
    RestApiId: required(replaces('text')),
    Schema: changes('any'),
  },
  input: ({ Schema, Name, ContentType = 'application/json', ...others }) => ({
    ...others,
    ContentType,
    ...(Name !== undefined && { Name: String(Name).replace(/[^A-Za-z0-9]/g, '') }),
    ...(Schema !== undefined && { Schema: typeof Schema === 'string' ? Schema : JSON.stringify(Schema) }),
  }),
});

const requestValidator = part({
  name: 'RequestValidator',
  label: 'requestValidatorId',
  key: 'id',
  attribute: 'RequestValidatorId',
  members: ['Name', 'ValidateRequestBody', 'ValidateRequestParameters'],
  properties: {
    Name: replaces('text'),
    RestApiId: required(replaces('text')),
    ValidateRequestBody: changes('flag'),
    ValidateRequestParameters: changes('flag'),
  },
});

const gatewayResponse: ResourceType = {
  properties: {
    ResponseParameters: changes({ map: 'text' }),
    ResponseTemplates: changes({ map: 'text' }),
    ResponseType: required(replaces('text')),
    RestApiId: required(replaces('text')),
    StatusCode: changes('text'),
  },
  attributes: ['Id'],

  async create(properties, work) {
    const Id = `${properties.RestApiId}-${properties.ResponseType}`;
    await putGatewayResponse(properties, work);
    await work.made(Id);
    return { physicalId: Id, attributes: { Id } };
  },

  async update(existing, properties, work) {
    await putGatewayResponse(properties, work);
    return existing;
  },

  async delete({ properties: { RestApiId: restApiId, ResponseType: responseType } }, work) {
    await ignoreMissing(() => work.call(SERVICE, 'DeleteGatewayResponse', { restApiId, responseType }));
  },
};

function putGatewayResponse(properties: JsonObject, work: Work): Promise<unknown> {
  const names = ['RestApiId', 'ResponseType', 'StatusCode', 'ResponseParameters', 'ResponseTemplates'];
  return work.call(SERVICE, 'PutGatewayResponse', camel(properties, names));
}

const apiKey: ResourceType = {
  properties: {
    CustomerId: changes('text'),
    Description: changes('text'),
    Enabled: changes('flag'),
    GenerateDistinctId: replaces('flag'),
    Name: replaces('text'),
    StageKeys: changes({ list: { object: { RestApiId: 'text', StageName: 'text' } } }),
    Tags: TAGS,
    Value: replaces('text'),
  },
  attributes: ['APIKeyId'],
  naming: { property: 'Name', lengthMax: 128 },

  async create(properties, work) {
    const { items = [] } = work.resuming ? await work.call(SERVICE, 'GetApiKeys', { nameQuery: work.name }) : {};
    const own = (items as JsonObject[]).find(({ name }) => name === work.name);
    const stageKeys = listOf(properties.StageKeys).map((one) => camel(one, ['RestApiId', 'StageName']));
    const members = ['CustomerId', 'Description', 'Enabled', 'GenerateDistinctId', 'Value'];
    const input = { ...camel(properties, members), name: work.name, stageKeys, tags: tagMap(properties.Tags) };
    const id = String((own ?? (await work.call(SERVICE, 'CreateApiKey', input))).id);
    await work.made(id);
    return { physicalId: id, attributes: { APIKeyId: id } };
  },

  async update({ physicalId, properties: before }, properties, work) {
    const names = { CustomerId: 'customerId', Description: 'description', Enabled: 'enabled' };
    const patchOperations = patchesOf(before, properties, names);
    if (patchOperations.length > 0) await work.call(SERVICE, 'UpdateApiKey', { apiKey: physicalId, patchOperations });
    await changeTags(`/apikeys/${physicalId}`, before.Tags, properties.Tags, work);
    return { physicalId, attributes: { APIKeyId: physicalId } };
  },

  async delete({ physicalId }, work) {
    await ignoreMissing(() => work.call(SERVICE, 'DeleteApiKey', { apiKey: physicalId }));
  },
};

const RATE = { object: { BurstLimit: 'number', RateLimit: 'number' } } as const;

const usagePlan: ResourceType = {
  properties: {
    ApiStages: changes({ list: { object: { ApiId: 'text', Stage: 'text', Throttle: { map: RATE } } } }),
    Description: changes('text'),
    Quota: changes({ object: { Limit: 'number', Offset: 'number', Period: 'text' } }),
    Tags: TAGS,
    Throttle: changes(RATE),
    UsagePlanName: changes('text'),
  },
  attributes: ['Id'],

  async create(properties, work) {
    const { items = [] } = work.resuming ? await work.call(SERVICE, 'GetUsagePlans', { limit: 500 }) : {};
    const owner = ownerTags(work);
    const own = (items as { id: string; tags: Record<string, string> }[]).find(({ tags }) =>
      Object.entries(owner).every(([key, value]) => tags[key] === value),
    );
    const id = String((own ?? (await work.call(SERVICE, 'CreateUsagePlan', planInput(properties, work)))).id);
    await work.made(id);
    return { physicalId: id, attributes: { Id: id } };
  },

  async update({ physicalId, properties: before }, properties, work) {
    const patchOperations = [
      ...patchesOf(before, properties, { Description: 'description', UsagePlanName: 'name' }),
      ...nestedPatches(before.Throttle, properties.Throttle, 'throttle', RATE_MEMBERS),
      ...nestedPatches(before.Quota, properties.Quota, 'quota', QUOTA_MEMBERS),
      ...stageMembership(before.ApiStages, properties.ApiStages),
    ];
    if (patchOperations.length > 0) {
      await work.call(SERVICE, 'UpdateUsagePlan', { usagePlanId: physicalId, patchOperations });
    }
    await changeTags(`/usageplans/${physicalId}`, before.Tags, properties.Tags, work);
    return { physicalId, attributes: { Id: physicalId } };
  },

  async delete({ physicalId: usagePlanId, properties: { ApiStages } }, work) {
    const patchOperations = stageMembership(ApiStages, undefined);
    await ignoreMissing(async () => {
      if (patchOperations.length > 0) await work.call(SERVICE, 'UpdateUsagePlan', { usagePlanId, patchOperations });
      await work.call(SERVICE, 'DeleteUsagePlan', { usagePlanId });
    });
  },
};

const RATE_MEMBERS = { BurstLimit: 'burstLimit', RateLimit: 'rateLimit' };
const QUOTA_MEMBERS = { Limit: 'limit', Offset: 'offset', Period: 'period' };

function planInput({ ApiStages, Description, Quota, Tags, Throttle, UsagePlanName }: JsonObject, work: Work): object {
  return {
    name: UsagePlanName ?? work.logicalId,
    ...(Description !== undefined && { description: Description }),
    ...(isObject(Quota) && { quota: rename(Quota, QUOTA_MEMBERS) }),
    ...(isObject(Throttle) && { throttle: rename(Throttle, RATE_MEMBERS) }),
    apiStages: listOf(ApiStages).map(({ ApiId, Stage, Throttle: own }) => ({
      ...{ apiId: ApiId, stage: Stage },
      ...(isObject(own) && {
        throttle: Object.fromEntries(
          Object.entries(own).map(([key, one]) => [key, rename(one as JsonObject, RATE_MEMBERS)]),
        ),
      }),
    })),
    tags: { ...tagMap(Tags), ...ownerTags(work) },
  };
}

function nestedPatches(
  before: Json | undefined,
  after: Json | undefined,
  member: string,
  names: Readonly<Record<string, string>>,
): Patch[] {
  if (after === undefined) return before === undefined ? [] : [{ op: 'remove', path: `/${member}` }];
  const paths = Object.fromEntries(Object.entries(names).map(([from, to]) => [from, `${member}/${to}`]));
  return patchesOf(isObject(before) ? before : {}, after as JsonObject, paths);
}

function stageMembership(before: Json | undefined, after: Json | undefined): Patch[] {
  const names = (stages: Json | undefined) => listOf(stages).map(({ ApiId, Stage }) => `${ApiId}:${Stage}`);
  const [old, now] = [names(before), names(after)];
  const gone = old.filter((name) => !now.includes(name));
  const added = now.filter((name) => !old.includes(name));
  return [
    ...gone.map((value): Patch => ({ op: 'remove', path: '/apiStages', value })),
    ...added.map((value): Patch => ({ op: 'add', path: '/apiStages', value })),
  ];
}

const usagePlanKey: ResourceType = {
  properties: {
    KeyId: required(replaces('text')),
    KeyType: required(replaces('text')),
    UsagePlanId: required(replaces('text')),
  },
  attributes: ['Id'],

  async create(properties, work) {
    const Id = `${properties.KeyId}:${properties.UsagePlanId}`;
    const input = camel(properties, ['KeyId', 'KeyType', 'UsagePlanId']);
    await createOrAdopt(work, () => work.call(SERVICE, 'CreateUsagePlanKey', input));
    await work.made(Id);
    return { physicalId: Id, attributes: { Id } };
  },

  async delete({ properties }, work) {
    const place = camel(properties, ['KeyId', 'UsagePlanId']);
    await ignoreMissing(() => work.call(SERVICE, 'DeleteUsagePlanKey', place));
  },
};

const account: ResourceType = {
  properties: { CloudWatchRoleArn: changes('text') },
  attributes: ['Id'],

  async create(properties, work) {
    await setRole({}, properties, work);
    await work.made(work.logicalId);
    return { physicalId: work.logicalId, attributes: { Id: work.logicalId } };
  },

  async update(existing, properties, work) {
    await setRole(existing.properties, properties, work);
    return existing;
  },

  /** The account has one such setting, which others may rely on: AWS leaves it as well. */
  async delete() {},
};

async function setRole(before: JsonObject, after: JsonObject, work: Work): Promise<void> {
  const patchOperations = patchesOf(before, after, { CloudWatchRoleArn: 'cloudwatchRoleArn' });
  if (patchOperations.length > 0) await work.call(SERVICE, 'UpdateAccount', { patchOperations });
}

const domainName: ResourceType = {
  properties: {
    CertificateArn: changes('text'),
    DomainName: replaces('text'),
    EndpointConfiguration: changes({ object: { IpAddressType: 'text', Types: { list: 'text' } } }),
    RegionalCertificateArn: changes('text'),
    SecurityPolicy: changes('text'),
    Tags: TAGS,
  },
  notBuilt: ['EndpointAccessMode', 'MutualTlsAuthentication', 'OwnershipVerificationCertificateArn', 'RoutingMode'],
  attributes: [
    'DistributionDomainName',
    'DistributionHostedZoneId',
    'DomainNameArn',
    'RegionalDomainName',
    'RegionalHostedZoneId',
  ],

  async create(properties, work) {
    const { EndpointConfiguration, Tags } = properties;
    const members = ['CertificateArn', 'DomainName', 'RegionalCertificateArn', 'SecurityPolicy'];
    await createOrAdopt(work, () =>
      work.call(SERVICE, 'CreateDomainName', {
        ...camel(properties, members),
        ...(isObject(EndpointConfiguration) && { endpointConfiguration: camel(EndpointConfiguration, ['Types']) }),
        tags: tagMap(Tags),
      }),
    );
    const made = await describeDomain(properties.DomainName, work);
    await work.made(made.physicalId);
    return made;
  },

  async update({ physicalId, properties: before }, properties, work) {
    const { EndpointConfiguration, CertificateArn, RegionalCertificateArn, SecurityPolicy } = properties;
    const [type = 'EDGE'] = isObject(EndpointConfiguration) ? (EndpointConfiguration.Types as string[]) : [];
    const certificate = RegionalCertificateArn ?? CertificateArn;
    const { DomainNameConfigurations } = await work.call('apigatewayv2', 'GetDomainName', { DomainName: physicalId });
    const configuration = {
      ...(DomainNameConfigurations as JsonObject[])[0],
      EndpointType: type,
      ...(certificate !== undefined && { CertificateArn: certificate }),
      ...(SecurityPolicy !== undefined && { SecurityPolicy }),
    };
    // Both kinds of APIs share their domain names.
    const change = { DomainName: physicalId, DomainNameConfigurations: [configuration] };
    await work.call('apigatewayv2', 'UpdateDomainName', change);
    const { set, remove } = tagChanges(before.Tags, properties.Tags);
    const made = await describeDomain(physicalId, work);
    const ResourceArn = made.attributes.DomainNameArn;
    if (Object.keys(set).length > 0) await work.call('apigatewayv2', 'TagResource', { ResourceArn, Tags: set });
    if (remove.length > 0) await work.call('apigatewayv2', 'UntagResource', { ResourceArn, TagKeys: remove });
    return made;
  },

  async delete({ physicalId }, work) {
    await ignoreMissing(() => work.call(SERVICE, 'DeleteDomainName', { domainName: physicalId }));
  },
};

async function describeDomain(name: Json | undefined, work: Work): Promise<Made> {
  const found = await work.call(SERVICE, 'GetDomainName', { domainName: name });
  return {
    physicalId: found.domainName,
    attributes: {
      DistributionDomainName: found.distributionDomainName ?? '',
      DistributionHostedZoneId: '',
      DomainNameArn: found.domainNameArn,
      RegionalDomainName: found.regionalDomainName ?? '',
      RegionalHostedZoneId: '',
    },
  };
}

const basePathMapping: ResourceType = {
  properties: {
    BasePath: replaces('text'),
    DomainName: required(replaces('text')),
    RestApiId: changes('text'),
    Stage: changes('text'),
  },
  notBuilt: ['Id'],
  attributes: [],

  async create(properties, work) {
    const { DomainName, BasePath = '(none)' } = properties;
    const input = camel({ ...properties, BasePath }, ['BasePath', 'DomainName', 'RestApiId', 'Stage']);
    await createOrAdopt(work, () => work.call(SERVICE, 'CreateBasePathMapping', input));
    const physicalId = `${DomainName}|${BasePath}`;
    await work.made(physicalId);
    return { physicalId, attributes: {} };
  },

  async update(existing, properties, work) {
    const { DomainName: domainName_, BasePath: basePath = '(none)' } = properties;
    const patchOperations = patchesOf(existing.properties, properties, { RestApiId: 'restapiId', Stage: 'stage' });
    await work.call(SERVICE, 'UpdateBasePathMapping', { domainName: domainName_, basePath, patchOperations });
    return existing;
  },

  async delete({ properties: { DomainName, BasePath: basePath = '(none)' } }, work) {
    await ignoreMissing(() => work.call(SERVICE, 'DeleteBasePathMapping', { domainName: DomainName, basePath }));
  },
};

export const API_GATEWAY_TYPES: Readonly<Record<string, ResourceType>> = {
  'AWS::ApiGateway::Account': account,
  'AWS::ApiGateway::ApiKey': apiKey,
  'AWS::ApiGateway::Authorizer': authorizerWithPools,
  'AWS::ApiGateway::BasePathMapping': basePathMapping,
  'AWS::ApiGateway::Deployment': deployment,
  'AWS::ApiGateway::DomainName': domainName,
  'AWS::ApiGateway::GatewayResponse': gatewayResponse,
  'AWS::ApiGateway::Method': method,
  'AWS::ApiGateway::Model': model,
  'AWS::ApiGateway::RequestValidator': requestValidator,
  'AWS::ApiGateway::Resource': resource,
  'AWS::ApiGateway::RestApi': restApi,
  'AWS::ApiGateway::Stage': stage,
  'AWS::ApiGateway::UsagePlan': usagePlan,
  'AWS::ApiGateway::UsagePlanKey': usagePlanKey,
};
