import assert from 'node:assert/strict';
import type { Call, Rig, Scenario } from '../scenario.ts';

/** The API of the scenario: one route, `GET /items/{id}`, to a server that nobody calls. */
interface Api {
  readonly ApiId: string;
  readonly IntegrationId: string;
  readonly RouteId: string;
}

const ROUTE_KEY = 'GET /items/{id}';
const UPSTREAM = 'http://127.0.0.1:1/{id}';

const each = (items: readonly Readonly<Record<string, unknown>>[], member: string) => items.map((one) => one[member]);

/** HTTP APIs. */
export const apigatewayv2: Scenario = {
  service: 'apigatewayv2',
  async run(rig) {
    const { call } = rig;
    const ApiId = await apis(rig);
    const IntegrationId = await integrations(call, ApiId);
    const api = { ApiId, IntegrationId, RouteId: await routes(call, ApiId, IntegrationId) };
    await described(call, api);
    await authorizers(call, api);
    const deploymentId = await deployments(call, api);
    await stages(call, api, deploymentId);
    await domains(rig, api);
    await definitions(rig, api);
    await removals(call, api, deploymentId);
  },
};

async function apis({ call, name }: Rig): Promise<string> {
  const made = await call('CreateApi', {
    ...{ Name: name('shop'), ProtocolType: 'HTTP', Description: 'sells', Tags: { team: 'a & b' } },
    CorsConfiguration: { AllowOrigins: ['https://example.com'], AllowMethods: ['GET'], MaxAge: 60 },
  });
  const { ApiId } = made;
  assert.ok(made.CreatedDate instanceof Date);
  assert.match(made.ApiEndpoint, new RegExp(`^http://${ApiId}\\.execute-api\\.us-east-1\\.localhost:`));
  assert.deepEqual([made.CorsConfiguration.MaxAge, made.Tags], [60, { team: 'a & b' }]);
  const changed = await call('UpdateApi', { ApiId, Description: 'sells more', DisableExecuteApiEndpoint: true });
  assert.deepEqual(changed, { ...made, Description: 'sells more', DisableExecuteApiEndpoint: true });
  await call('DeleteCorsConfiguration', { ApiId });
  const { CorsConfiguration: _gone, ...left } = changed;
  assert.deepEqual(await call('GetApi', { ApiId }), left);
  assert.ok(each((await call('GetApis', { MaxResults: '500' })).Items, 'ApiId').includes(ApiId));
  await assert.rejects(call('GetApi', { ApiId: 'none' }), { name: 'NotFoundException' });

  const ResourceArn = `arn:aws:apigateway:us-east-1::/apis/${ApiId}`;
  await call('TagResource', { ResourceArn, Tags: { site: 'north & south' } });
  await call('UntagResource', { ResourceArn, TagKeys: ['team'] });
  assert.deepEqual((await call('GetTags', { ResourceArn })).Tags, { site: 'north & south' });
  return ApiId;
}

async function integrations(call: Call, ApiId: string): Promise<string> {
  const made = await call('CreateIntegration', {
    ...{ ApiId, IntegrationType: 'HTTP_PROXY', IntegrationMethod: 'GET', IntegrationUri: UPSTREAM },
    RequestParameters: { 'append:header.x-one': '1', 'append:header.x-two': '2' },
    ResponseParameters: { 404: { 'overwrite:statuscode': '200' } },
  });
  const integration = { ApiId, IntegrationId: made.IntegrationId };
  assert.deepEqual([made.TimeoutInMillis, made.PayloadFormatVersion], [30_000, '1.0']);
  const RequestParameters = { 'append:header.x-two': '', 'append:header.x-three': '3' };
  const changed = await call('UpdateIntegration', { ...integration, TimeoutInMillis: 1000, RequestParameters });
  assert.deepEqual(changed.RequestParameters, { 'append:header.x-one': '1', 'append:header.x-three': '3' });
  assert.deepEqual(await call('GetIntegration', integration), changed);
  assert.deepEqual(changed.ResponseParameters, { 404: { 'overwrite:statuscode': '200' } });
  assert.deepEqual(each((await call('GetIntegrations', { ApiId })).Items, 'IntegrationId'), [made.IntegrationId]);
  return made.IntegrationId;
}

async function routes(call: Call, ApiId: string, IntegrationId: string): Promise<string> {
  const { RouteId } = await call('CreateRoute', { ApiId, RouteKey: ROUTE_KEY });
  const route = { ApiId, RouteId };
  const RequestParameters = { 'route.request.querystring.q': { Required: true } };
  const Target = `integrations/${IntegrationId}`;
  const changed = await call('UpdateRoute', { ...route, Target, OperationName: 'readItem', RequestParameters });
  assert.deepEqual(changed.RequestParameters, RequestParameters);
  await call('DeleteRouteRequestParameter', { ...route, RequestParameterKey: 'route.request.querystring.q' });
  assert.deepEqual(await call('GetRoute', route), { ...changed, RequestParameters: {} });
  assert.deepEqual(each((await call('GetRoutes', { ApiId })).Items, 'RouteKey'), [ROUTE_KEY]);
  await assert.rejects(call('CreateRoute', { ApiId, RouteKey: ROUTE_KEY }), { name: 'ConflictException' });
  await assert.rejects(call('CreateRoute', { ApiId, RouteKey: 'items' }), { name: 'BadRequestException' });
  return RouteId;
}

/** Models, route responses and integration responses, which answer no request. */
async function described(call: Call, { ApiId, IntegrationId, RouteId }: Api) {
  const Schema = '{"type": "object"}';
  const model = await call('CreateModel', { ApiId, Name: 'Item', ContentType: 'application/json', Schema });
  const { ModelId } = model;
  await call('UpdateModel', { ApiId, ModelId, Description: 'One item' });
  assert.deepEqual(await call('GetModel', { ApiId, ModelId }), { ...model, Description: 'One item' });
  assert.deepEqual(each((await call('GetModels', { ApiId })).Items, 'Name'), ['Item']);
  await call('DeleteModel', { ApiId, ModelId });
  assert.deepEqual((await call('GetModels', { ApiId })).Items, []);

  const route = { ApiId, RouteId };
  const { RouteResponseId } = await call('CreateRouteResponse', { ...route, RouteResponseKey: '$default' });
  const response = { ...route, RouteResponseId };
  const changed = await call('UpdateRouteResponse', { ...response, ResponseModels: { 'application/json': 'Item' } });
  assert.deepEqual(changed.ResponseModels, { 'application/json': 'Item' });
  assert.deepEqual(await call('GetRouteResponse', response), changed);
  assert.deepEqual((await call('GetRouteResponses', route)).Items, [changed]);
  await call('DeleteRouteResponse', response);
  await assert.rejects(call('GetRouteResponse', response), { name: 'NotFoundException' });

  const integration = { ApiId, IntegrationId };
  const made = await call('CreateIntegrationResponse', { ...integration, IntegrationResponseKey: '/400/' });
  const answer = { ...integration, IntegrationResponseId: made.IntegrationResponseId };
  await call('UpdateIntegrationResponse', { ...answer, ResponseTemplates: { 'application/json': '{}' } });
  const got = await call('GetIntegrationResponse', answer);
  assert.deepEqual(got, { ...made, ResponseTemplates: { 'application/json': '{}' } });
  assert.deepEqual((await call('GetIntegrationResponses', integration)).Items, [got]);
  await call('DeleteIntegrationResponse', answer);
  assert.deepEqual((await call('GetIntegrationResponses', integration)).Items, []);
}

async function authorizers(call: Call, { ApiId, RouteId }: Api) {
  const made = await call('CreateAuthorizer', {
    ...{ ApiId, Name: 'people', AuthorizerType: 'JWT', IdentitySource: ['$request.header.Authorization'] },
    JwtConfiguration: { Issuer: 'https://issuer.example.com', Audience: ['shop'] },
  });
  const authorizer = { ApiId, AuthorizerId: made.AuthorizerId };
  const changed = await call('UpdateAuthorizer', { ...authorizer, Name: 'customers' });
  assert.deepEqual(changed, { ...made, Name: 'customers' });
  assert.deepEqual(await call('GetAuthorizer', authorizer), changed);
  assert.deepEqual((await call('GetAuthorizers', { ApiId })).Items, [changed]);
  const held = { AuthorizationType: 'JWT', AuthorizerId: made.AuthorizerId, AuthorizationScopes: ['read'] };
  const route = await call('UpdateRoute', { ApiId, RouteId, ...held });
  assert.deepEqual([route.AuthorizerId, route.AuthorizationScopes], [made.AuthorizerId, ['read']]);
  await assert.rejects(call('DeleteAuthorizer', authorizer), { name: 'ConflictException' });
  const { RouteId: other } = await call('CreateRoute', { ApiId, RouteKey: '$default', Target: route.Target });
  await call('DeleteRoute', { ApiId, RouteId: other });
  await call('UpdateRoute', { ApiId, RouteId, AuthorizationType: 'NONE', AuthorizerId: '', AuthorizationScopes: [] });
  await call('DeleteAuthorizer', authorizer);
  await assert.rejects(call('GetAuthorizer', authorizer), { name: 'NotFoundException' });
}

async function deployments(call: Call, { ApiId }: Api): Promise<string> {
  const { DeploymentId } = await call('CreateDeployment', { ApiId, Description: 'first' });
  const changed = await call('UpdateDeployment', { ApiId, DeploymentId, Description: 'the first' });
  assert.deepEqual([changed.Description, changed.DeploymentStatus], ['the first', 'DEPLOYED']);
  assert.deepEqual(await call('GetDeployment', { ApiId, DeploymentId }), changed);
  assert.deepEqual((await call('GetDeployments', { ApiId })).Items, [changed]);
  return DeploymentId;
}

async function stages(call: Call, { ApiId }: Api, DeploymentId: string) {
  const stage = { ApiId, StageName: '$default' };
  const DestinationArn = 'arn:aws:logs:us-east-1:000000000000:log-group:access';
  const made = await call('CreateStage', {
    ...{ ...stage, DeploymentId, StageVariables: { plant: 'north' }, Tags: { a: '1' } },
    AccessLogSettings: { DestinationArn, Format: '$context.requestId' },
    RouteSettings: { [ROUTE_KEY]: { ThrottlingRateLimit: 2.5, ThrottlingBurstLimit: 5 } },
  });
  assert.deepEqual([made.StageName, made.AutoDeploy, made.Tags], ['$default', false, { a: '1' }]);
  assert.equal(made.RouteSettings[ROUTE_KEY].ThrottlingRateLimit, 2.5);
  const changed = await call('UpdateStage', { ...stage, StageVariables: { plant: 'south' } });
  assert.deepEqual([changed.StageVariables, changed.AccessLogSettings], [{ plant: 'south' }, made.AccessLogSettings]);
  await call('DeleteAccessLogSettings', stage);
  await call('DeleteRouteSettings', { ...stage, RouteKey: ROUTE_KEY });
  const got = await call('GetStage', stage);
  assert.deepEqual([got.AccessLogSettings, got.RouteSettings], [undefined, {}]);
  assert.ok(got.LastUpdatedDate >= made.CreatedDate);
  await call('ResetAuthorizersCache', stage);
  assert.deepEqual((await call('GetStages', { ApiId })).Items, [got]);
  await assert.rejects(call('DeleteDeployment', { ApiId, DeploymentId }), { name: 'BadRequestException' });

  const other = { ApiId, StageName: 'dev' };
  await call('CreateStage', other);
  await call('DeleteStage', other);
  await assert.rejects(call('GetStage', other), { name: 'NotFoundException' });
}

async function domains({ call, name }: Rig, { ApiId }: Api) {
  const DomainName = `${name('items')}.example.com`;
  const CertificateArn = 'arn:aws:acm:us-east-1:000000000000:certificate/';
  const configured = (certificate: string) => ({
    ...{ DomainName, DomainNameConfigurations: [{ CertificateArn: CertificateArn + certificate }] },
  });
  const made = await call('CreateDomainName', { ...configured('a'), Tags: { a: '1' } });
  const [configuration] = made.DomainNameConfigurations;
  assert.deepEqual([configuration.EndpointType, configuration.DomainNameStatus], ['REGIONAL', 'AVAILABLE']);
  const changed = await call('UpdateDomainName', configured('b'));
  assert.deepEqual(changed, {
    ...made,
    DomainNameConfigurations: [{ ...configuration, CertificateArn: `${CertificateArn}b` }],
  });
  assert.deepEqual(await call('GetDomainName', { DomainName }), changed);
  assert.ok(each((await call('GetDomainNames', { MaxResults: '500' })).Items, 'DomainName').includes(DomainName));

  const { ApiMappingId } = await call('CreateApiMapping', {
    DomainName,
    ApiId,
    Stage: '$default',
    ApiMappingKey: 'v1',
  });
  const mapping = { DomainName, ApiMappingId };
  const moved = await call('UpdateApiMapping', { ...mapping, ApiId, ApiMappingKey: 'v2/items' });
  assert.deepEqual(moved, { ApiId, ApiMappingId, ApiMappingKey: 'v2/items', Stage: '$default' });
  assert.deepEqual(await call('GetApiMapping', mapping), moved);
  assert.deepEqual((await call('GetApiMappings', { DomainName })).Items, [moved]);
  await assert.rejects(call('DeleteApi', { ApiId }), { name: 'BadRequestException' });
  await call('DeleteApiMapping', mapping);
  await assert.rejects(call('GetApiMapping', mapping), { name: 'NotFoundException' });
  await call('DeleteDomainName', { DomainName });
  await assert.rejects(call('GetDomainName', { DomainName }), { name: 'NotFoundException' });
}

async function definitions({ call, name }: Rig, { ApiId }: Api) {
  const asked = { ApiId, Specification: 'OAS30', OutputType: 'JSON', StageName: '$default' };
  const definition = JSON.parse((await call('ExportApi', { ...asked, IncludeExtensions: true })).body.toString());
  const { get } = definition.paths['/items/{id}'];
  assert.deepEqual([get.operationId, get['x-amazon-apigateway-integration'].uri], ['readItem', UPSTREAM]);
  const bare = JSON.parse((await call('ExportApi', { ...asked, IncludeExtensions: false })).body.toString());
  assert.equal(bare.paths['/items/{id}'].get['x-amazon-apigateway-integration'], undefined);
  const titled = (title: string, paths: object) =>
    JSON.stringify({ ...definition, info: { ...definition.info, title }, paths });
  const copy = await call('ImportApi', { Body: titled(name('copy'), definition.paths) });
  assert.equal(copy.Name, name('copy'));
  const keys = async () => each((await call('GetRoutes', { ApiId: copy.ApiId })).Items, 'RouteKey');
  assert.deepEqual(await keys(), [ROUTE_KEY]);
  const Body = titled(name('again'), { '/others': { get } });
  const again = await call('ReimportApi', { ApiId: copy.ApiId, Body });
  assert.deepEqual([again.ApiId, again.Name, await keys()], [copy.ApiId, name('again'), ['GET /others']]);
  await assert.rejects(call('ImportApi', { Body: 'neither' }), { name: 'BadRequestException' });
  await call('DeleteApi', { ApiId: copy.ApiId });
}

async function removals(call: Call, { ApiId, IntegrationId, RouteId }: Api, DeploymentId: string) {
  await call('DeleteStage', { ApiId, StageName: '$default' });
  await call('DeleteDeployment', { ApiId, DeploymentId });
  await assert.rejects(call('DeleteIntegration', { ApiId, IntegrationId }), { name: 'ConflictException' });
  await call('DeleteRoute', { ApiId, RouteId });
  await call('DeleteIntegration', { ApiId, IntegrationId });
  assert.deepEqual((await call('GetIntegrations', { ApiId })).Items, []);
  await call('DeleteApi', { ApiId });
  await assert.rejects(call('GetApi', { ApiId }), { name: 'NotFoundException' });
}
