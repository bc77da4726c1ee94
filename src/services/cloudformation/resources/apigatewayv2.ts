import type { Json, JsonObject } from '../template/value.ts';
import { isObject, sameJson } from '../template/value.ts';
import { changes, type Properties, pick, replaces, required } from './properties.ts';
import {
  createOrAdopt,
  type Existing,
  ignoreMissing,
  type Made,
  type Reading,
  type ResourceType,
  type Work,
} from './resource-type.ts';

const SERVICE = 'apigatewayv2';

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

const API_SETTINGS = [
  'ApiKeySelectionExpression',
  'CorsConfiguration',
  'Description',
  'DisableExecuteApiEndpoint',
  'DisableSchemaValidation',
  'IpAddressType',
  'Name',
  'RouteSelectionExpression',
  'Version',
];

/** What of an API was made by quick create. */
const QUICK = ['CredentialsArn', 'RouteKey', 'Target'];

/** By which a stack finds an API again that a crash left without its id. */
const OWNER_TAG = 'aws:cloudformation:logical-id';
const STACK_TAG = 'aws:cloudformation:stack-id';

const api: ResourceType = {
  properties: {
    ApiKeySelectionExpression: changes('text'),
    BasePath: changes('text'),
    Body: changes('any'),
    BodyS3Location: changes({ object: { Bucket: 'text', Etag: 'text', Key: 'text', Version: 'text' } }),
    CorsConfiguration: changes(CORS),
    CredentialsArn: changes('text'),
    Description: changes('text'),
    DisableExecuteApiEndpoint: changes('flag'),
    DisableSchemaValidation: changes('flag'),
    FailOnWarnings: changes('flag'),
    IpAddressType: changes('text'),
    Name: changes('text'),
    ProtocolType: replaces('text'),
    RouteKey: changes('text'),
    RouteSelectionExpression: changes('text'),
    Tags: changes({ map: 'text' }),
    Target: changes('text'),
    Version: changes('text'),
  },
  attributes: ['ApiEndpoint', 'ApiId', 'ExecuteApiArn'],

  imports: { identifiers: ['ApiId'], find: ({ ApiId }, work) => describeApi(ApiId!, work) },

  async create(properties, work) {
    const existing = work.resuming ? await ownApi(work) : undefined;
    const ApiId = existing ?? (await makeApi(properties, work));
    await work.made(ApiId);
    return describeApi(ApiId, work);
  },

  async update(existing, properties, work) {
    const ApiId = existing.physicalId;
    const hadBody = !sameJson(bodyOf(existing.properties), bodyOf(properties));
    if (hadBody && bodyOf(properties) !== undefined) {
      await work.call(SERVICE, 'ReimportApi', { ApiId, Body: await definition(properties, work) });
    }
    if (existing.properties.CorsConfiguration !== undefined && properties.CorsConfiguration === undefined) {
      await work.call(SERVICE, 'DeleteCorsConfiguration', { ApiId });
    }
    const quick = properties.Target === undefined ? {} : pick(properties, QUICK);
    await work.call(SERVICE, 'UpdateApi', { ApiId, ...pick(properties, API_SETTINGS), ...quick });
    await setTags(await describeApi(ApiId, work), existing.properties.Tags, properties.Tags, work);
    return describeApi(ApiId, work);
  },

  async delete({ physicalId: ApiId }, work) {
    await ignoreMissing(() => work.call(SERVICE, 'DeleteApi', { ApiId }));
  },
};

const bodyOf = ({ Body, BodyS3Location }: JsonObject): Json | undefined => Body ?? BodyS3Location;

async function makeApi(properties: JsonObject, work: Work): Promise<string> {
  const Tags = { ...(properties.Tags as object | undefined), ...ownerTags(work) };
  const settings = pick(properties, API_SETTINGS);
  if (bodyOf(properties) === undefined) {
    const { ProtocolType = 'HTTP' } = properties;
    const input = { ...settings, ...pick(properties, QUICK), ProtocolType, Tags };
    return (await work.call(SERVICE, 'CreateApi', { Name: work.logicalId, ...input })).ApiId;
  }
  const { ApiId } = await work.call(SERVICE, 'ImportApi', { Body: await definition(properties, work) });
  await work.made(ApiId);
  if (Object.keys(settings).length > 0) await work.call(SERVICE, 'UpdateApi', { ApiId, ...settings });
  await work.call(SERVICE, 'TagResource', { ResourceArn: apiArn(ApiId, work), Tags });
  return ApiId;
}

function ownerTags({ identity, logicalId }: Work): Record<string, string> {
  return { [STACK_TAG]: identity.id, [OWNER_TAG]: logicalId };
}

/** The API that this resource has made before a crash. */
async function ownApi(work: Work): Promise<string | undefined> {
  const { Items } = await work.call(SERVICE, 'GetApis', {});
  const found = (Items as { ApiId: string; Tags: Record<string, string> }[]).find(
    ({ Tags }) => Tags[STACK_TAG] === work.identity.id && Tags[OWNER_TAG] === work.logicalId,
  );
  return found?.ApiId;
}

/** The definition as text: from the template, or from a bucket. */
export async function definition({ Body, BodyS3Location }: JsonObject, work: Work): Promise<string> {
  if (Body !== undefined) return typeof Body === 'string' ? Body : JSON.stringify(Body);
  const { Bucket, Key, Version } = BodyS3Location as JsonObject;
  const object = await work.call('s3', 'GetObject', {
    Bucket,
    Key,
    ...(Version !== undefined && { VersionId: Version }),
  });
  const chunks: Buffer[] = [];
  for await (const chunk of object.Body as AsyncIterable<Uint8Array>) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString();
}

const apiArn = (ApiId: string, { identity }: Work) => `arn:aws:apigateway:${identity.region}::/apis/${ApiId}`;

async function describeApi(ApiId: string, work: Reading): Promise<Made> {
  const { ApiEndpoint } = await work.call(SERVICE, 'GetApi', { ApiId });
  const { region, accountId } = work.identity;
  const ExecuteApiArn = `arn:aws:execute-api:${region}:${accountId}:${ApiId}`;
  return { physicalId: ApiId, attributes: { ApiEndpoint, ApiId, ExecuteApiArn } };
}

async function setTags(
  { physicalId }: Made,
  before: Json | undefined,
  after: Json | undefined,
  work: Work,
): Promise<void> {
  await changeTags(apiArn(physicalId, work), before, after, work);
}

async function changeTags(ResourceArn: string, before: Json | undefined, after: Json | undefined, work: Work) {
  const [old, now] = [before ?? {}, after ?? {}] as readonly JsonObject[];
  const TagKeys = Object.keys(old!).filter((key) => !Object.hasOwn(now!, key));
  if (!sameJson(old, now) && Object.keys(now!).length > 0) {
    await work.call(SERVICE, 'TagResource', { ResourceArn, Tags: now });
  }
  if (TagKeys.length > 0) await work.call(SERVICE, 'UntagResource', { ResourceArn, TagKeys });
}

/** A part of an API that has an id of its own. */
function part(options: {
  /** As operations are named: `Create...`. */
  readonly name: string;
  readonly properties: Properties;
  readonly notBuilt?: readonly string[];
  /** The properties as the operations take them. */
  readonly input?: (properties: JsonObject) => JsonObject;
  /** What a property that is taken away goes back to. */
  readonly defaults?: Readonly<Record<string, Json>>;
  /** Member that says which part of the API it belongs to. */
  readonly parent?: string;
  /** Properties that name one, where AWS has them in another order. */
  readonly identifiers?: readonly string[];
  /** Whether a part that is there was made by this resource before a crash. */
  readonly isOwn?: (part: JsonObject, properties: JsonObject) => boolean;
}): ResourceType {
  const { name, properties: known, notBuilt, input = (all) => all, defaults = {}, parent, isOwn } = options;
  const idName = `${name}Id`;
  const identifiers = options.identifiers ?? ['ApiId', ...(parent === undefined ? [] : [parent]), idName];
  const madeOf = (id: string): Made => ({ physicalId: id, attributes: { [idName]: id } });
  const placeOf = ({ ApiId, ...others }: JsonObject) => ({
    ApiId,
    ...(parent !== undefined && { [parent]: others[parent] }),
  });
  return {
    properties: known,
    ...(notBuilt && { notBuilt }),
    attributes: [idName],
    imports: {
      identifiers,
      async find(named, work) {
        const found = await work.call(SERVICE, `Get${name}`, named);
        return madeOf(String(found[idName]));
      },
    },

    async create(properties, work) {
      const place = placeOf(properties);
      const { Items = [] } = work.resuming && isOwn ? await work.call(SERVICE, `Get${name}s`, place) : {};
      const own = (Items as JsonObject[]).find((one) => isOwn!(one, properties));
      const made = own ?? (await work.call(SERVICE, `Create${name}`, input(properties)));
      const id = String(made[idName]);
      await work.made(id);
      return madeOf(id);
    },

    async update({ physicalId, properties: before }: Existing, properties, work) {
      const gone = Object.keys(before).filter((key) => properties[key] === undefined && defaults[key] !== undefined);
      const back = Object.fromEntries(gone.map((key) => [key, defaults[key]!]));
      await work.call(SERVICE, `Update${name}`, { ...back, ...input(properties), [idName]: physicalId });
      return madeOf(physicalId);
    },

    async delete({ physicalId, properties }, work) {
      const input = { ...placeOf(properties), [idName]: physicalId };
      await ignoreMissing(() => work.call(SERVICE, `Delete${name}`, input));
    },
  };
}

const route = part({
  name: 'Route',
  properties: {
    ApiId: required(replaces('text')),
    ApiKeyRequired: changes('flag'),
    AuthorizationScopes: changes({ list: 'text' }),
    AuthorizationType: changes('text'),
    AuthorizerId: changes('text'),
    ModelSelectionExpression: changes('text'),
    OperationName: changes('text'),
    RequestModels: changes('any'),
    RequestParameters: changes('any'),
    RouteKey: required(changes('text')),
    RouteResponseSelectionExpression: changes('text'),
    Target: changes('text'),
  },
  defaults: { AuthorizationScopes: [], AuthorizationType: 'NONE', ApiKeyRequired: false, Target: '' },
  isOwn: ({ RouteKey }, properties) => RouteKey === properties.RouteKey,
});

const integration = part({
  name: 'Integration',
  properties: {
    ApiId: required(replaces('text')),
    ConnectionId: changes('text'),
    ConnectionType: changes('text'),
    ContentHandlingStrategy: changes('text'),
    CredentialsArn: changes('text'),
    Description: changes('text'),
    IntegrationMethod: changes('text'),
    IntegrationSubtype: changes('text'),
    IntegrationType: required(changes('text')),
    IntegrationUri: changes('text'),
    PassthroughBehavior: changes('text'),
    PayloadFormatVersion: changes('text'),
    RequestParameters: changes({ map: 'text' }),
    RequestTemplates: changes({ map: 'text' }),
    ResponseParameters: changes('any'),
    TemplateSelectionExpression: changes('text'),
    TimeoutInMillis: changes('number'),
    TlsConfig: changes({ object: { ServerNameToVerify: 'text' } }),
  },
  defaults: { TimeoutInMillis: 30_000, ResponseParameters: {} },
  input: (properties) => ({
    ...properties,
    ...(properties.ResponseParameters !== undefined && {
      ResponseParameters: responseParameters(properties.ResponseParameters),
    }),
  }),
});

/** Lists of sources and destinations by status, as operations take them: by destination. */
function responseParameters(byStatus: Json): JsonObject {
  if (!isObject(byStatus)) return {};
  return Object.fromEntries(
    Object.entries(byStatus).map(([status, given]) => {
      const list = isObject(given) ? given.ResponseParameters : undefined;
      if (!Array.isArray(list)) return [status, given];
      const mappings = list.filter(isObject).map(({ Destination, Source }) => [String(Destination), Source ?? '']);
      return [status, Object.fromEntries(mappings)];
    }),
  );
}

const authorizer = part({
  name: 'Authorizer',
  identifiers: ['AuthorizerId', 'ApiId'],
  properties: {
    ApiId: required(replaces('text')),
    AuthorizerCredentialsArn: changes('text'),
    AuthorizerPayloadFormatVersion: changes('text'),
    AuthorizerResultTtlInSeconds: changes('number'),
    AuthorizerType: required(changes('text')),
    AuthorizerUri: changes('text'),
    EnableSimpleResponses: changes('flag'),
    IdentitySource: changes({ list: 'text' }),
    IdentityValidationExpression: changes('text'),
    JwtConfiguration: changes({ object: { Audience: { list: 'text' }, Issuer: 'text' } }),
    Name: required(changes('text')),
  },
  defaults: { AuthorizerResultTtlInSeconds: 0, EnableSimpleResponses: false, IdentitySource: [] },
  isOwn: ({ Name }, properties) => Name === properties.Name,
});

const model = part({
  name: 'Model',
  properties: {
    ApiId: required(replaces('text')),
    ContentType: changes('text'),
    Description: changes('text'),
    Name: required(changes('text')),
    Schema: required(changes('any')),
  },
  input: ({ Schema = {}, ...others }) => ({
    ...others,
    Schema: typeof Schema === 'string' ? Schema : JSON.stringify(Schema),
  }),
  isOwn: ({ Name }, properties) => Name === properties.Name,
});

const routeResponse = part({
  name: 'RouteResponse',
  parent: 'RouteId',
  properties: {
    ApiId: required(replaces('text')),
    ModelSelectionExpression: changes('text'),
    ResponseModels: changes('any'),
    ResponseParameters: changes('any'),
    RouteId: required(replaces('text')),
    RouteResponseKey: required(changes('text')),
  },
  isOwn: ({ RouteResponseKey }, properties) => RouteResponseKey === properties.RouteResponseKey,
});

const integrationResponse = part({
  name: 'IntegrationResponse',
  parent: 'IntegrationId',
  properties: {
    ApiId: required(replaces('text')),
    ContentHandlingStrategy: changes('text'),
    IntegrationId: required(replaces('text')),
    IntegrationResponseKey: required(changes('text')),
    ResponseParameters: changes('any'),
    ResponseTemplates: changes('any'),
    TemplateSelectionExpression: changes('text'),
  },
  isOwn: (made, properties) => made.IntegrationResponseKey === properties.IntegrationResponseKey,
});

const deployment = part({
  name: 'Deployment',
  properties: {
    ApiId: required(replaces('text')),
    Description: changes('text'),
    StageName: changes('text'),
  },
});

const deploymentOfStages: ResourceType = {
  ...deployment,
  async delete(existing, work) {
    const { ApiId, StageName } = existing.properties;
    const { Items } = await work.call(SERVICE, 'GetStages', { ApiId }).catch(() => ({ Items: [] }));
    const serving = (Items as JsonObject[]).find(({ DeploymentId }) => DeploymentId === existing.physicalId);
    // A stage of the deployment's own goes with it; AWS keeps a deployment that another stage serves.
    if (serving && serving.StageName === StageName) await work.call(SERVICE, 'DeleteStage', { ApiId, StageName });
    await deployment.delete(existing, work);
  },
};

const ROUTE_SETTINGS = {
  object: {
    DataTraceEnabled: 'flag',
    DetailedMetricsEnabled: 'flag',
    LoggingLevel: 'text',
    ThrottlingBurstLimit: 'number',
    ThrottlingRateLimit: 'number',
  },
} as const;

const stage: ResourceType = {
  properties: {
    AccessLogSettings: changes({ object: { DestinationArn: 'text', Format: 'text' } }),
    ApiId: required(replaces('text')),
    AutoDeploy: changes('flag'),
    ClientCertificateId: changes('text'),
    DefaultRouteSettings: changes(ROUTE_SETTINGS),
    DeploymentId: changes('text'),
    Description: changes('text'),
    RouteSettings: changes({ map: ROUTE_SETTINGS }),
    StageName: required(replaces('text')),
    StageVariables: changes({ map: 'text' }),
    Tags: changes({ map: 'text' }),
  },
  notBuilt: ['AccessPolicyId'],
  attributes: [],

  imports: {
    identifiers: ['ApiId', 'StageName'],
    async find(named, work) {
      const { StageName } = await work.call(SERVICE, 'GetStage', named);
      return { physicalId: StageName, attributes: {} };
    },
  },

  async create(properties, work) {
    await createOrAdopt(work, () => work.call(SERVICE, 'CreateStage', properties));
    await work.made(String(properties.StageName));
    return { physicalId: String(properties.StageName), attributes: {} };
  },

  async update({ properties: before, physicalId }, properties, work) {
    const { ApiId } = properties;
    const StageName = physicalId;
    if (before.AccessLogSettings !== undefined && properties.AccessLogSettings === undefined) {
      await work.call(SERVICE, 'DeleteAccessLogSettings', { ApiId, StageName });
    }
    const { Tags, ...settings } = properties;
    const back = { DefaultRouteSettings: {}, RouteSettings: {}, StageVariables: {}, AutoDeploy: false };
    await work.call(SERVICE, 'UpdateStage', { ...back, ...settings });
    await changeTags(`${apiArn(String(ApiId), work)}/stages/${StageName}`, before.Tags, Tags, work);
    return { physicalId, attributes: {} };
  },

  async delete({ physicalId: StageName, properties: { ApiId } }, work) {
    await ignoreMissing(() => work.call(SERVICE, 'DeleteStage', { ApiId, StageName }));
  },
};

const domainName: ResourceType = {
  properties: {
    DomainName: required(replaces('text')),
    DomainNameConfigurations: changes({
      list: {
        object: {
          CertificateArn: 'text',
          CertificateName: 'text',
          EndpointType: 'text',
          IpAddressType: 'text',
          OwnershipVerificationCertificateArn: 'text',
          SecurityPolicy: 'text',
        },
      },
    }),
    Tags: changes({ map: 'text' }),
  },
  notBuilt: ['MutualTlsAuthentication', 'RoutingMode'],
  attributes: ['DomainNameArn', 'RegionalDomainName', 'RegionalHostedZoneId'],

  imports: { identifiers: ['DomainName'], find: ({ DomainName }, work) => describeDomain(DomainName!, work) },

  async create(properties, work) {
    await createOrAdopt(work, () => work.call(SERVICE, 'CreateDomainName', properties));
    const made = await describeDomain(String(properties.DomainName), work);
    await work.made(made.physicalId);
    return made;
  },

  async update({ physicalId, properties: before }, { Tags, ...properties }, work) {
    await work.call(SERVICE, 'UpdateDomainName', properties);
    const made = await describeDomain(physicalId, work);
    await changeTags(String(made.attributes.DomainNameArn), before.Tags, Tags, work);
    return made;
  },

  async delete({ physicalId: DomainName }, work) {
    await ignoreMissing(() => work.call(SERVICE, 'DeleteDomainName', { DomainName }));
  },
};

async function describeDomain(name: string, work: Reading): Promise<Made> {
  const found = await work.call(SERVICE, 'GetDomainName', { DomainName: name });
  const [{ ApiGatewayDomainName = '' } = {}] = found.DomainNameConfigurations as { ApiGatewayDomainName?: string }[];
  const regional = { RegionalDomainName: ApiGatewayDomainName, RegionalHostedZoneId: '' };
  return { physicalId: found.DomainName, attributes: { DomainNameArn: found.DomainNameArn, ...regional } };
}

const apiMapping: ResourceType = {
  properties: {
    ApiId: required(changes('text')),
    ApiMappingKey: changes('text'),
    DomainName: required(replaces('text')),
    Stage: required(changes('text')),
  },
  attributes: ['ApiMappingId'],

  imports: {
    identifiers: ['ApiMappingId', 'DomainName'],
    async find(named, work) {
      const { ApiMappingId } = await work.call(SERVICE, 'GetApiMapping', named);
      return { physicalId: ApiMappingId, attributes: { ApiMappingId } };
    },
  },

  async create(properties, work) {
    const { DomainName, ApiMappingKey = '' } = properties;
    const { Items = [] } = work.resuming ? await work.call(SERVICE, 'GetApiMappings', { DomainName }) : {};
    const own = (Items as JsonObject[]).find((one) => (one.ApiMappingKey ?? '') === ApiMappingKey);
    const { ApiMappingId } = own ?? (await work.call(SERVICE, 'CreateApiMapping', properties));
    await work.made(String(ApiMappingId));
    return { physicalId: String(ApiMappingId), attributes: { ApiMappingId: ApiMappingId! } };
  },

  async update({ physicalId: ApiMappingId }, properties, work) {
    await work.call(SERVICE, 'UpdateApiMapping', { ApiMappingKey: '', ...properties, ApiMappingId });
    return { physicalId: ApiMappingId, attributes: { ApiMappingId } };
  },

  async delete({ physicalId: ApiMappingId, properties: { DomainName } }, work) {
    await ignoreMissing(() => work.call(SERVICE, 'DeleteApiMapping', { DomainName, ApiMappingId }));
  },
};

export const API_GATEWAY_V2_TYPES: Readonly<Record<string, ResourceType>> = {
  'AWS::ApiGatewayV2::Api': api,
  'AWS::ApiGatewayV2::ApiMapping': apiMapping,
  'AWS::ApiGatewayV2::Authorizer': authorizer,
  'AWS::ApiGatewayV2::Deployment': deploymentOfStages,
  'AWS::ApiGatewayV2::DomainName': domainName,
  'AWS::ApiGatewayV2::Integration': integration,
  'AWS::ApiGatewayV2::IntegrationResponse': integrationResponse,
  'AWS::ApiGatewayV2::Model': model,
  'AWS::ApiGatewayV2::Route': route,
  'AWS::ApiGatewayV2::RouteResponse': routeResponse,
  'AWS::ApiGatewayV2::Stage': stage,
};
