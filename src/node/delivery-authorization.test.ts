import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimulatedClock, seededRandom } from '../base/index.ts';
import type { Delivery, Target } from '../delivery/index.ts';
import { Authority } from '../services/iam/index.ts';
import type { Caller } from '../services/index.ts';
import { newTrace, silentLogger } from '../telemetry/index.ts';
import { type DeliveryGuard, type GuardedKind, guardedTarget } from './delivery-authorization.ts';

const QUEUE = 'arn:aws:sqs:us-east-1:000000000000:letters';
const TOPIC = 'arn:aws:sns:us-east-1:000000000000:news';
const FUNCTION = 'arn:aws:lambda:us-east-1:000000000000:function:work';
const ROLE = 'arn:aws:iam::000000000000:role/worker';

function policy(Principal: object | string, Action: string, Resource: string, Condition?: object): string {
  const Statement = [{ Effect: 'Allow', Principal, Action, Resource, ...(Condition && { Condition }) }];
  return JSON.stringify({ Version: '2012-10-17', Statement });
}

/** Delivers once; gives what was handed over and what was told. */
async function deliver(
  kind: GuardedKind,
  { arn, source, attributes }: Pick<Delivery, 'arn' | 'source' | 'attributes'>,
  more: Partial<DeliveryGuard> & { readonly own?: string | undefined; readonly identity?: readonly string[] } = {},
) {
  const { own, identity = [], ...guard } = more;
  const taken: Delivery[] = [];
  const told: Caller[] = [];
  const target: Target = { durable: true, deliver: async (delivery) => void taken.push(delivery) };
  const principals = {
    generation: 1,
    policiesOf: (asked: string) =>
      asked === ROLE
        ? { id: 'AROA1', name: 'worker', tags: {}, identity: identity.map((text) => ({ name: 'own', text })) }
        : undefined,
  };
  const authority = new Authority({ principals, clock: new SimulatedClock(), logger: silentLogger });
  const guarded = guardedTarget(kind, target, {
    ...{ mode: 'secured', authority, denials: { tell: (caller) => void told.push(caller) } },
    ...{ policyOf: () => own, functionOf: (source) => source, roleOf: () => ROLE, ...guard },
  });
  const trace = newTrace(seededRandom(1));
  const given = { arn, source, ...(attributes && { attributes }) };
  const delivery: Delivery = { ...given, payload: Buffer.from('x'), policy: { attemptsMax: 1 } as never, trace };
  const refused = await guarded.deliver(delivery, 1, new AbortController().signal).then(
    () => undefined,
    (error: Error & { remedy?: string }) => error,
  );
  return { taken: taken.length, told, refused };
}

test('a topic delivers into a queue whose policy lets that topic, and no other', async () => {
  const from = (ArnEquals: string) =>
    policy({ Service: 'sns.amazonaws.com' }, 'sqs:SendMessage', QUEUE, { ArnEquals: { 'aws:SourceArn': ArnEquals } });
  assert.equal((await deliver('sqs', { arn: QUEUE, source: TOPIC }, { own: from(TOPIC) })).taken, 1);
  const other = await deliver('sqs', { arn: QUEUE, source: TOPIC }, { own: from(`${TOPIC}-of-somebody`) });
  assert.equal(other.taken, 0);
  assert.equal(other.refused!.remedy, 'never');
  assert.match(other.refused!.message, /^User: sns\.amazonaws\.com is not authorized to perform: sqs:SendMessage/);
  assert.equal(other.told.length, 1);
  assert.equal((await deliver('sqs', { arn: QUEUE, source: TOPIC })).taken, 0, 'a queue without a policy');
});

test('an alarm tells a topic that nobody has given a policy, and one whose policy names it', async () => {
  const alarm = { arn: TOPIC, source: 'arn:aws:cloudwatch:us-east-1:000000000000:alarm:hot' };
  const owned = { StringEquals: { 'AWS:SourceOwner': '000000000000' } };
  assert.equal((await deliver('sns', alarm, { own: policy({ AWS: '*' }, 'SNS:Publish', TOPIC, owned) })).taken, 1);
  const named = policy({ Service: 'cloudwatch.amazonaws.com' }, 'sns:Publish', TOPIC);
  assert.equal((await deliver('sns', alarm, { own: named })).taken, 1);
  const other = policy({ Service: 's3.amazonaws.com' }, 'sns:Publish', TOPIC);
  assert.equal((await deliver('sns', alarm, { own: other })).taken, 0);
  const bucket = { arn: TOPIC, source: 'arn:aws:s3:::photos' };
  assert.equal((await deliver('sns', bucket, { own: policy({ AWS: '*' }, 'SNS:Publish', TOPIC, owned) })).taken, 0);
  const byFunction = policy({ Service: 'lambda.alarms.cloudwatch.amazonaws.com' }, 'lambda:InvokeFunction', FUNCTION);
  assert.equal((await deliver('lambda', { ...alarm, arn: FUNCTION }, { own: byFunction })).taken, 1);
});

test('a policy that lets an account speaks of the account of the source, buckets included', async () => {
  const of = (account: string) =>
    policy({ Service: 's3.amazonaws.com' }, 'lambda:InvokeFunction', FUNCTION, {
      StringEquals: { 'aws:SourceAccount': account },
    });
  const delivery = { arn: FUNCTION, source: 'arn:aws:s3:::photos' };
  assert.equal((await deliver('lambda', delivery, { own: of('000000000000') })).taken, 1);
  assert.equal((await deliver('lambda', delivery, { own: of('111111111111') })).taken, 0);
});

test('what stays within the node counts as encrypted: a policy that denies everything else lets it in', async () => {
  const [statement] = JSON.parse(policy({ Service: 'sns.amazonaws.com' }, 'sqs:SendMessage', QUEUE)).Statement;
  const Condition = { Bool: { 'aws:SecureTransport': 'false' } };
  const denied = { ...statement, Effect: 'Deny', Principal: '*', Condition };
  const own = JSON.stringify({ Version: '2012-10-17', Statement: [statement, denied] });
  assert.equal((await deliver('sqs', { arn: QUEUE, source: TOPIC }, { own })).taken, 1);
});

test('a service that the policy does not name is not let in by the name of another', async () => {
  const own = policy({ Service: 's3.amazonaws.com' }, 'lambda:InvokeFunction', FUNCTION);
  assert.equal((await deliver('lambda', { arn: FUNCTION, source: TOPIC }, { own })).taken, 0);
  const rule = 'arn:aws:iot:us-east-1:000000000000:rule/all';
  assert.equal((await deliver('lambda', { arn: FUNCTION, source: rule }, { own })).taken, 0);
});

test("what a function sends on needs its role's right, and an asynchronous invocation is the node's own errand", async () => {
  const identity = [
    JSON.stringify({
      Version: '2012-10-17',
      Statement: [{ Effect: 'Allow', Action: 'sqs:SendMessage', Resource: QUEUE }],
    }),
  ];
  assert.equal((await deliver('sqs', { arn: QUEUE, source: FUNCTION }, { identity })).taken, 1);
  const without = await deliver('sqs', { arn: QUEUE, source: FUNCTION });
  assert.match(without.refused!.message, /assumed-role\/worker\/work is not authorized to perform: sqs:SendMessage/);
  assert.equal((await deliver('lambda', { arn: FUNCTION, source: FUNCTION })).taken, 1);
});

test('a function whose version is gone sends with the role that it has; one that is gone itself with that of nobody', async () => {
  const Statement = [{ Effect: 'Allow', Action: 'sqs:SendMessage', Resource: QUEUE }];
  const identity = [JSON.stringify({ Version: '2012-10-17', Statement })];
  const roleOf = (arn: string) => (arn === FUNCTION ? ROLE : undefined);
  const version = { arn: QUEUE, source: `${FUNCTION}:7` };
  assert.equal((await deliver('sqs', version, { identity, roleOf })).taken, 1);
  const gone = await deliver('sqs', { arn: QUEUE, source: `${FUNCTION}-gone` }, { identity, roleOf });
  assert.match(gone.refused!.message, /^User: lambda\.amazonaws\.com is not authorized to perform: sqs:SendMessage/);
});

test('a bucket takes records of a function whose role may put them under their key', async () => {
  const delivery = { arn: 'arn:aws:s3:::records', source: FUNCTION, attributes: { key: 'aws/lambda/async/records/1' } };
  const put = (Resource: string) => {
    const Statement = [{ Effect: 'Allow', Action: 's3:PutObject', Resource }];
    return deliver('s3', delivery, { identity: [JSON.stringify({ Version: '2012-10-17', Statement })] });
  };
  assert.equal((await put('arn:aws:s3:::records/aws/lambda/*')).taken, 1);
  assert.equal((await put('arn:aws:s3:::records/mine/*')).taken, 0);
});

test('dev delivers all the same and tells what is missing; with authorization off nothing is asked', async () => {
  const dev = await deliver('sqs', { arn: QUEUE, source: TOPIC }, { mode: 'dev' });
  assert.deepEqual([dev.taken, dev.told.length], [1, 1]);
  const off = await deliver('sqs', { arn: QUEUE, source: TOPIC }, { authorization: 'off' });
  assert.deepEqual([off.taken, off.told.length], [1, 0]);
});
