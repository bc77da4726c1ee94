import assert from 'node:assert/strict';
import { zipOf } from '../../support/clients.ts';
import type { Call, Rig, Scenario } from '../scenario.ts';

/** The API of the scenario, with one method, `GET /items/{id}`, which answers by itself. */
interface Api {
  readonly restApiId: string;
  readonly resourceId: string;
}

const GREETING = '{"id": "$input.params(\'id\')", "of": "$stageVariables.plant"}';

const replaced = (path: string, value: string) => ({ patchOperations: [{ op: 'replace', path, value }] });

const each = (items: readonly Readonly<Record<string, unknown>>[], member: string) => items.map((one) => one[member]);

/** REST APIs. */
export const apigateway: Scenario = {
  service: 'apigateway',
  async run(rig) {
    const { call } = rig;
    const api = await resources(rig);
    await parts(call, api);
    await methods(call, api);
    await responses(call, api);
    const deploymentId = await deployments(call, api);
    await stages(call, api, deploymentId);
    await authorizers(rig, api);
    await plans(rig, api);
    await documentation(call, api);
    await definitions(rig, api);
    await certificates(rig, api);
    await domains(rig, api);
    await account(call);
    await removals(call, api, deploymentId);
  },
};

async function resources({ call, name }: Rig): Promise<Api> {
  const made = await call('CreateRestApi', {
    ...{ name: name('shop'), description: 'sells', binaryMediaTypes: ['image/png'], tags: { team: 'a & b' } },
    endpointConfiguration: { types: ['REGIONAL'] },
  });
  const { id: restApiId } = made;
  assert.ok(made.createdDate instanceof Date);
  assert.deepEqual([made.endpointConfiguration.types, made.tags], [['REGIONAL'], { team: 'a & b' }]);
  const changed = await call('UpdateRestApi', {
    restApiId,
    patchOperations: [
      { op: 'replace', path: '/description', value: 'sells more' },
      { op: 'add', path: '/binaryMediaTypes/image~1gif' },
    ],
  });
  assert.deepEqual([changed.description, changed.binaryMediaTypes], ['sells more', ['image/png', 'image/gif']]);
  assert.deepEqual(await call('GetRestApi', { restApiId }), changed);
  const { items } = await call('GetRestApis', { limit: 500 });
  assert.ok(each(items, 'id').includes(restApiId));
  await assert.rejects(call('GetRestApi', { restApiId: 'none' }), { name: 'NotFoundException' });

  // What Debian's clients do not read of the API itself.
  const [{ id: rootId }] = (await call('GetResources', { restApiId })).items;
  const { id: parentId } = await call('CreateResource', { restApiId, parentId: rootId, pathPart: 'things' });
  const { id: resourceId } = await call('CreateResource', { restApiId, parentId, pathPart: '{id}' });
  const renamed = { restApiId, resourceId: parentId, ...replaced('/pathPart', 'items') };
  assert.equal((await call('UpdateResource', renamed)).path, '/items');
  assert.deepEqual(await call('GetResource', { restApiId, resourceId }), {
    ...{ id: resourceId, parentId, pathPart: '{id}', path: '/items/{id}' },
  });
  const { id: needless } = await call('CreateResource', { restApiId, parentId: rootId, pathPart: 'needless' });
  await call('DeleteResource', { restApiId, resourceId: needless });
  const all = await call('GetResources', { restApiId });
  assert.deepEqual(each(all.items, 'path').sort(), ['/', '/items', '/items/{id}']);
  return { restApiId, resourceId };
}

/** Models, request validators and gateway responses. */
async function parts(call: Call, { restApiId }: Api) {
  const model = { restApiId, modelName: 'Item' };
  const schema = '{"type": "object"}';
  const made = await call('CreateModel', { restApiId, name: 'Item', contentType: 'application/json', schema });
  const narrowed = '{"type": "object", "required": ["name"]}';
  await call('UpdateModel', { ...model, ...replaced('/schema', narrowed) });
  assert.deepEqual(await call('GetModel', model), { ...made, schema: narrowed });
  assert.deepEqual(each((await call('GetModels', { restApiId })).items, 'name'), ['Item']);
  await call('DeleteModel', model);
  await assert.rejects(call('GetModel', model), { name: 'NotFoundException' });

  const { id } = await call('CreateRequestValidator', { restApiId, name: 'bodies', validateRequestBody: true });
  const validator = { restApiId, requestValidatorId: id };
  await call('UpdateRequestValidator', { ...validator, ...replaced('/validateRequestParameters', 'true') });
  assert.deepEqual(await call('GetRequestValidator', validator), {
    ...{ id, name: 'bodies', validateRequestBody: true, validateRequestParameters: true },
  });
  assert.deepEqual(each((await call('GetRequestValidators', { restApiId })).items, 'id'), [id]);
  await call('DeleteRequestValidator', validator);
  assert.deepEqual((await call('GetRequestValidators', { restApiId })).items, []);

  const response = { restApiId, responseType: 'THROTTLED' };
  const put = await call('PutGatewayResponse', {
    ...response,
    statusCode: '420',
    responseTemplates: { 'text/plain': 'no' },
  });
  assert.deepEqual([put.statusCode, put.defaultResponse], ['420', false]);
  await call('UpdateGatewayResponse', { ...response, ...replaced('/statusCode', '430') });
  assert.deepEqual(await call('GetGatewayResponse', response), { ...put, statusCode: '430' });
  const { items } = await call('GetGatewayResponses', { restApiId });
  assert.deepEqual(items.find((one: any) => one.responseType === 'THROTTLED').statusCode, '430');
  await call('DeleteGatewayResponse', response);
  assert.equal((await call('GetGatewayResponse', response)).defaultResponse, true);
}

async function methods(call: Call, { restApiId, resourceId }: Api) {
  const method = { restApiId, resourceId, httpMethod: 'GET' };
  const requestParameters = { 'method.request.querystring.q': true };
  await call('PutMethod', { ...method, authorizationType: 'NONE', requestParameters });
  await call('UpdateMethod', { ...method, ...replaced('/operationName', 'readItem') });
  assert.deepEqual(await call('GetMethod', method), {
    ...{ httpMethod: 'GET', authorizationType: 'NONE', apiKeyRequired: false, operationName: 'readItem' },
    requestParameters,
  });
  await assert.rejects(call('PutMethod', { ...method, authorizationType: 'NONE' }), { name: 'ConflictException' });

  const requestTemplates = { 'application/json': '{"statusCode": 200}' };
  const put = await call('PutIntegration', { ...method, type: 'MOCK', requestTemplates });
  assert.deepEqual([put.type, put.timeoutInMillis, put.cacheNamespace], ['MOCK', 29_000, resourceId]);
  await call('UpdateIntegration', { ...method, ...replaced('/timeoutInMillis', '1000') });
  assert.deepEqual(await call('GetIntegration', method), { ...put, timeoutInMillis: 1000 });
}

/** What a method and its integration answer; ends with a method that can be called. */
async function responses(call: Call, { restApiId, resourceId }: Api) {
  const method = { restApiId, resourceId, httpMethod: 'GET' };
  const ok = { ...method, statusCode: '200' };
  const made = await call('PutMethodResponse', { ...ok, responseModels: { 'application/json': 'Empty' } });
  assert.deepEqual(made, { statusCode: '200', responseModels: { 'application/json': 'Empty' } });
  const header = '/responseParameters/method.response.header.x-from';
  await call('UpdateMethodResponse', { ...ok, patchOperations: [{ op: 'add', path: header, value: 'true' }] });
  assert.deepEqual(await call('GetMethodResponse', ok), {
    ...{ ...made, responseParameters: { 'method.response.header.x-from': true } },
  });
  await call('PutIntegrationResponse', { ...ok, responseTemplates: { 'application/json': GREETING } });
  await call('UpdateIntegrationResponse', {
    ...{ ...ok, patchOperations: [{ op: 'add', path: header, value: "'here'" }] },
  });
  const answer = await call('GetIntegrationResponse', ok);
  assert.deepEqual(answer.responseParameters, { 'method.response.header.x-from': "'here'" });
  assert.deepEqual((await call('GetMethod', method)).methodIntegration.integrationResponses, { 200: answer });

  const tried = await call('TestInvokeMethod', {
    ...{ ...method, pathWithQueryString: '/items/7?q=1', stageVariables: { plant: 'north' } },
  });
  assert.deepEqual([tried.status, JSON.parse(tried.body)], [200, { id: '7', of: 'north' }]);
  assert.deepEqual([tried.headers['x-from'], tried.multiValueHeaders['x-from']], ['here', ['here']]);

  // What is taken away goes alone.
  const other = { ...method, statusCode: '404' };
  await call('PutMethodResponse', other);
  await call('PutIntegrationResponse', { ...other, selectionPattern: '404' });
  await call('DeleteIntegrationResponse', other);
  await call('DeleteMethodResponse', other);
  assert.deepEqual(Object.keys((await call('GetMethod', method)).methodResponses), ['200']);
}

async function deployments(call: Call, { restApiId }: Api): Promise<string> {
  const first = await call('CreateDeployment', { restApiId, stageName: 'dev', description: 'first' });
  assert.ok(first.createdDate instanceof Date);
  const { id: deploymentId } = first;
  const second = await call('CreateDeployment', { restApiId });
  const changed = { restApiId, deploymentId: second.id, ...replaced('/description', 'second') };
  assert.equal((await call('UpdateDeployment', changed)).description, 'second');
  const whole = await call('GetDeployment', { restApiId, deploymentId, embed: ['apisummary'] });
  assert.deepEqual(whole.apiSummary, {
    '/items/{id}': { GET: { authorizationType: 'NONE', apiKeyRequired: false } },
  });
  const { items } = await call('GetDeployments', { restApiId });
  assert.deepEqual(each(items, 'id').sort(), [deploymentId, second.id].sort());
  await assert.rejects(call('DeleteDeployment', { restApiId, deploymentId }), { name: 'BadRequestException' });
  await call('DeleteDeployment', { restApiId, deploymentId: second.id });
  return deploymentId;
}

async function stages(call: Call, { restApiId }: Api, deploymentId: string) {
  const stage = { restApiId, stageName: 'test' };
  const made = await call('CreateStage', { ...stage, deploymentId, variables: { plant: 'north' }, tags: { a: '1' } });
  assert.deepEqual([made.stageName, made.variables, made.tags], ['test', { plant: 'north' }, { a: '1' }]);
  const changed = await call('UpdateStage', {
    ...stage,
    patchOperations: [
      { op: 'replace', path: '/variables/plant', value: 'south' },
      { op: 'replace', path: '/*/*/throttling/rateLimit', value: '2.5' },
      { op: 'replace', path: '/~1items~1{id}/GET/metrics/enabled', value: 'true' },
    ],
  });
  assert.deepEqual(changed.variables, { plant: 'south' });
  const { methodSettings, lastUpdatedDate } = await call('GetStage', stage);
  assert.equal(methodSettings['*/*'].throttlingRateLimit, 2.5);
  assert.equal(methodSettings['/items/{id}/GET'].metricsEnabled, true);
  assert.deepEqual(lastUpdatedDate, changed.lastUpdatedDate);
  assert.deepEqual(each((await call('GetStages', { restApiId })).item, 'stageName').sort(), ['dev', 'test']);
  await call('FlushStageAuthorizersCache', stage);
  await call('DeleteStage', stage);
  assert.deepEqual(each((await call('GetStages', { restApiId, deploymentId })).item, 'stageName'), ['dev']);
}

const AUTHORIZE = `exports.handler = async ({ authorizationToken, methodArn }) => ({
  principalId: authorizationToken,
  policyDocument: { Version: '2012-10-17', Statement: [{ Action: 'execute-api:Invoke', Effect: 'Allow', Resource: methodArn }] },
  context: { calls: 1 },
});`;

async function authorizers({ call, name, of }: Rig, { restApiId }: Api) {
  const { FunctionArn } = await of('lambda')('CreateFunction', {
    ...{ FunctionName: name('authorize'), Runtime: 'nodejs24.x', Handler: 'index.handler' },
    ...{ Role: 'arn:aws:iam::000000000000:role/r', Code: { ZipFile: await zipOf({ 'index.js': AUTHORIZE }) } },
  });
  const made = await call('CreateAuthorizer', {
    ...{ restApiId, name: 'people', type: 'TOKEN', identitySource: 'method.request.header.Auth' },
    authorizerUri: `arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/${FunctionArn}/invocations`,
  });
  assert.equal(made.authorizerResultTtlInSeconds, 300);
  const authorizer = { restApiId, authorizerId: made.id };
  await call('UpdateAuthorizer', { ...authorizer, ...replaced('/authorizerResultTtlInSeconds', '0') });
  assert.deepEqual(await call('GetAuthorizer', authorizer), { ...made, authorizerResultTtlInSeconds: 0 });
  assert.deepEqual(each((await call('GetAuthorizers', { restApiId })).items, 'id'), [made.id]);
  const known = await call('TestInvokeAuthorizer', { ...authorizer, headers: { Auth: 'me' } });
  assert.deepEqual([known.clientStatus, known.principalId, known.authorization], [200, 'me', { calls: ['1'] }]);
  assert.equal(JSON.parse(known.policy).Statement[0].Effect, 'Allow');
  assert.equal((await call('TestInvokeAuthorizer', authorizer)).clientStatus, 401);
  await call('DeleteAuthorizer', authorizer);
  assert.deepEqual((await call('GetAuthorizers', { restApiId })).items, []);
}

/** API keys, the plans that they are used by, and how much of these is used. */
async function plans({ call, name }: Rig, { restApiId }: Api) {
  const [keyName, planName] = [name('key'), name('plan')];
  const key = await call('CreateApiKey', { name: keyName, enabled: true, tags: { a: '1' } });
  assert.equal(key.value.length, 40);
  const { id: apiKey } = key;
  await call('UpdateApiKey', { apiKey, ...replaced('/description', 'of a customer') });
  const shown = await call('GetApiKey', { apiKey, includeValue: true });
  assert.deepEqual([shown.value, shown.description, shown.tags], [key.value, 'of a customer', { a: '1' }]);
  const listed = (await call('GetApiKeys', { nameQuery: keyName, includeValues: false })).items;
  assert.deepEqual([each(listed, 'id'), each(listed, 'value')], [[apiKey], [undefined]]);

  const plan = await call('CreateUsagePlan', {
    ...{ name: planName, throttle: { burstLimit: 5, rateLimit: 2.5 }, quota: { limit: 10, period: 'DAY' } },
    apiStages: [{ apiId: restApiId, stage: 'dev' }],
  });
  const { id: usagePlanId } = plan;
  await call('UpdateUsagePlan', { usagePlanId, ...replaced('/quota/limit', '20') });
  const got = await call('GetUsagePlan', { usagePlanId });
  assert.deepEqual([got.quota.limit, got.throttle, got.apiStages], [20, plan.throttle, plan.apiStages]);
  const place = { usagePlanId, keyId: apiKey };
  const planKey = { id: apiKey, type: 'API_KEY', value: key.value, name: keyName };
  assert.deepEqual(await call('CreateUsagePlanKey', { ...place, keyType: 'API_KEY' }), planKey);
  assert.deepEqual(await call('GetUsagePlanKey', place), planKey);
  assert.deepEqual((await call('GetUsagePlanKeys', { usagePlanId })).items, [planKey]);
  assert.deepEqual(each((await call('GetUsagePlans', { keyId: apiKey })).items, 'id'), [usagePlanId]);

  const granted = await call('UpdateUsage', { ...place, ...replaced('/remaining', '7') });
  assert.deepEqual(granted.items, { [apiKey]: [[0, 7]] });
  const { startDate, endDate } = granted;
  assert.deepEqual((await call('GetUsage', { usagePlanId, startDate, endDate })).items, { [apiKey]: [[0, 7]] });

  await call('DeleteUsagePlanKey', place);
  await assert.rejects(call('GetUsagePlanKey', place), { name: 'NotFoundException' });
  const patchOperations = [{ op: 'remove', path: '/apiStages', value: `${restApiId}:dev` }];
  assert.deepEqual((await call('UpdateUsagePlan', { usagePlanId, patchOperations })).apiStages, []);
  await call('DeleteUsagePlan', { usagePlanId });
  await call('DeleteApiKey', { apiKey });
  await assert.rejects(call('GetApiKey', { apiKey }), { name: 'NotFoundException' });
}

async function documentation(call: Call, { restApiId }: Api) {
  const about = { restApiId, location: { type: 'RESOURCE', path: '/items' }, properties: '{"description":"Items"}' };
  const made = await call('CreateDocumentationPart', about);
  const part = { restApiId, documentationPartId: made.id };
  await call('UpdateDocumentationPart', { ...part, ...replaced('/properties', '{"description":"All items"}') });
  const got = await call('GetDocumentationPart', part);
  assert.deepEqual([got.location, JSON.parse(got.properties)], [made.location, { description: 'All items' }]);
  const documentationParts = [{ location: { type: 'API' }, properties: { description: 'A shop' } }];
  const body = Buffer.from(
    JSON.stringify({
      ...{ openapi: '3.0.1', info: { title: 'shop' }, paths: {} },
      'x-amazon-apigateway-documentation': { documentationParts },
    }),
  );
  const { ids } = await call('ImportDocumentationParts', { restApiId, mode: 'merge', body });
  const { items } = await call('GetDocumentationParts', { restApiId });
  assert.deepEqual(each(items, 'id').sort(), [made.id, ...ids].sort());

  const version = { restApiId, documentationVersion: '1.0' };
  const published = await call('CreateDocumentationVersion', { ...version, stageName: 'dev', description: 'first' });
  assert.deepEqual([published.version, published.description], ['1.0', 'first']);
  await call('UpdateDocumentationVersion', { ...version, ...replaced('/description', 'the first') });
  assert.deepEqual(await call('GetDocumentationVersion', version), { ...published, description: 'the first' });
  assert.deepEqual(each((await call('GetDocumentationVersions', { restApiId })).items, 'version'), ['1.0']);
  assert.equal((await call('GetStage', { restApiId, stageName: 'dev' })).documentationVersion, '1.0');
  await call('DeleteDocumentationPart', part);
  await call('DeleteDocumentationVersion', version);
  assert.deepEqual((await call('GetDocumentationVersions', { restApiId })).items, []);
}

async function definitions({ call, name }: Rig, { restApiId }: Api) {
  const exported = await call('GetExport', {
    ...{ restApiId, stageName: 'dev', exportType: 'oas30', accepts: 'application/json' },
    parameters: { extensions: 'apigateway' },
  });
  assert.equal(exported.contentType, 'application/json');
  const definition = JSON.parse(exported.body.toString());
  assert.equal(definition.paths['/items/{id}'].get.operationId, 'readItem');
  const title = name('imported');
  const body = Buffer.from(JSON.stringify({ ...definition, info: { ...definition.info, title } }));
  const copy = await call('ImportRestApi', { body, parameters: { endpointConfigurationTypes: 'REGIONAL' } });
  assert.deepEqual([copy.name, copy.endpointConfiguration.types], [title, ['REGIONAL']]);
  const paths = async () => each((await call('GetResources', { restApiId: copy.id })).items, 'path').sort();
  assert.deepEqual(await paths(), ['/', '/items', '/items/{id}']);
  const bare = Buffer.from(JSON.stringify({ openapi: '3.0.1', info: { title: `${title}-bare` }, paths: {} }));
  const put = await call('PutRestApi', { restApiId: copy.id, mode: 'overwrite', body: bare });
  assert.deepEqual([put.id, put.name, await paths()], [copy.id, `${title}-bare`, ['/']]);
  await assert.rejects(call('ImportRestApi', { body: Buffer.from('neither') }), { name: 'BadRequestException' });
  await call('DeleteRestApi', { restApiId: copy.id });
}

async function certificates({ call, name }: Rig, { restApiId }: Api) {
  const made = await call('GenerateClientCertificate', { description: name('certificate'), tags: { a: '1' } });
  assert.match(made.pemEncodedCertificate, /^-----BEGIN CERTIFICATE-----\n/);
  assert.ok(made.expirationDate > made.createdDate);
  const { clientCertificateId } = made;
  const stage = { restApiId, stageName: 'dev' };
  const shows = { ...stage, ...replaced('/clientCertificateId', clientCertificateId) };
  assert.equal((await call('UpdateStage', shows)).clientCertificateId, clientCertificateId);
  await call('UpdateClientCertificate', { clientCertificateId, ...replaced('/description', 'ours') });
  assert.deepEqual(await call('GetClientCertificate', { clientCertificateId }), { ...made, description: 'ours' });
  const { items } = await call('GetClientCertificates', { limit: 500 });
  assert.ok(each(items, 'clientCertificateId').includes(clientCertificateId));
  await assert.rejects(call('DeleteClientCertificate', { clientCertificateId }), { name: 'BadRequestException' });
  await call('UpdateStage', { ...stage, patchOperations: [{ op: 'remove', path: '/clientCertificateId' }] });
  await call('DeleteClientCertificate', { clientCertificateId });
}

async function domains({ call, name }: Rig, { restApiId }: Api) {
  const domainName = `${name('shop')}.example.com`;
  const made = await call('CreateDomainName', {
    ...{ domainName, regionalCertificateArn: 'arn:aws:acm:us-east-1:000000000000:certificate/c', tags: { a: '1' } },
    endpointConfiguration: { types: ['REGIONAL'] },
  });
  assert.deepEqual([made.domainName, made.endpointConfiguration.types], [domainName, ['REGIONAL']]);
  assert.deepEqual(await call('GetDomainName', { domainName }), made);
  const { items } = await call('GetDomainNames', { limit: 500 });
  assert.ok(each(items, 'domainName').includes(domainName));

  const mapping = { domainName, basePath: 'v1' };
  const mapped = { basePath: 'v1', restApiId, stage: 'dev' };
  assert.deepEqual(await call('CreateBasePathMapping', { ...mapping, restApiId, stage: 'dev' }), mapped);
  const moved = { ...mapping, basePath: 'v2' };
  const changed = await call('UpdateBasePathMapping', { ...mapping, ...replaced('/basePath', 'v2') });
  assert.deepEqual(changed, { ...mapped, basePath: 'v2' });
  assert.deepEqual(await call('GetBasePathMapping', moved), changed);
  assert.deepEqual((await call('GetBasePathMappings', { domainName })).items, [changed]);
  await call('DeleteBasePathMapping', moved);
  await assert.rejects(call('GetBasePathMapping', moved), { name: 'NotFoundException' });

  const resourceArn = `arn:aws:apigateway:us-east-1::/domainnames/${domainName}`;
  await call('TagResource', { resourceArn, tags: { b: 'two words' } });
  await call('UntagResource', { resourceArn, tagKeys: ['a'] });
  assert.deepEqual((await call('GetTags', { resourceArn })).tags, { b: 'two words' });
  await call('DeleteDomainName', { domainName });
  await assert.rejects(call('GetDomainName', { domainName }), { name: 'NotFoundException' });
}

async function account(call: Call) {
  const cloudwatchRoleArn = 'arn:aws:iam::000000000000:role/logs';
  const changed = await call('UpdateAccount', replaced('/cloudwatchRoleArn', cloudwatchRoleArn));
  assert.equal(changed.cloudwatchRoleArn, cloudwatchRoleArn);
  assert.deepEqual(await call('GetAccount'), changed);
}

async function removals(call: Call, { restApiId, resourceId }: Api, deploymentId: string) {
  const method = { restApiId, resourceId, httpMethod: 'GET' };
  await call('DeleteIntegration', method);
  await assert.rejects(call('GetIntegration', method), { name: 'NotFoundException' });
  await call('DeleteMethod', method);
  await assert.rejects(call('GetMethod', method), { name: 'NotFoundException' });
  await call('DeleteStage', { restApiId, stageName: 'dev' });
  await call('DeleteDeployment', { restApiId, deploymentId });
  await call('DeleteRestApi', { restApiId });
  await assert.rejects(call('GetRestApi', { restApiId }), { name: 'NotFoundException' });
}
