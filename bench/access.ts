/**
 * Deciding about devices by policies: what a publish costs, and what a connection costs, in processor time of this thread. Not
 * measured: the handshake that proves a certificate, and passwords, whose hash is slow on purpose (some 180 ms).
 */
import { SimulatedClock } from '../src/base/index.ts';
import { PrincipalChanges } from '../src/services/iot/access/changes.ts';
import { LiveClients } from '../src/services/iot/access/live.ts';
import { LivePermissions } from '../src/services/iot/access/permissions.ts';
import { parsePolicyDocument } from '../src/services/iot/policies/document.ts';
import type { Figure } from './figure.ts';

const arn = (resource: string) => `arn:aws:iot:us-east-1:000000000000:${resource}`;
const THING = '${iot:Connection.Thing.ThingName}';

/** What fleets have: everything below the name of the thing. */
const OWN = [
  { Effect: 'Allow', Action: 'iot:Connect', Resource: arn(`client/${THING}`) },
  { Effect: 'Allow', Action: ['iot:Publish', 'iot:Receive'], Resource: arn(`topic/devices/${THING}/*`) },
  { Effect: 'Allow', Action: 'iot:Subscribe', Resource: arn(`topicfilter/devices/${THING}/*`) },
];

/** As much as may be attached: ten policies of ten statements, of which the last one allows. */
const LONG = Array.from({ length: 10 }, (_, policy) =>
  Array.from({ length: 10 }, (_, n) => ({
    Effect: policy === 0 ? 'Deny' : 'Allow',
    Action: 'iot:Publish',
    Resource: policy === 9 && n === 9 ? arn(`topic/devices/${THING}/*`) : arn(`topic/x${policy}/*/y${n}/*`),
  })),
);

const effective = (name: string, statements: readonly object[]) => ({
  name,
  via: arn('cert/1'),
  document: parsePolicyDocument(JSON.stringify({ Version: '2012-10-17', Statement: statements })),
});

export async function run(): Promise<Figure[]> {
  const own = [effective('own', OWN)];
  const long = [...own, ...LONG.map((statements, index) => effective(`p${index}`, statements))];
  const one = client('pump-1', own);
  const many = client('pump-1', long);
  const topics = Array.from({ length: 1_000 }, (_, index) => `devices/pump-1/reading-${index}`);
  return [
    figure(
      'policy decision, the topic of the publish before',
      2_000_000,
      () => one.mayPublish('devices/pump-1/state'),
      0.1,
    ),
    figure('policy decision, another topic each time', 2_000_000, (n) => one.mayPublish(topics[n % 1_000]!), 0.3),
    figure('policy decision, 10 policies of 10 statements', 200_000, (n) => many.mayPublish(topics[n % 1_000]!), 10),
    figure(
      'policy decision on a CONNECT, compiled for the client',
      100_000,
      (n) => client(`pump-${n}`, own).mayConnect,
      20,
    ),
  ];
}

function client(name: string, policies: ReturnType<typeof effective>[]): LivePermissions {
  const certificate = arn('cert/1');
  const thing = { name, typeName: undefined, attributes: {}, groupArns: [], isExclusive: false };
  const clock = new SimulatedClock();
  return new LivePermissions(
    {
      ...{ principal: '1', arns: [certificate], region: 'us-east-1', values: () => undefined, policies: [] },
      lapsed: () => undefined,
    },
    { clientId: name, sourceIp: '10.0.0.1', serverName: undefined, isEncrypted: true, connectAttributes: [] },
    {
      live: new LiveClients(new PrincipalChanges(), clock),
      now: () => clock.now(),
      thingsOf: () => [thing],
      policiesOf: () => policies,
      refused: () => {},
    },
  );
}

function figure(name: string, times: number, decide: (n: number) => boolean, microsMax: number): Figure {
  for (let n = 0; n < times / 10; n++) decide(n);
  const before = process.threadCpuUsage();
  let allowed = 0;
  for (let n = 0; n < times; n++) if (decide(n)) allowed++;
  const { user, system } = process.threadCpuUsage(before);
  if (allowed !== times) throw new Error(`${name}: something was denied`);
  const micros = (user + system) / times;
  return { name, value: micros, unit: 'µs', target: { value: microsMax, met: micros <= microsMax } };
}
