import { changes, replaces, required } from '../properties.ts';
import type { ResourceType, Work } from '../resource-type.ts';
import { part } from './support.ts';

const authorizer = part({
  name: 'Authorizer',
  label: 'authorizerId',
  key: 'id',
  attribute: 'AuthorizerId',
  identifiers: ['RestApiId', 'AuthorizerId'],
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
export const authorizerWithPools: ResourceType = {
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

export const model = part({
  name: 'Model',
  label: 'modelName',
  key: 'name',
  identifiers: ['Name'],
  members: ['ContentType', 'Description', 'Name', 'Schema'],
  naming: { property: 'Name', within: 'RestApiId', lengthMax: 128, style: 'lower' },
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

export const requestValidator = part({
  name: 'RequestValidator',
  label: 'requestValidatorId',
  key: 'id',
  attribute: 'RequestValidatorId',
  identifiers: ['RequestValidatorId'],
  members: ['Name', 'ValidateRequestBody', 'ValidateRequestParameters'],
  properties: {
    Name: replaces('text'),
    RestApiId: required(replaces('text')),
    ValidateRequestBody: changes('flag'),
    ValidateRequestParameters: changes('flag'),
  },
});
