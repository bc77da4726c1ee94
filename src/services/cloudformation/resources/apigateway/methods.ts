import { isObject, type JsonObject } from '../../template/value.ts';
import { changes, replaces, required } from '../properties.ts';
import { ignoreMissing, type ResourceType, type Work } from '../resource-type.ts';
import { camel, flags, listOf, SERVICE } from './support.ts';

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

export const method: ResourceType = {
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

  imports: {
    identifiers: ['RestApiId', 'ResourceId', 'HttpMethod'],
    async find(named, work) {
      await work.call(SERVICE, 'GetMethod', placeOf(named));
      return { physicalId: physicalIdOf(named), attributes: {} };
    },
  },

  async create(properties, work) {
    const place = placeOf(properties);
    const physicalId = physicalIdOf(properties);
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

const physicalIdOf = (properties: JsonObject) => Object.values(placeOf(properties)).join('-');

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
