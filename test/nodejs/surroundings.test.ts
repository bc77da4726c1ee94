import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { NODE_FLAGS } from '../../src/runtime/starts/nodejs-image.ts';
import { RuntimeHouse } from '../lambda/runtime-house.ts';

function put(folder: string, files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
}

test('the variables of a Node function are those of Lambda', async () => {
  await using house = await RuntimeHouse.open({ engine: 'process' });
  const spec = house.spec('exports.handler = async () => ({ env: process.env, cwd: process.cwd() });');
  const { env, cwd } = (await house.invoke(spec)).value;
  assert.equal(cwd, spec.codeDirectory);
  assert.equal(env.LAMBDA_TASK_ROOT, spec.codeDirectory);
  assert.equal(env.LAMBDA_RUNTIME_DIR, '/var/runtime');
  const sdk = join(house.directory, 'runtimes/nodejs-sdk/node_modules');
  assert.equal(env.NODE_PATH, `/opt/nodejs/node24/node_modules:/opt/nodejs/node_modules:${sdk}:${spec.codeDirectory}`);
  assert.ok(env.PATH.endsWith(':/opt/bin'));
  assert.equal(env.LD_LIBRARY_PATH, `${spec.codeDirectory}:${spec.codeDirectory}/lib:/opt/lib`);
  assert.equal(env.AWS_LAMBDA_MAX_CONCURRENCY, undefined);
  assert.deepEqual(
    Object.keys(env).filter((name) => name.startsWith('MILLRACE')),
    [],
  );
});

test('require finds packages on NODE_PATH and modules from the root of the code', async () => {
  await using house = await RuntimeHouse.open({ engine: 'process' });
  const layer = join(house.directory, 'layer');
  put(layer, { 'shared/index.js': 'module.exports = "of the layer";' });
  const spec = house.spec(`exports.handler = async () => [require('shared')];`, { environment: { NODE_PATH: layer } });
  assert.deepEqual((await house.invoke(spec)).value, ['of the layer']);
  const own = house.spec(
    `exports.handler = async () => require('lib/own');`,
    { handler: 'src/index.handler' },
    'src/index.js',
  );
  put(own.codeDirectory, { 'lib/own.js': 'module.exports = "of the root";' });
  assert.equal((await house.invoke(own)).value, 'of the root');
});

test('AWS_LAMBDA_EXEC_WRAPPER starts the runtime as it likes, and what it sets is there', async () => {
  await using house = await RuntimeHouse.open({ engine: 'process', blanks: 1, blanksAfterMs: 0 });
  const script = `#!/bin/sh\nexport FROM_WRAPPER="$OWN $_HANDLER"\nnode="$1"; shift\nexec "$node" --stack-trace-limit=7 "$@"\n`;
  const spec = house.spec(
    `let count = 0; exports.handler = async (event) => { console.log('line', event.n); return [process.env.FROM_WRAPPER, process.execArgv, ++count, process.env.MILLRACE_LOAD ?? 'gone']; };`,
  );
  const wrapper = join(spec.codeDirectory, 'wrapper');
  writeFileSync(wrapper, script);
  chmodSync(wrapper, 0o755);
  const wrapped = { ...spec, environment: { AWS_LAMBDA_EXEC_WRAPPER: wrapper, OWN: 'own' } };
  for (const n of [1, 2]) {
    const { value } = await house.invoke(wrapped, { n });
    assert.deepEqual(value, ['own index.handler', ['--stack-trace-limit=7', ...NODE_FLAGS], n, 'gone']);
    assert.ok(house.lines.some((line) => line.endsWith(`line ${n}`)));
  }
});

test('a wrapper that is not there, or exits, is told as such', async () => {
  await using house = await RuntimeHouse.open({ engine: 'process' });
  const spec = house.spec('exports.handler = async () => 1;', {
    environment: { AWS_LAMBDA_EXEC_WRAPPER: '/opt/none' },
  });
  const missing = await house.invoke(spec);
  assert.equal(missing.value.errorType, 'Runtime.InvalidEntrypoint');
  const exits = house.spec('exports.handler = async () => 1;');
  const wrapper = join(exits.codeDirectory, 'wrapper');
  writeFileSync(wrapper, '#!/bin/sh\nexit 9\n');
  chmodSync(wrapper, 0o755);
  const { value } = await house.invoke({ ...exits, environment: { AWS_LAMBDA_EXEC_WRAPPER: wrapper } });
  assert.equal(value.errorType, 'Runtime.ExitError');
  assert.match(value.errorMessage, /exit status 9$/);
});

test('init that fails is repeated once within the invocation, and its second error is the answer', async () => {
  await using house = await RuntimeHouse.open({ engine: 'process' });
  const witness = join(house.directory, 'inits');
  const count = `require('node:fs').appendFileSync(${JSON.stringify(witness)}, 'x'); const inits = require('node:fs').statSync(${JSON.stringify(witness)}).size;`;
  const fails = house.spec(`${count} throw new TypeError('init ' + inits);`);
  const failed = await house.invoke(fails);
  assert.deepEqual([failed.value.errorType, failed.value.errorMessage], ['TypeError', 'init 2']);
  const told = house.lines
    .map((line) => line.split(' ', 1)[0]!)
    .filter((word) => /^(INIT_REPORT|START|END|REPORT)$/.test(word));
  assert.deepEqual(told, ['INIT_REPORT', 'START', 'INIT_REPORT', 'END', 'REPORT']);
  const heals = house.spec(`${count} if (inits % 2) process.exit(7); exports.handler = async () => 'healed';`);
  const healed = await house.invoke(heals);
  assert.deepEqual([healed.value, healed.kind], ['healed', 'success']);
  assert.equal(healed.metering.initMs, undefined);
  assert.ok(
    house.lines.some((line) => /^INIT_REPORT .*Phase: init\tStatus: error\tError Type: Runtime.ExitError/.test(line)),
  );
});

test('errors of loading have the types and words of Lambda', async () => {
  await using house = await RuntimeHouse.open({ engine: 'process' });
  const of = async (code: string, handler = 'index.handler', file = 'index.js') => {
    const { value } = await house.invoke(house.spec(code, { handler }, file));
    return [value.errorType, value.errorMessage.split('\n')[0]];
  };
  assert.deepEqual(await of('exports.other = 1;'), [
    'Runtime.HandlerNotFound',
    'index.handler is undefined or not exported',
  ]);
  assert.deepEqual(await of('exports.handler = 1;'), ['Runtime.HandlerNotFound', 'index.handler is not a function']);
  assert.deepEqual(await of('', 'index'), ['Runtime.MalformedHandlerName', 'Bad handler']);
  assert.deepEqual(await of('', '../index.handler'), [
    'Runtime.MalformedHandlerName',
    `'../index.handler' is not a valid handler name. Use absolute paths when specifying root directories in handler names.`,
  ]);
  const [type, message] = await of('', 'missing.handler');
  assert.equal(type, 'Runtime.ImportModuleError');
  assert.match(message!, /^Error: Cannot find module '.*missing'$/);
  assert.deepEqual(await of('exports.handler = (', 'index.handler'), [
    'Runtime.UserCodeSyntaxError',
    'SyntaxError: Unexpected end of input',
  ]);
  assert.equal(
    (await of('import "none"; export const handler = 1;', 'index.handler', 'index.mjs'))[0],
    'Runtime.ImportModuleError',
  );
  assert.deepEqual(
    await of('export const handler = awslambda.streamifyResponse(() => 1);', 'index.handler', 'index.mjs'),
    ['Error', 'Streaming does not support non-async handlers.'],
  );
});
