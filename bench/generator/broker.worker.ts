/**
 * Our broker alone in a process: messages of the load go durably into a stream of four shards. Prints where it listens, and a
 * certificate that may do everything over TLS, as one line of JSON.
 */
import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock, systemRandom } from '../../src/base/index.ts';
import { encodeName, encodePem, makeRequest } from '../../src/codec/x509/index.ts';
import { openMqttGateway } from '../../src/gateway/mqtt/index.ts';
import type { OperationContext } from '../../src/services/index.ts';
import { openInTheClear, openIot } from '../../src/services/iot/index.ts';
import { openKinesis } from '../../src/services/kinesis/index.ts';
import { EmbeddedLog } from '../../src/store/log/embedded/index.ts';
import { openEmbeddedRecords } from '../../src/store/records/embedded/records.ts';
import { createLogger, createMetrics } from '../../src/telemetry/index.ts';
import type { SecureTarget } from './load.ts';

const REGION = 'us-east-1';
const directory = await mkdtemp(join(tmpdir(), 'millrace-bench-mqtt-'));
const shared = {
  clock: systemClock,
  random: systemRandom,
  logger: createLogger({ clock: systemClock, level: 'warn' }),
  metrics: createMetrics(),
};
await using scope = new AsyncDisposableStack();
scope.defer(() => rm(directory, { recursive: true, force: true }));
const records = scope.use(await openEmbeddedRecords({ directory: join(directory, 'records') }));
const log = scope.use(await EmbeddedLog.open({ directory: join(directory, 'log'), logger: shared.logger }));
const kinesis = scope.use(await openKinesis({ log, records, ...shared }));
const context: OperationContext = {
  requestId: 'bench',
  region: REGION,
  caller: { accountId: '000000000000', arn: 'arn:aws:iam::000000000000:root' },
  endpoint: 'http://127.0.0.1',
  signal: new AbortController().signal,
  trace: { traceId: '1'.repeat(32), spanId: '1'.repeat(16), sampled: false },
};
await kinesis.service.operations.CreateStream!({ StreamName: 'bench', ShardCount: 4 }, context);
const delivery = {
  register: () => {},
  send: async () => {},
  edges: () => [],
  onGivenUp: () => () => {},
  onDelivered: () => () => {},
  [Symbol.asyncDispose]: async () => {},
};
const iot = scope.use(await openIot({ records, delivery, kinesis, ...shared }));
const [control] = iot.services;
const topicRulePayload = {
  sql: "SELECT * FROM 'bench/#'",
  actions: [{ kinesis: { roleArn: 'bench', streamName: 'bench', partitionKey: '${topic(2)}' } }],
};
await control!.operations.CreateTopicRule!({ ruleName: 'bench', topicRulePayload }, context);
const call = async (name: string, input: Record<string, unknown>): Promise<Record<string, any>> =>
  (await control!.operations[name]!(input, context)) as Record<string, any>;
const statement = { Effect: 'Allow', Action: 'iot:*', Resource: '*' };
await call('CreatePolicy', {
  policyName: 'bench',
  policyDocument: JSON.stringify({ Version: '2012-10-17', Statement: [statement] }),
});
// A key as devices have them: P-256. The RSA keys that AWS makes cost the device ten times as much, and a generator of devices, too.
const device = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const request = await makeRequest(encodeName(['CN', 'bench']), device.publicKey, device.privateKey);
const { certificateArn, certificatePem } = await call('CreateCertificateFromCsr', {
  certificateSigningRequest: encodePem('CERTIFICATE REQUEST', request),
  setAsActive: true,
});
await call('AttachPolicy', { policyName: 'bench', target: certificateArn });
const gateway = scope.use(
  await openMqttGateway({
    broker: iot.broker,
    port: 0,
    listeners: [{ kind: 'mqtts', host: '127.0.0.1', port: 0 }],
    identity: () => iot.authority.serverIdentity(['localhost', '127.0.0.1']),
    // In plain for everybody, over TLS for those with a certificate, as in `dev`.
    access: openInTheClear(iot.access),
    watcher: iot.watcher,
    ...shared,
  }),
);
const secure: SecureTarget = {
  port: gateway.listening[1]!.port,
  key: device.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
  cert: certificatePem,
  ca: await iot.authority.certificate(),
};
process.stdout.write(`${JSON.stringify({ port: gateway.address.port, secure })}\n`);
await new Promise((resolve) => process.once('SIGTERM', resolve));
await scope.disposeAsync();
process.exit(0);
