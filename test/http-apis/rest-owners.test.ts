/* What owners of REST APIs do with them: count keys against plans, try methods and authorizers, document, show a certificate. */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import type { TLSSocket } from 'node:tls';
import * as sdk from '@aws-sdk/client-api-gateway';
import { CreateDomainNameCommand, UpdateDomainNameCommand } from '@aws-sdk/client-apigatewayv2';
import { TestAuthority } from '../support/certificates.ts';
import { call, ECHO, type House, openHouse } from './support.ts';

let house: House;
let echo: string;
let authority: TestAuthority;
let upstream: Server;
let upstreamUrl: string;

const AUTHORIZE = `exports.handler = async (event) => {
  if (event.authorizationToken === 'nobody') throw new Error('Unauthorized');
  if (event.authorizationToken === 'breaks') throw new Error('else');
  return {
    principalId: event.authorizationToken,
    policyDocument: { Version: '2012-10-17', Statement: [{ Action: 'execute-api:Invoke', Effect: 'Deny', Resource: event.methodArn }] },
    context: { calls: 1 },
  };
};`;

before(async () => {
  authority = new TestAuthority();
  const own = authority.issue('upstream', ['DNS:localhost', 'IP:127.0.0.1']);
  upstream = createServer(
    { cert: own.cert, key: own.key, requestCert: true, rejectUnauthorized: false },
    (request, response) => {
      const { subject, raw } = (request.socket as TLSSocket).getPeerCertificate();
      const shown = raw ? { name: subject.CN, id: new X509Certificate(raw).fingerprint256 } : {};
      response.end(JSON.stringify({ ...shown, url: request.url }));
    },
  );
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
  upstreamUrl = `https://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
  house = await openHouse({ webhooks: { allow: [], ca: authority.authority.cert } });
  echo = await house.makeFunction('echo', ECHO);
});

after(async () => {
  await house?.[Symbol.asyncDispose]();
  upstream?.closeAllConnections();
  upstream?.close();
  authority?.[Symbol.dispose]();
});

const uriOf = (arn: string) => `arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/${arn}/invocations`;

/** An API with one method on `/items/{id}`, served by the stage `dev`. */
async function makeApi(
  method: Partial<sdk.PutMethodCommandInput>,
  integration: Partial<sdk.PutIntegrationCommandInput>,
) {
  const { v1 } = house;
  const { id: restApiId, rootResourceId: parentId } = await v1.send(new sdk.CreateRestApiCommand({ name: 'owned' }));
  const items = await v1.send(new sdk.CreateResourceCommand({ restApiId, parentId, pathPart: 'items' }));
  const place = { restApiId, parentId: items.id, pathPart: '{id}' };
  const { id: resourceId } = await v1.send(new sdk.CreateResourceCommand(place));
  const named = { restApiId, resourceId, httpMethod: 'GET' };
  await v1.send(new sdk.PutMethodCommand({ ...named, authorizationType: 'NONE', ...method }));
  const proxy = { type: 'AWS_PROXY', integrationHttpMethod: 'POST', uri: uriOf(echo) } as const;
  await v1.send(new sdk.PutIntegrationCommand({ ...named, ...proxy, ...integration }));
  await v1.send(new sdk.CreateDeploymentCommand({ restApiId, stageName: 'dev' }));
  const { port } = new URL(house.node.endpoint);
  return {
    restApiId: restApiId!,
    resourceId: resourceId!,
    at: `http://${restApiId}.execute-api.us-east-1.localhost:${port}`,
  };
}

test('a quota is used up by the key, told of day by day, and extended by its owner', async () => {
  const { v1 } = house;
  const { restApiId, at } = await makeApi({ apiKeyRequired: true }, {});
  const quota = { limit: 3, period: 'DAY' } as const;
  const apiStages = [{ apiId: restApiId, stage: 'dev' }];
  const { id: usagePlanId } = await v1.send(new sdk.CreateUsagePlanCommand({ name: 'three', quota, apiStages }));
  const key = await v1.send(new sdk.CreateApiKeyCommand({ name: 'one', enabled: true }));
  const other = await v1.send(new sdk.CreateApiKeyCommand({ name: 'other', enabled: true }));
  for (const { id } of [key, other]) {
    await v1.send(new sdk.CreateUsagePlanKeyCommand({ usagePlanId, keyId: id, keyType: 'API_KEY' }));
  }
  const ask = async (value = key.value!) =>
    (await call(at, '/dev/items/1', { headers: { 'x-api-key': value } })).status;
  assert.deepEqual([await ask(), await ask(), await ask(), await ask()], [200, 200, 200, 429]);
  assert.equal(await ask(other.value!), 200, 'each key has a quota of its own');

  const today = new Date().toISOString().slice(0, 10);
  const yesterday = new Date(Date.now() - 86_400_000).toISOString().slice(0, 10);
  const usage = (more: object = {}) =>
    v1.send(new sdk.GetUsageCommand({ usagePlanId, startDate: yesterday, endDate: today, ...more }));
  const all = await usage();
  assert.deepEqual(all.items![key.id!], [
    [0, 3],
    [3, 0],
  ]);
  assert.deepEqual(all.items![other.id!], [
    [0, 3],
    [1, 2],
  ]);
  assert.deepEqual(Object.keys((await usage({ keyId: other.id })).items!), [other.id]);
  const first = await usage({ limit: 1 });
  const second = await usage({ limit: 1, position: first.position });
  assert.deepEqual([...Object.keys(first.items!), ...Object.keys(second.items!)].sort(), [key.id!, other.id!].sort());

  const grant = (keyId: string, value: string) => {
    const patchOperations = [{ op: 'replace', path: '/remaining', value }] as const;
    return v1.send(new sdk.UpdateUsageCommand({ usagePlanId, keyId, patchOperations: [...patchOperations] }));
  };
  const granted = await grant(key.id!, '1');
  assert.deepEqual([granted.startDate, granted.endDate, granted.items![key.id!]], [today, today, [[3, 1]]]);
  assert.deepEqual([await ask(), await ask()], [200, 429]);
  assert.equal(
    (await call(at, '/dev/items/1', { headers: { 'x-api-key': key.value! } })).body,
    '{"message":"Limit Exceeded"}',
  );

  await assert.rejects(grant(key.id!, '-1'), sdk.BadRequestException);
  await assert.rejects(grant('nokey', '1'), sdk.NotFoundException);
  await assert.rejects(usage({ startDate: 'today' }), sdk.BadRequestException);
  await assert.rejects(usage({ startDate: today, endDate: yesterday }), sdk.BadRequestException);
  await assert.rejects(usage({ startDate: '2020-01-01' }), sdk.BadRequestException);
});

test('a method is tried as it stands, past its authorizer, with a log of its steps', async () => {
  const { v1 } = house;
  const { restApiId, resourceId } = await makeApi({ authorizationType: 'AWS_IAM', apiKeyRequired: true }, {});
  const named = { restApiId, resourceId, httpMethod: 'GET' };
  const tried = await v1.send(
    new sdk.TestInvokeMethodCommand({
      ...named,
      pathWithQueryString: '/items/7?a=1&b=2',
      headers: { 'x-one': '1' },
      multiValueHeaders: { 'x-two': ['a', 'b'] },
      stageVariables: { v: 'V' },
    }),
  );
  const event = JSON.parse(tried.body!);
  assert.deepEqual([tried.status, tried.headers!['content-type']], [200, 'application/json']);
  assert.deepEqual([event.pathParameters, event.queryStringParameters], [{ id: '7' }, { a: '1', b: '2' }]);
  assert.deepEqual([event.headers['x-one'], event.multiValueHeaders['x-two']], ['1', ['a', 'b']]);
  assert.deepEqual([event.stageVariables, event.requestContext.stage], [{ v: 'V' }, 'test-invoke-stage']);
  assert.equal(event.requestContext.identity.sourceIp, 'test-invoke-source-ip');
  assert.match(tried.log!, /Starting execution for request: [0-9a-f-]{36}\n/);
  assert.match(tried.log!, /\n\w{3} \w{3} \d\d [\d:]{8} UTC \d{4} : HTTP Method: GET, Resource Path: \/items\/7\n/);
  assert.match(tried.log!, /Successfully completed execution\n.* : Method completed with status: 200\n$/);
  assert.ok(tried.latency! >= 0);

  // What is not deployed yet is what is tried.
  const mock = { type: 'MOCK', requestTemplates: { 'application/json': '{"statusCode": 200}' } } as const;
  await v1.send(new sdk.PutIntegrationCommand({ ...named, ...mock }));
  const broken = await v1.send(new sdk.TestInvokeMethodCommand(named));
  assert.deepEqual([broken.status, broken.body], [500, '{"message":"Internal server error"}']);
  assert.match(broken.log!, /Execution failed\n/);
  await assert.rejects(
    v1.send(new sdk.TestInvokeMethodCommand({ ...named, httpMethod: 'POST' })),
    sdk.NotFoundException,
  );
});

test('an authorizer is tried: whom it knows, by which policy, and whom it does not let in', async () => {
  const { v1 } = house;
  const { restApiId } = await makeApi({}, {});
  const authorizerUri = uriOf(await house.makeFunction('authorize-tests', AUTHORIZE));
  const about = { name: 'token', type: 'TOKEN', identitySource: 'method.request.header.Auth', authorizerUri } as const;
  const { id: authorizerId } = await v1.send(new sdk.CreateAuthorizerCommand({ restApiId, ...about }));
  const tryWith = (headers: Record<string, string>) =>
    v1.send(new sdk.TestInvokeAuthorizerCommand({ restApiId, authorizerId, headers }));
  const known = await tryWith({ Auth: 'me' });
  assert.deepEqual([known.clientStatus, known.principalId, known.authorization], [200, 'me', { calls: ['1'] }]);
  const [statement] = JSON.parse(known.policy!).Statement;
  assert.equal(statement.Resource, `arn:aws:execute-api:us-east-1:000000000000:${restApiId}/test-invoke-stage/GET/`);
  assert.match(known.log!, /Using valid authorizer policy for principal: me\n/);
  const nobody = await tryWith({ Auth: 'nobody' });
  assert.deepEqual([nobody.clientStatus, nobody.policy], [401, undefined]);
  assert.equal((await tryWith({})).clientStatus, 401, 'the function is not asked about nobody');
  const broken = await tryWith({ Auth: 'breaks' });
  assert.equal(broken.clientStatus, 500);
  assert.match(broken.log!, /Execution failed due to an error: Error\n/);
  await assert.rejects(
    v1.send(new sdk.TestInvokeAuthorizerCommand({ restApiId, authorizerId: 'none' })),
    sdk.NotFoundException,
  );
});

test('an API is documented in parts, and a stage shows the version that was published for it', async () => {
  const { v1 } = house;
  const { restApiId } = await makeApi({}, {});
  const create = (location: sdk.DocumentationPartLocation, properties: string) =>
    v1.send(new sdk.CreateDocumentationPartCommand({ restApiId, location, properties }));
  const whole = await create({ type: 'API' }, '{"description":"All of it"}');
  const method = await create({ type: 'METHOD', path: '/items/{id}' }, '{"summary":"One item"}');
  assert.deepEqual(method.location, { type: 'METHOD', path: '/items/{id}', method: '*' });
  await assert.rejects(create({ type: 'API' }, '{}'), {
    name: 'ConflictException',
    message: "Documentation part already exists for the specified location: type 'API'.",
  });
  await assert.rejects(create({ type: 'MODEL' }, '{}'), sdk.BadRequestException);
  await assert.rejects(create({ type: 'API', path: '/' }, '{}'), sdk.BadRequestException);
  await assert.rejects(create({ type: 'RESOURCE' }, 'no json'), sdk.BadRequestException);

  const publish = (documentationVersion: string, stageName?: string) =>
    v1.send(
      new sdk.CreateDocumentationVersionCommand({ restApiId, documentationVersion, stageName, description: 'first' }),
    );
  const version = await publish('1', 'dev');
  assert.deepEqual([version.version, version.description], ['1', 'first']);
  await assert.rejects(publish('1'), sdk.ConflictException);
  const patchOperations: sdk.PatchOperation[] = [
    { op: 'replace', path: '/properties', value: '{"description":"Changed"}' },
  ];
  const place = { restApiId, documentationPartId: whole.id };
  const changed = await v1.send(new sdk.UpdateDocumentationPartCommand({ ...place, patchOperations }));
  assert.equal(changed.properties, '{"description":"Changed"}');

  const exported = await v1.send(
    new sdk.GetExportCommand({
      ...{ restApiId, stageName: 'dev', exportType: 'oas30', accepts: 'application/json' },
      parameters: { extensions: 'documentation' },
    }),
  );
  const shown = JSON.parse(Buffer.from(exported.body!).toString())['x-amazon-apigateway-documentation'];
  assert.equal(shown.version, '1');
  assert.deepEqual(
    shown.documentationParts.map(({ properties }: { properties: object }) => properties),
    [{ description: 'All of it' }, { summary: 'One item' }],
    'a version is a picture: what is changed later is not in it',
  );

  const body = Buffer.from(
    JSON.stringify({
      ...{ openapi: '3.0.1', info: { title: 'other' }, paths: {} },
      'x-amazon-apigateway-documentation': {
        documentationParts: [
          { location: { type: 'API' }, properties: { description: 'Imported' } },
          { location: { type: 'RESOURCE', path: '/items' }, properties: { description: 'Items' } },
        ],
      },
    }),
  );
  const { ids } = await v1.send(new sdk.ImportDocumentationPartsCommand({ restApiId, mode: 'merge', body }));
  const { items } = await v1.send(new sdk.GetDocumentationPartsCommand({ restApiId }));
  assert.deepEqual(
    items!.map(({ id }) => id!).sort(),
    [method.id!, ...ids!].sort(),
    'what is imported lies over what was there',
  );
  const found = await v1.send(new sdk.GetDocumentationPartsCommand({ restApiId, type: 'RESOURCE', path: '/items' }));
  assert.deepEqual(
    found.items!.map(({ properties }) => properties),
    ['{"description":"Items"}'],
  );
  await v1.send(new sdk.DeleteDocumentationPartCommand({ restApiId, documentationPartId: method.id }));
  await assert.rejects(
    v1.send(new sdk.GetDocumentationPartCommand({ restApiId, documentationPartId: method.id })),
    sdk.NotFoundException,
  );
  const { stages = [] } = { stages: (await v1.send(new sdk.GetStagesCommand({ restApiId }))).item };
  assert.equal(stages[0]!.documentationVersion, '1');
  await v1.send(new sdk.DeleteDocumentationVersionCommand({ restApiId, documentationVersion: '1' }));
  const versions = await v1.send(new sdk.GetDocumentationVersionsCommand({ restApiId }));
  assert.deepEqual(versions.items, []);
  const copy = await v1.send(new sdk.ImportRestApiCommand({ body }));
  const parts = await v1.send(new sdk.GetDocumentationPartsCommand({ restApiId: copy.id }));
  assert.equal(parts.items!.length, 2, 'a definition brings its documentation along');
});

test('a definition whose documentation is refused makes no API, and changes none', async () => {
  const { v1 } = house;
  const { restApiId } = await makeApi({}, {});
  const body = (documentationParts: readonly object[]) =>
    Buffer.from(
      JSON.stringify({
        ...{ openapi: '3.0.1', info: { title: 'half' }, paths: {} },
        'x-amazon-apigateway-documentation': { documentationParts },
      }),
    );
  const [wrong, many] = [
    body([{ location: { type: 'MODEL' }, properties: {} }]),
    body(Array.from({ length: 2001 }, (_, at) => ({ location: { type: 'MODEL', name: `m${at}` }, properties: {} }))),
  ];
  for (const [refused, error] of [
    [wrong, sdk.BadRequestException],
    [many, sdk.LimitExceededException],
  ] as const) {
    await assert.rejects(v1.send(new sdk.ImportRestApiCommand({ body: refused })), error);
    const put = new sdk.PutRestApiCommand({ restApiId, mode: 'overwrite', body: refused });
    await assert.rejects(v1.send(put), error);
  }
  const { items } = await v1.send(new sdk.GetRestApisCommand({ limit: 500 }));
  assert.ok(!items!.some(({ name }) => name === 'half'), 'no API is left over');
  const resources = await v1.send(new sdk.GetResourcesCommand({ restApiId }));
  assert.equal(resources.items!.length, 3, 'what was there stands');
});

test('a server behind an API knows it by the certificate of the stage', async () => {
  const { v1 } = house;
  const integration = { type: 'HTTP_PROXY', integrationHttpMethod: 'GET', uri: `${upstreamUrl}/who` } as const;
  const { restApiId, resourceId, at } = await makeApi({}, integration);
  const made = await v1.send(new sdk.GenerateClientCertificateCommand({ description: 'own', tags: { a: 'b' } }));
  const { clientCertificateId, pemEncodedCertificate } = made;
  const certificate = new X509Certificate(pemEncodedCertificate!);
  assert.equal(certificate.subject, 'CN=ApiGateway');
  assert.ok(certificate.verify(certificate.publicKey));
  assert.ok(made.expirationDate! > made.createdDate!);
  assert.deepEqual((await call(at, '/dev/items/1')).json(), { url: '/who' }, 'nothing is shown without one');
  const show = (value: string): sdk.PatchOperation[] => [{ op: 'replace', path: '/clientCertificateId', value }];
  await v1.send(
    new sdk.UpdateStageCommand({ restApiId, stageName: 'dev', patchOperations: show(clientCertificateId!) }),
  );
  await assert.rejects(
    v1.send(new sdk.UpdateStageCommand({ restApiId, stageName: 'dev', patchOperations: show('none') })),
    sdk.NotFoundException,
  );
  const expected = { name: 'ApiGateway', id: certificate.fingerprint256, url: '/who' };
  assert.deepEqual((await call(at, '/dev/items/1')).json(), expected);
  const named = { restApiId, resourceId, httpMethod: 'GET' };
  const tried = await v1.send(new sdk.TestInvokeMethodCommand({ ...named, clientCertificateId }));
  assert.deepEqual(JSON.parse(tried.body!), expected);
  assert.deepEqual(JSON.parse((await v1.send(new sdk.TestInvokeMethodCommand(named))).body!), { url: '/who' });

  await assert.rejects(
    v1.send(new sdk.DeleteClientCertificateCommand({ clientCertificateId })),
    sdk.BadRequestException,
  );
  const patchOperations: sdk.PatchOperation[] = [{ op: 'replace', path: '/description', value: 'new' }];
  const changed = await v1.send(new sdk.UpdateClientCertificateCommand({ clientCertificateId, patchOperations }));
  assert.deepEqual([changed.description, changed.tags], ['new', { a: 'b' }]);
  const resourceArn = `arn:aws:apigateway:us-east-1::/clientcertificates/${clientCertificateId}`;
  await v1.send(new sdk.TagResourceCommand({ resourceArn, tags: { c: 'd' } }));
  assert.deepEqual((await v1.send(new sdk.GetTagsCommand({ resourceArn }))).tags, { a: 'b', c: 'd' });
  await v1.send(new sdk.DeleteStageCommand({ restApiId, stageName: 'dev' }));
  await v1.send(new sdk.DeleteClientCertificateCommand({ clientCertificateId }));
  const { items } = await v1.send(new sdk.GetClientCertificatesCommand({}));
  assert.deepEqual(items, []);
});

test('what is not built is refused by name, in calls and in definitions', async () => {
  const { v1, v2 } = house;
  const { restApiId, resourceId } = await makeApi({}, {});
  const proxy = { type: 'HTTP_PROXY', httpMethod: 'GET', uri: 'https://localhost/' } as const;
  for (const given of [
    { tlsConfig: { insecureSkipVerification: true } },
    { responseTransferMode: 'STREAM' },
  ] as const) {
    const message = /(insecureSkipVerification|responseTransferMode STREAM) is not built in Millrace/;
    const named = { restApiId, resourceId, integrationHttpMethod: 'GET' };
    await assert.rejects(v1.send(new sdk.PutIntegrationCommand({ ...named, ...proxy, ...given })), { message });
    const paths = { '/': { get: { 'x-amazon-apigateway-integration': { ...proxy, ...given } } } };
    const body = Buffer.from(JSON.stringify({ openapi: '3.0.1', info: { title: 'unbuilt' }, paths }));
    await assert.rejects(v1.send(new sdk.ImportRestApiCommand({ body })), { message });
  }
  const trust = 's3://trust/store.pem';
  const unbuilt = /^(Mutual TLS is|Routing rules are) not built in Millrace\.$/;
  const domainName = 'unbuilt.example.com';
  for (const given of [
    { mutualTlsAuthentication: { truststoreUri: trust } },
    { routingMode: 'ROUTING_RULE_ONLY' },
  ] as const) {
    await assert.rejects(v1.send(new sdk.CreateDomainNameCommand({ domainName, ...given })), { message: unbuilt });
  }
  await v2.send(new CreateDomainNameCommand({ DomainName: domainName }));
  for (const given of [
    { MutualTlsAuthentication: { TruststoreUri: trust } },
    { RoutingMode: 'ROUTING_RULE_ONLY' },
  ] as const) {
    const update = new UpdateDomainNameCommand({ DomainName: domainName, ...given });
    await assert.rejects(v2.send(update), { message: unbuilt });
  }
});
