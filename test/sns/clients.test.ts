import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import * as sdk from '@aws-sdk/client-sns';
import { clientEnvironment, clientOptions, run, startWire, type TestWire } from '../wire/support.ts';
import { type Node, openNode, temporaryFolder } from './support.ts';

const owned = new AsyncDisposableStack();
let node: Node;
let wire: TestWire;
let edge: Awaited<ReturnType<typeof startEdge>>;

before(async () => {
  edge = owned.use(await startEdge());
  node = owned.use(await openNode({ webhooks: { sms: `${edge.url}/sms`, push: `${edge.url}/push` } }));
  wire = owned.use(await startWire([node.sns.service]));
});

after(() => owned.disposeAsync());

/** The far edge: keeps what is posted by path, and gives it once by GET (404 until it is there). */
async function startEdge() {
  const kept = new Map<string, string[]>();
  const server = createServer((request, response) => {
    const path = request.url!;
    if (request.method === 'GET') {
      const body = kept.get(path)?.shift();
      response.writeHead(body === undefined ? 404 : 200).end(body);
      return;
    }
    let body = '';
    request.setEncoding('utf8').on('data', (chunk) => {
      body += chunk;
    });
    request.on('end', () => {
      kept.set(path, [...(kept.get(path) ?? []), body]);
      response.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, [Symbol.asyncDispose]: async () => void server.close() };
}

/**
 * One thing that a client does. `$name` in an input stands for what an earlier step has saved.
 * - `save`: names, and the members of the answer they are
 * - `expect`: members that the answer must have, `$name` likewise
 * - `fails`: the code of the error
 * - `fetch`: instead of a call, what the far edge was sent, and the pattern whose group is saved
 */
type Step =
  | {
      readonly op: string;
      readonly input: Readonly<Record<string, unknown>>;
      readonly save?: Readonly<Record<string, string>>;
      readonly expect?: Readonly<Record<string, unknown>>;
      readonly fails?: string;
    }
  | { readonly fetch: string; readonly pattern: string; readonly save: Readonly<Record<string, string>> };

/** Every operation that is built, as `docs/compatibility.md` lists them. */
function scenario(client: string, phone: string): readonly Step[] {
  const hook = `${edge.url}/${client}`;
  return [
    {
      op: 'CreateTopic',
      input: { Name: client, Attributes: { DisplayName: 'Alerts' }, Tags: [{ Key: 'a', Value: '1' }] },
      save: { topic: 'TopicArn' },
    },
    { op: 'ListTopics', input: {} },
    { op: 'SetTopicAttributes', input: { TopicArn: '$topic', AttributeName: 'SignatureVersion', AttributeValue: '2' } },
    { op: 'GetTopicAttributes', input: { TopicArn: '$topic' } },
    {
      op: 'AddPermission',
      input: { TopicArn: '$topic', Label: 'friends', AWSAccountId: ['111111111111'], ActionName: ['Publish'] },
    },
    { op: 'RemovePermission', input: { TopicArn: '$topic', Label: 'friends' } },
    { op: 'RemovePermission', input: { TopicArn: '$topic', Label: 'friends' }, fails: 'InvalidParameter' },
    { op: 'TagResource', input: { ResourceArn: '$topic', Tags: [{ Key: 'b', Value: '2' }] } },
    { op: 'UntagResource', input: { ResourceArn: '$topic', TagKeys: ['a'] } },
    { op: 'ListTagsForResource', input: { ResourceArn: '$topic' }, expect: { Tags: [{ Key: 'b', Value: '2' }] } },
    {
      op: 'Subscribe',
      input: { TopicArn: '$topic', Protocol: 'http', Endpoint: hook, ReturnSubscriptionArn: true },
      save: { subscription: 'SubscriptionArn' },
    },
    { fetch: hook, pattern: '"Token":"([0-9a-f]+)"', save: { token: '1' } },
    {
      op: 'ConfirmSubscription',
      input: { TopicArn: '$topic', Token: '$token', AuthenticateOnUnsubscribe: 'true' },
      expect: { SubscriptionArn: '$subscription' },
    },
    {
      op: 'SetSubscriptionAttributes',
      input: { SubscriptionArn: '$subscription', AttributeName: 'RawMessageDelivery', AttributeValue: 'true' },
    },
    { op: 'GetSubscriptionAttributes', input: { SubscriptionArn: '$subscription' } },
    { op: 'ListSubscriptions', input: {} },
    { op: 'ListSubscriptionsByTopic', input: { TopicArn: '$topic' } },
    { op: 'Publish', input: { TopicArn: '$topic', Message: 'one', Subject: 's' } },
    { fetch: hook, pattern: '(one)', save: { message: '1' } },
    {
      op: 'PublishBatch',
      input: {
        TopicArn: '$topic',
        PublishBatchRequestEntries: [
          { Id: 'a', Message: 'two', MessageAttributes: { n: { DataType: 'Number', StringValue: '1' } } },
          { Id: 'b', Message: 'x', MessageAttributes: { n: { DataType: 'Number', StringValue: 'no' } } },
        ],
      },
    },
    { fetch: hook, pattern: '(two)', save: { message: '1' } },
    { op: 'Unsubscribe', input: { SubscriptionArn: '$subscription' } },
    {
      op: 'CreatePlatformApplication',
      input: { Name: client, Platform: 'GCM', Attributes: { PlatformCredential: 'key' } },
      save: { application: 'PlatformApplicationArn' },
    },
    {
      op: 'SetPlatformApplicationAttributes',
      input: { PlatformApplicationArn: '$application', Attributes: { SuccessFeedbackSampleRate: '10' } },
    },
    {
      op: 'GetPlatformApplicationAttributes',
      input: { PlatformApplicationArn: '$application' },
      expect: { Attributes: { Enabled: 'true', SuccessFeedbackSampleRate: '10' } },
    },
    { op: 'ListPlatformApplications', input: {} },
    {
      op: 'CreatePlatformEndpoint',
      input: { PlatformApplicationArn: '$application', Token: `token-of-${client}`, CustomUserData: 'u' },
      save: { device: 'EndpointArn' },
    },
    {
      op: 'Publish',
      input: { TargetArn: '$device', Message: '{"default":"d","GCM":"to a device"}', MessageStructure: 'json' },
    },
    {
      fetch: `${edge.url}/push`,
      pattern: `"token":"(token-of-${client})".*"message":"to a device"`,
      save: { to: '1' },
    },
    { op: 'SetEndpointAttributes', input: { EndpointArn: '$device', Attributes: { Enabled: 'false' } } },
    {
      op: 'GetEndpointAttributes',
      input: { EndpointArn: '$device' },
      expect: { Attributes: { Enabled: 'false', Token: `token-of-${client}`, CustomUserData: 'u' } },
    },
    { op: 'Publish', input: { TargetArn: '$device', Message: 'x' }, fails: 'EndpointDisabled' },
    { op: 'ListEndpointsByPlatformApplication', input: { PlatformApplicationArn: '$application' } },
    { op: 'DeleteEndpoint', input: { EndpointArn: '$device' } },
    { op: 'DeletePlatformApplication', input: { PlatformApplicationArn: '$application' } },
    { op: 'SetSMSAttributes', input: { attributes: { DefaultSenderID: 'Mill', DefaultSMSType: 'Transactional' } } },
    {
      op: 'GetSMSAttributes',
      input: { attributes: ['DefaultSenderID'] },
      expect: { attributes: { DefaultSenderID: 'Mill' } },
    },
    { op: 'Publish', input: { PhoneNumber: phone, Message: 'to a phone' } },
    { fetch: `${edge.url}/sms`, pattern: '"message":"(to a phone)","senderId":"Mill"', save: { text: '1' } },
    { op: 'CheckIfPhoneNumberIsOptedOut', input: { phoneNumber: phone }, expect: { isOptedOut: false } },
    { op: 'ListPhoneNumbersOptedOut', input: {} },
    { op: 'OptInPhoneNumber', input: { phoneNumber: phone } },
    { op: 'ListOriginationNumbers', input: {} },
    { op: 'GetSMSSandboxAccountStatus', input: {}, expect: { IsInSandbox: false } },
    { op: 'CreateSMSSandboxPhoneNumber', input: { PhoneNumber: phone } },
    { fetch: `${edge.url}/sms`, pattern: 'verification code is (\\d{6})', save: { password: '1' } },
    {
      op: 'VerifySMSSandboxPhoneNumber',
      input: { PhoneNumber: phone, OneTimePassword: '000000' },
      fails: 'VerificationException',
    },
    { op: 'VerifySMSSandboxPhoneNumber', input: { PhoneNumber: phone, OneTimePassword: '$password' } },
    {
      op: 'ListSMSSandboxPhoneNumbers',
      input: {},
      expect: { PhoneNumbers: [{ PhoneNumber: phone, Status: 'Verified' }] },
    },
    { op: 'DeleteSMSSandboxPhoneNumber', input: { PhoneNumber: phone } },
    { op: 'DeleteTopic', input: { TopicArn: '$topic' } },
    { op: 'GetTopicAttributes', input: { TopicArn: '$topic' }, fails: 'NotFound' },
  ];
}

test('the steps take every operation that is built', () => {
  const taken = new Set(scenario('x', '+15550000000').flatMap((step) => ('op' in step ? step.op : [])));
  assert.deepEqual([...taken].toSorted(), Object.keys(node.sns.service.operations).toSorted());
});

function resolved(value: unknown, saved: Readonly<Record<string, unknown>>): unknown {
  if (typeof value === 'string') return value.startsWith('$') ? saved[value.slice(1)] : value;
  if (Array.isArray(value)) return value.map((one) => resolved(one, saved));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, resolved(one, saved)]));
}

async function fetched(url: string, pattern: string): Promise<string> {
  for (const end = performance.now() + 15_000; performance.now() < end; ) {
    const answer = await fetch(url);
    const text = await answer.text();
    const found = answer.ok && new RegExp(pattern, 's').exec(text);
    if (found) return found[1]!;
    await new Promise((resolve) => setImmediate(resolve));
  }
  throw new Error(`never at ${url}: ${pattern}`);
}

test('the AWS SDK for JS drives every operation', async () => {
  const client = new sdk.SNSClient(clientOptions(wire));
  const saved: Record<string, unknown> = {};
  for (const step of scenario('js', '+15550000001')) {
    if ('fetch' in step) {
      for (const name of Object.keys(step.save)) saved[name] = await fetched(step.fetch, step.pattern);
      continue;
    }
    const { op, input, save = {}, expect = {}, fails } = step;
    const Command = (sdk as unknown as Record<string, new (input: unknown) => never>)[`${op}Command`]!;
    const sent = client.send(new Command(resolved(input, saved))) as Promise<object> as Promise<
      Record<string, unknown>
    >;
    if (fails !== undefined) {
      await assert.rejects(
        sent,
        (error: Error) => error.name.replace(/Exception$/, '') === fails.replace(/Exception$/, ''),
      );
      continue;
    }
    const answer = await sent;
    for (const [name, member] of Object.entries(save)) saved[name] = answer[member];
    assert.partialDeepStrictEqual(answer, resolved(expect, saved) as object, op);
  }
  client.destroy();
});

/** Takes the same steps; `CALL` is how a call is made. */
const PYTHON = `
import json, os, re, sys, time, urllib.error, urllib.request
steps = json.load(open(sys.argv[1]))
def resolve(value, saved):
    if isinstance(value, str): return saved[value[1:]] if value.startswith('$') else value
    if isinstance(value, list): return [resolve(one, saved) for one in value]
    if isinstance(value, dict): return {name: resolve(one, saved) for name, one in value.items()}
    return value
def fetched(url, pattern):
    end = time.monotonic() + 15
    while time.monotonic() < end:
        try:
            found = re.search(pattern, urllib.request.urlopen(url).read().decode(), re.S)
            if found: return found.group(1)
        except urllib.error.HTTPError: time.sleep(0.01)
    raise AssertionError('never at ' + url + ': ' + pattern)
def has(answer, wanted):
    if isinstance(wanted, dict): return all(name in answer and has(answer[name], one) for name, one in wanted.items())
    return answer == wanted
CALL
saved = {}
for step in steps:
    if 'fetch' in step:
        for name in step['save']: saved[name] = fetched(step['fetch'], step['pattern'])
        continue
    code, answer = call(step['op'], resolve(step['input'], saved))
    assert (code or '').replace('Exception', '') == step.get('fails', '').replace('Exception', ''), (step, code, answer)
    if code: continue
    for name, member in step.get('save', {}).items(): saved[name] = answer[member]
    assert has(answer, resolve(step.get('expect', {}), saved)), (step, answer)
print('done')
`;

const BOTO3 = `
import boto3, botocore.exceptions, botocore
client = boto3.client('sns', endpoint_url=os.environ['ENDPOINT'])
def call(op, input):
    try: return None, getattr(client, botocore.xform_name(op))(**input)
    except botocore.exceptions.ClientError as error: return error.response['Error']['Code'], error.response
`;

/** The CLI's own entry point, again and again in one process: what a shell would start takes a second each time. */
const CLI = `
import contextlib, io
from awscli.clidriver import create_clidriver
import botocore
driver = create_clidriver()
def call(op, input):
    out, err = io.StringIO(), io.StringIO()
    words = ['--endpoint-url', os.environ['ENDPOINT'], '--output', 'json', 'sns', botocore.xform_name(op, '-')]
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = driver.main(words + ['--cli-input-json', json.dumps(input), '--no-paginate'])
    if code == 0: return None, json.loads(out.getvalue() or '{}')
    found = re.search(r'An error occurred \\((\\w+)\\)', err.getvalue())
    return found.group(1) if found else err.getvalue(), {}
`;

for (const [name, call, phone] of [
  ['boto3', BOTO3, '+15550000002'],
  ['the aws CLI', CLI, '+15550000003'],
] as const) {
  test(`${name} drives every operation`, async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, 'steps.json');
    await writeFile(path, JSON.stringify(scenario(name.replaceAll(' ', '-'), phone)));
    const program = PYTHON.replace('CALL', () => call);
    const { stdout, stderr } = await run('/usr/bin/python3', ['-c', program, path], clientEnvironment(wire));
    assert.equal(stdout.trim(), 'done', stderr);
  });
}
