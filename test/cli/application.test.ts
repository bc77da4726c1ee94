import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { main } from '../../src/cli/main.ts';
import { type Node, startNode } from '../../src/node/index.ts';

const TEMPLATE = `
Transform: AWS::Serverless-2016-10-31
Parameters:
  Greeting: { Type: String, Default: hello }
Globals:
  Function: { Runtime: nodejs24.x, CodeUri: src }
Resources:
  Greeter:
    Type: AWS::Serverless::Function
    Properties:
      Handler: greeter.handler
      Environment: { Variables: { GREETING: !Ref Greeting } }
Outputs:
  Name: { Value: !Ref Greeter }
`;

const SOURCE = (mark: string) => `
interface Event { readonly name?: string }
export const handler = async ({ name }: Event): Promise<string> => {
  if (name === undefined) throw new Error('nobody to greet');
  console.log('greeting ' + name);
  return process.env.GREETING + ' ' + name + '${mark}';
};
`;

let node: Node;
let root: string;
let app: string;

before(async () => {
  root = await mkdtemp(join(tmpdir(), 'millrace-cli-'));
  app = join(root, 'greetings');
  await mkdir(join(app, 'src'), { recursive: true });
  await writeFile(join(app, 'template.yaml'), TEMPLATE);
  await writeFile(join(app, 'src/greeter.ts'), SOURCE('!'));
  node = await startNode({
    dataDirectory: join(root, 'data'),
    host: '127.0.0.1',
    httpPort: 0,
    mqttPort: 0,
    mode: 'dev',
    logLevel: 'error',
    blankEnvironments: 1,
  });
});

after(async () => {
  await node[Symbol.asyncDispose]();
  await rm(root, { recursive: true });
});

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function run(...argv: string[]): Promise<Ran> {
  let out = '';
  let err = '';
  const terminal = {
    out: (text: string) => {
      out += text;
    },
    err: (text: string) => {
      err += text;
    },
    colours: false,
    errColours: false,
  };
  const code = await main([...argv, '--endpoint-url', node.endpoint], terminal);
  return { code, out, err };
}

const inStack = ['--stack-name', 'greetings'];
const invoke = (payload: object, ...more: string[]) =>
  run('invoke', 'Greeter', ...inStack, '--payload', JSON.stringify(payload), ...more);

test('an application is deployed, run, changed, followed and removed from the command line', async () => {
  const first = await run('deploy', app, '--json');
  assert.equal(first.code, 0, first.err);
  assert.match(JSON.parse(first.out).Name, /^greetings-Greeter-/);
  assert.match(first.err, /CREATE_COMPLETE +Greeter \(AWS::Lambda::Function\)\n/);
  assert.match(first.err, /CREATE_COMPLETE +stack greetings\ndeployed greetings\n$/);

  const greeted = await invoke({ name: 'you' });
  assert.deepEqual([greeted.code, greeted.out], [0, '"hello you!"\n']);

  const again = await run('deploy', app);
  assert.deepEqual([again.code, again.err.endsWith('nothing to change in greetings\n')], [0, true], again.err);

  await writeFile(join(app, 'src/greeter.ts'), SOURCE('?'));
  const changed = await run('deploy', app, '--parameter', 'Greeting=moin');
  assert.match(changed.err, /UPDATE_COMPLETE +Greeter/);
  assert.equal((await invoke({ name: 'you' })).out, '"moin you?"\n');

  // Lines are written behind the answer.
  const lines = async () => (await run('logs', ...inStack, '--filter', 'greeting')).out.match(/greeting you/g)?.length;
  while ((await lines()) !== 2);

  const removed = await run('remove', app);
  assert.equal(removed.code, 0, removed.err);
  assert.match(removed.err, /removed greetings\n$/);
  assert.match((await run('remove', app)).err, /there is no stack greetings: nothing to remove/);
});

test('a deployment that fails exits 1 and shows the resource and its reason', async () => {
  const broken = join(root, 'broken');
  await mkdir(broken);
  const resources = {
    First: { Type: 'AWS::Logs::LogGroup', Properties: { LogGroupName: 'same' } },
    Second: { Type: 'AWS::Logs::LogGroup', DependsOn: 'First', Properties: { LogGroupName: 'same' } },
  };
  await writeFile(join(broken, 'template.json'), JSON.stringify({ Resources: resources }));
  const { code, err } = await run('deploy', broken);
  assert.equal(code, 1);
  assert.match(
    err,
    /CREATE_FAILED +Second \(AWS::Logs::LogGroup\)\n {4}Resource handler returned message: ".*already exists/,
  );
  assert.match(err, /stack broken is ROLLBACK_COMPLETE; the lines above say which resource failed and why/);
  await writeFile(join(broken, 'template.json'), JSON.stringify({ Resources: { First: resources.First } }));
  const repaired = await run('deploy', broken);
  assert.equal(repaired.code, 0, repaired.err);
  assert.match(repaired.err, /was rolled back when it was created; making it anew/);
});

test('a template that the node refuses exits 1 in its words', async () => {
  const odd = join(root, 'odd');
  await mkdir(odd);
  await writeFile(join(odd, 'template.yaml'), 'Resources: { Vm: { Type: AWS::EC2::Instance } }\n');
  const { code, err } = await run('deploy', odd);
  assert.equal(code, 1);
  assert.match(err, /ValidationError: .*AWS::EC2::Instance \(Vm\).*not built in Millrace/);
});

test('a function that is not there is named', async () => {
  const { code, err } = await run('invoke', 'Nobody', ...inStack);
  assert.deepEqual(
    [code, err],
    [
      1,
      'millrace: there is no function Nobody, neither by name nor as a logical id of stack greetings, which is not there: --stack-name may be broken\n',
    ],
  );
});
