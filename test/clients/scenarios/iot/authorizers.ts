import assert from 'node:assert/strict';
import { zipOf } from '../../../support/clients.ts';
import type { Rig } from '../../scenario.ts';
import { arnOf } from './arns.ts';

const notFound = { name: 'ResourceNotFoundException' };

/** Lets in whoever comes, under the name and password that it has come with. */
const CODE = `exports.handler = async ({ protocolData: { mqtt } }) => ({
  isAuthenticated: true,
  principalId: mqtt.username + Buffer.from(mqtt.password, 'base64').toString('hex'),
  disconnectAfterInSeconds: 3600,
  refreshAfterInSeconds: 300,
  policyDocuments: [],
});`;

/** Authorizers, with a function that answers. */
export async function authorizers({ call, of, name }: Rig): Promise<void> {
  const FunctionName = name('lets-in');
  const { FunctionArn: authorizerFunctionArn } = await of('lambda')('CreateFunction', {
    ...{ FunctionName, Runtime: 'nodejs22.x', Handler: 'index.handler', Role: 'arn:aws:iam::000000000000:role/r' },
    Code: { ZipFile: await zipOf({ 'index.js': CODE }) },
  });
  const authorizerName = name('auth');
  const described = async () => (await call('DescribeAuthorizer', { authorizerName })).authorizerDescription;
  const settings = { authorizerName, authorizerFunctionArn, status: 'ACTIVE', signingDisabled: true };
  const made = await call('CreateAuthorizer', settings);
  assert.deepEqual(made, { authorizerName, authorizerArn: arnOf(`authorizer/${authorizerName}`) });
  await assert.rejects(call('CreateAuthorizer', { ...settings, status: 'INACTIVE' }), {
    name: 'ResourceAlreadyExistsException',
  });
  const { authorizers: active } = await call('ListAuthorizers', { status: 'ACTIVE' });
  assert.deepEqual(active, [made]);
  assert.partialDeepStrictEqual(await described(), settings);

  await call('SetDefaultAuthorizer', { authorizerName });
  const byDefault = await call('DescribeDefaultAuthorizer');
  assert.deepEqual(byDefault.authorizerDescription, await described());
  const mqttContext = { username: 'u', password: Buffer.from([0, 255]), clientId: 'c' };
  // An authorizer has five seconds, its start included, which may take as long beside much else.
  const event = { protocolData: { mqtt: { username: 'u', password: '' } } };
  await of('lambda')('Invoke', { FunctionName, Payload: Buffer.from(JSON.stringify(event)) });
  const asked = await call('TestInvokeAuthorizer', { authorizerName, mqttContext });
  assert.deepEqual(
    [asked.isAuthenticated, asked.principalId, asked.disconnectAfterInSeconds, asked.refreshAfterInSeconds],
    [true, 'u00ff', 3600, 300],
  );
  await call('ClearDefaultAuthorizer');
  await assert.rejects(call('DescribeDefaultAuthorizer'), notFound);

  await assert.rejects(call('DeleteAuthorizer', { authorizerName }), { name: 'DeleteConflictException' });
  await call('UpdateAuthorizer', { authorizerName, status: 'INACTIVE' });
  assert.equal((await described()).status, 'INACTIVE');
  await call('DeleteAuthorizer', { authorizerName });
  await assert.rejects(described(), notFound);
}
