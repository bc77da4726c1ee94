import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { functionVariables } from '../../src/runtime/environments/function-variables.ts';
import { firstInvocation, loadConfig } from '../../src/runtime/environments/load-config.ts';
import type { FunctionSpec } from '../../src/runtime/index.ts';
import { Bootstrap } from './bootstrap.ts';

const { configOf } = createRequire(import.meta.url)('../../runtimes/nodejs/preload.js') as {
  configOf(of: { readonly root: string; readonly handler: string }): unknown;
};

const SPEC: FunctionSpec = {
  arn: 'arn:aws:lambda:us-east-1:000000000000:function:f',
  name: 'f',
  version: '$LATEST',
  runtime: 'nodejs24.x',
  handler: 'index.handler',
  codeDirectory: '/code',
  codeHash: 'f',
  environment: { OWN: 'x' },
  memoryMb: 512,
  timeoutMs: 3_000,
  ephemeralStorageMb: 512,
  logGroup: '/aws/lambda/f',
  roleArn: '',
  layers: [],
  provisionedConcurrency: 0,
  environmentConcurrency: 1,
  snapStart: false,
  egress: { kind: 'all' },
  revision: '1',
};
const PLACEMENT = { taskRoot: '/var/task', layersRoot: '/opt', cacheDirectory: '/var/cache' };
const CREDENTIALS = { accessKeyId: 'A', secretAccessKey: 's', sessionToken: 't' };
const TRACE = { traceId: '0123456789abcdef0123456789abcdef', spanId: '0123456789abcdef', sampled: false };

/** The members of an object and of those in it, in their order. */
function shapeOf(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return typeof value;
  return Object.entries(value).map(([name, member]) => [name, shapeOf(member)]);
}

test('a blank environment rehearses the very words that the node says', () => {
  const variables = functionVariables(
    { ...SPEC, environment: {} },
    'stream',
    'http://endpoint',
    CREDENTIALS,
    PLACEMENT,
  );
  const invocation = { requestId: 'r', payload: Buffer.from('{}'), trace: TRACE };
  const said = { ...loadConfig(SPEC, PLACEMENT, variables, 'stream'), first: firstInvocation(SPEC, invocation) };
  assert.deepEqual(
    shapeOf(JSON.parse(JSON.stringify(configOf({ root: '/var/task', handler: 'index.handler' })))),
    shapeOf(JSON.parse(JSON.stringify(said))),
  );
});

test('the variables of a function stand behind those that all functions have, and replace none that is reserved', () => {
  const environment = { OWN: 'x', TZ: 'Europe/Berlin', AWS_REGION: 'nowhere' };
  const variables = functionVariables({ ...SPEC, environment }, 'stream', 'http://endpoint', CREDENTIALS, PLACEMENT);
  assert.equal(Object.keys(variables).at(-1), 'OWN');
  assert.equal(variables.TZ, 'Europe/Berlin');
  assert.equal(variables.AWS_REGION, 'us-east-1');
});

test('nothing of the rehearsal is said to the node, or left to the function', async () => {
  await using environment = await Bootstrap.load(
    'exports.handler = async () => ({ names: Object.keys(process.env).sort(), known: Object.keys(awslambda) });',
  );
  assert.deepEqual(environment.frames, []);
  environment.invoke(0, {});
  const { names, known } = await environment.answer(0);
  assert.deepEqual(names, ['AWS_LAMBDA_FUNCTION_NAME', '_X_AMZN_TRACE_ID']);
  assert.deepEqual(known, ['HttpResponseStream', 'streamifyResponse', 'snapStart']);
});
