import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { Program } from '../cli/program.ts';

const OSLS = dirname(createRequire(import.meta.url).resolve('osls/package.json'));

const SERVICE = `
service: hello
provider: { name: aws, runtime: nodejs24.x, stage: "\${opt:stage, 'dev'}", environment: { WORD: "\${param:word, 'hello'}" } }
package: { patterns: ['!**', handler.js] }
functions: { greet: { handler: handler.greet } }
`;

let root: string;
let service: string;

before(async () => {
  root = await mkdtemp(join(tmpdir(), 'millrace-osls-cli-'));
  service = join(root, 'hello');
  await mkdir(service);
  await writeFile(join(service, 'serverless.yml'), SERVICE);
  await writeHandler('!');
});

after(() => rm(root, { recursive: true }));

const writeHandler = (mark: string) =>
  writeFile(join(service, 'handler.js'), `exports.greet = async () => process.env.WORD + '${mark}';\n`);

const NOWHERE = { PATH: '', HOME: '/nonexistent', AWS_ENDPOINT_URL: 'http://127.0.0.1:1' };

async function refused(args: readonly string[], message: RegExp, folder = service): Promise<void> {
  await using program = new Program(folder, args, NOWHERE);
  assert.deepEqual([await program.exit(), message.test(program.err)], [2, true], program.err);
}

test('without osls, deploy says how to get it', () =>
  refused(['deploy'], /deployed by osls.*not installed: run "npm install --save-dev osls" in/));

test('an osls that calls AWS whatever it is told is refused by its version', async () => {
  const folder = join(root, 'old');
  await mkdir(join(folder, 'node_modules/osls'), { recursive: true });
  await writeFile(join(folder, 'serverless.yml'), SERVICE);
  const manifest = { name: 'osls', version: '3.66.0', bin: { osls: 'bin/serverless.js' } };
  await writeFile(join(folder, 'node_modules/osls/package.json'), JSON.stringify(manifest));
  await refused(['deploy'], /osls 3\.66\.0 in .* calls AWS only: install osls 4 or later/, folder);
});

test('options that stand in a serverless.yml are refused, and so is data of the node in its packages', async () => {
  await refused(['deploy', '--stack-name', 'x'], /--stack-name is not for a serverless.yml: the stack is named in/);
  await refused(['deploy', '--tag', 'a=b'], /--tag is not for a serverless.yml: tags stand in/);
  await refused(['deploy', '--json'], /--json is not for a serverless.yml/);
  await refused(['dev', '.'], /what the node keeps in \.millrace would go into the packages.*"!\.millrace\/\*\*"/);
  const elsewhere = ['dev', '.', '--data-dir', '../data'];
  await refused([...elsewhere, '--inspect', 'greet'], /--inspect and --stack-name are for a template/);
});

test('dev deploys a service and redeploys it; deploy, once more without a change, and remove with a stage run osls against a node', async () => {
  await mkdir(join(service, 'node_modules'));
  await symlink(OSLS, join(service, 'node_modules/osls'));
  const dev = ['dev', '.', '--data-dir', '../data', '--http-port', '0', '--mqtt-port', '0'];
  await using node = new Program(service, dev, { PATH: '/usr/bin:/bin', HOME: root });
  const [, endpoint] = await node.until('out', /ready (\S+)/);
  await node.until('err', /Service deployed to stack hello-dev/);
  const env = { PATH: '', HOME: root, AWS_ENDPOINT_URL: endpoint!.replace('127.0.0.1', 'localhost') };
  const run = async (...args: string[]) => {
    await using program = new Program(service, args, env);
    assert.equal(await program.exit(), 0, program.err);
    return program.out + program.err;
  };
  assert.match(await run('invoke', 'hello-dev-greet'), /"hello!"/);

  await writeHandler('?');
  await node.until('err', /(Service deployed to stack hello-dev[\s\S]*){2}/);
  assert.match(await run('invoke', 'hello-dev-greet'), /"hello\?"/);

  const deploy = () => run('deploy', '--stage', 'prod', '--parameter', 'word=servus');
  assert.match(await deploy(), /Service deployed to stack hello-prod/);
  assert.match(await deploy(), /No changes to deploy/);
  assert.match(await run('invoke', 'hello-prod-greet'), /"servus\?"/);
  assert.match(await run('remove', '--stage', 'prod'), /hello has been successfully removed/);
  node.signal('SIGTERM');
  assert.equal(await node.exit(), 0, node.err);
});
