/** Functions have the rights of their roles, in `dev` too; what they lack is said where their developer looks. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { CloudWatchLogsClient, FilterLogEventsCommand } from '@aws-sdk/client-cloudwatch-logs';
import { CreateRoleCommand, IAMClient, PutRolePolicyCommand } from '@aws-sdk/client-iam';
import { CreateFunctionCommand, InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { build } from 'esbuild';
import { type Node, startNode } from '../../src/node/index.ts';
import { zipOf } from '../support/clients.ts';

const TRUST = JSON.stringify({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' }, Action: 'sts:AssumeRole' }],
});

const READS = `
  import { GetRoleCommand, IAMClient } from '@aws-sdk/client-iam';
  const iam = new IAMClient({});
  export const handler = async ({ role }) => {
    try {
      return (await iam.send(new GetRoleCommand({ RoleName: role }))).Role.Arn;
    } catch ({ name, message }) {
      return { name, message };
    }
  };`;

let directory: string;
let code: Uint8Array;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-rights-'));
  const stdin = { contents: READS, resolveDir: import.meta.dirname };
  const { outputFiles } = await build({ stdin, bundle: true, platform: 'node', format: 'cjs', write: false });
  code = await zipOf({ 'index.js': outputFiles[0]!.text });
});
after(() => rm(directory, { recursive: true }));

function start(name: string, authorization: 'on' | 'off'): Promise<Node> {
  const listen = { host: '127.0.0.1', httpPort: 0, mqttPort: 0, mode: 'dev', blankEnvironments: 0 } as const;
  return startNode({ dataDirectory: join(directory, name), ...listen, authorization, logLevel: 'error' });
}

function clientsOf({ endpoint }: Node) {
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  const options = () => ({ endpoint, region: 'us-east-1', credentials: { ...credentials } });
  return {
    iam: new IAMClient(options()),
    lambda: new LambdaClient(options()),
    logs: new CloudWatchLogsClient(options()),
  };
}

/** Makes a role and a function of one name. */
async function make({ iam, lambda }: ReturnType<typeof clientsOf>, name: string): Promise<void> {
  const { Role } = await iam.send(new CreateRoleCommand({ RoleName: name, AssumeRolePolicyDocument: TRUST }));
  const how = { Runtime: 'nodejs24.x', Handler: 'index.handler', Timeout: 20, MemorySize: 256 } as const;
  await lambda.send(
    new CreateFunctionCommand({ FunctionName: name, Role: Role!.Arn!, ...how, Code: { ZipFile: code } }),
  );
}

async function invoke({ lambda }: ReturnType<typeof clientsOf>, name: string, role: string): Promise<unknown> {
  const { Payload } = await lambda.send(
    new InvokeCommand({ FunctionName: name, Payload: Buffer.from(JSON.stringify({ role })) }),
  );
  return JSON.parse(Buffer.from(Payload!).toString());
}

test('a right that the role lacks is refused in the words of AWS, and its log says the statement that is missing', async () => {
  await using node = await start('on', 'on');
  const clients = clientsOf(node);
  await make(clients, 'reader');
  const resource = 'arn:aws:iam::000000000000:role/reader';
  assert.deepEqual(await invoke(clients, 'reader', 'reader'), {
    name: 'AccessDenied',
    message: `User: arn:aws:sts::000000000000:assumed-role/reader/reader is not authorized to perform: iam:GetRole on resource: ${resource} because no identity-based policy allows the iam:GetRole action`,
  });
  const statement = { Effect: 'Allow', Action: 'iam:GetRole', Resource: resource };
  const line = await lineOf(clients.logs, '/aws/lambda/reader', '"ACCESS DENIED"');
  assert.match(line, /^ACCESS DENIED RequestId: [0-9a-f-]{36}\trole\/reader lacks in its identity-based policy: \{/);
  assert.deepEqual(JSON.parse(line.slice(line.indexOf('{'))), statement);

  const PolicyDocument = JSON.stringify({ Version: '2012-10-17', Statement: [statement] });
  await clients.iam.send(new PutRolePolicyCommand({ RoleName: 'reader', PolicyName: 'pasted', PolicyDocument }));
  assert.equal(await invoke(clients, 'reader', 'reader'), resource);
});

test('with authorization off nobody is held, functions neither', async () => {
  await using node = await start('off', 'off');
  const clients = clientsOf(node);
  await make(clients, 'reader');
  assert.equal(await invoke(clients, 'reader', 'reader'), 'arn:aws:iam::000000000000:role/reader');
});

/** The line of a group that matches, once it has been written. */
async function lineOf(logs: CloudWatchLogsClient, logGroupName: string, filterPattern: string): Promise<string> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const { events } = await logs.send(new FilterLogEventsCommand({ logGroupName, filterPattern }));
    if (events?.[0]) return events[0].message!;
  }
  assert.fail(`no line ${filterPattern} in ${logGroupName}`);
}
