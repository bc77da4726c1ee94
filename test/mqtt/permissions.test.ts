import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { SimulatedClock } from '../../src/base/index.ts';
import type * as mqtt from '../../src/codec/mqtt/index.ts';
import { Reason } from '../../src/codec/mqtt/index.ts';
import {
  type ClientPermissions,
  type ClientWatcher,
  type ConnectRequest,
  type DeviceAccess,
  type DisconnectReason,
  OPEN_ACCESS,
  userArn,
} from '../../src/services/iot/index.ts';
import { peerOf } from '../iot/peer.ts';
import { openRig, publish, RawClient, type Rig } from './harness.ts';

const { permissions: EVERYTHING } = OPEN_ACCESS.connect({} as ConnectRequest) as { permissions: ClientPermissions };

/** What clients may receive, as it is now: everything but what is withheld, by client. */
class Withheld implements DeviceAccess {
  readonly #topics = new Map<string, string>();

  withhold(clientId: string, topic: string): void {
    this.#topics.set(clientId, topic);
  }

  connect({ clientId }: Pick<ConnectRequest, 'clientId'>) {
    const topics = this.#topics;
    const permissions: ClientPermissions = {
      ...EVERYTHING,
      mayReceive: (topic) => topics.get(clientId) !== topic,
      get receivesAll() {
        return !topics.has(clientId);
      },
    };
    return { kind: 'accepted', permissions } as const;
  }

  publisher() {
    return { kind: 'accepted', permissions: EVERYTHING } as const;
  }
}

async function payload(client: RawClient): Promise<string> {
  const packet = await client.next();
  assert(packet?.type === 'publish', JSON.stringify(packet));
  return packet.payload.toString();
}

const puback = (packetId: number) => ({ type: 'puback', packetId, reasonCode: 0, properties: {} }) as const;

/** Publishes in order, and waits until all is acknowledged. */
async function published(rig: Rig, ...messages: readonly (readonly [topic: string, payload: string])[]): Promise<void> {
  await using publisher = await RawClient.connected(rig.port, { clientId: 'publisher' });
  for (const [index, [topic, text]] of messages.entries()) {
    publisher.send(publish(topic, text, { qos: 1, packetId: index + 1 }));
    assert.equal((await publisher.next())?.type, 'puback');
  }
}

for (const sessionExpiryInterval of [0, 3600]) {
  test(`what waits for a client that may no longer receive it is not sent (session expiry ${sessionExpiryInterval})`, async () => {
    const access = new Withheld();
    await using rig = await openRig({ access });
    const properties: mqtt.Properties = { receiveMaximum: 1, sessionExpiryInterval };
    await using client = await RawClient.connected(rig.port, { clientId: 'c', clean: false, properties });
    await client.subscribe('d/#', 1);
    await published(rig, ['d/open', 'first'], ['d/secret', 'secret'], ['d/open', 'second'], ['d/open', 'third']);
    const first = await client.next();
    assert(first?.type === 'publish' && first.payload.toString() === 'first');
    access.withhold('c', 'd/secret');
    client.send(puback(first.packetId));
    const second = await client.next();
    assert(second?.type === 'publish' && second.payload.toString() === 'second', JSON.stringify(second));
    client.send(puback(second.packetId));
    assert.equal(await payload(client), 'third', 'what is not sent takes no place of the receive maximum');
  });
}

test('a shared subscription passes over members that may not receive the message', async () => {
  const access = new Withheld();
  await using rig = await openRig({ access });
  await using one = await RawClient.connected(rig.port, { clientId: 'one' });
  await using two = await RawClient.connected(rig.port, { clientId: 'two' });
  for (const member of [one, two]) await member.subscribe('$share/g/d/#', 1);
  access.withhold('one', 'd/secret');
  await published(rig, ...['1', '2', '3', '4'].map((text) => ['d/secret', text] as const));
  for (const expected of ['1', '2', '3', '4']) assert.equal(await payload(two), expected);
  await one.settle();
  assert.equal(one.unread, 0);
  access.withhold('two', 'd/secret');
  await published(rig, ['d/secret', '5'], ['d/open', '6'], ['d/open', '7']);
  assert.deepEqual([await payload(one), await payload(two)].sort(), ['6', '7'], 'of whom nobody may, nobody has it');
});

test('a waiting message of a shared subscription goes to a member that may receive it', async () => {
  const access = new Withheld();
  await using rig = await openRig({ access });
  const properties = { receiveMaximum: 1 };
  await using one = await RawClient.connected(rig.port, { clientId: 'one', properties });
  await one.subscribe('$share/g/d/#', 1);
  await published(rig, ['d/open', 'first'], ['d/secret', 'secret']);
  const first = await one.next();
  assert(first?.type === 'publish' && first.payload.toString() === 'first');
  await using two = await RawClient.connected(rig.port, { clientId: 'two' });
  await two.subscribe('$share/g/d/#', 1);
  access.withhold('one', 'd/secret');
  one.send(puback(first.packetId));
  assert.equal(await payload(two), 'secret');
  await one.settle();
  assert.equal(one.unread, 0);
});

/** Decides by identity, with what clients prove added to what they send. */
class ByIdentity implements DeviceAccess {
  readonly proofs = new Map<string, Partial<ConnectRequest>>();
  rig: Rig | undefined;

  connect(request: ConnectRequest) {
    return this.rig!.iot.access.connect({ ...request, isEncrypted: true, ...this.proofs.get(request.clientId) });
  }

  publisher() {
    return { kind: 'accepted', permissions: EVERYTHING } as const;
  }
}

const allowing = (resource: string) =>
  JSON.stringify({
    Version: '2012-10-17',
    Statement: [
      { Effect: 'Allow', Action: 'iot:Connect', Resource: '*' },
      { Effect: 'Allow', Action: ['iot:Publish', 'iot:Subscribe', 'iot:Receive'], Resource: resource },
    ],
  });

/** Payloads that are published from now on. */
function listen({ iot }: Rig, filter: string): readonly string[] {
  const heard: string[] = [];
  iot.broker.subscribe({
    subscriber: {
      ...{ clientId: undefined, principal: undefined, isCongested: false, mayReceive: () => true },
      deliver: ({ packet }) => {
        heard.push(packet.payload.toString());
        return undefined;
      },
    },
    ...{ filter, qos: 0, noLocal: false, retainAsPublished: false },
  });
  return heard;
}

/** A client whose will is published when a minute has passed since it was lost. */
async function lostWithWill(port: number, clientId: string, topic: string): Promise<void> {
  const will = {
    ...{ topic, payload: Buffer.from(clientId), qos: 1 as const, retain: false },
    properties: { willDelayInterval: 60 },
  } as const;
  const properties = { sessionExpiryInterval: 3600 };
  const client = await RawClient.connected(port, { clientId, clean: false, will, properties });
  const closed = new Promise((resolve) => client.socket.once('close', resolve));
  client.socket.destroy();
  await closed;
}

for (const isRestarted of [false, true]) {
  test(`a delayed will goes by what its client may do when it is due${isRestarted ? ', over a restart too' : ''}`, async () => {
    const clock = new SimulatedClock();
    const access = new ByIdentity();
    await using rig = await openRig({ clock, access });
    access.rig = rig;
    const names = ['kept', 'withdrawn', 'disconnected', 'revoked', 'certified', 'user'] as const;
    const arns = new Map<string, string>();
    for (const name of names) {
      const resource = name === 'certified' ? '*:topic/will/${iot:Certificate.Subject.CommonName}' : '*:topic/will/*';
      await rig.call('CreatePolicy', { policyName: name, policyDocument: allowing(resource) });
      if (name === 'user') {
        await rig.iot.users.setPassword('u', 'password-1', 'eu-central-1');
        access.proofs.set(name, { username: 'u', password: Buffer.from('password-1') });
        arns.set(name, userArn({ name: 'u', region: 'eu-central-1' }));
      } else {
        const { certificateArn, certificatePem } = await rig.call('CreateKeysAndCertificate', { setAsActive: true });
        access.proofs.set(name, { certificate: peerOf(certificatePem) });
        arns.set(name, certificateArn);
      }
      await rig.call('AttachPolicy', { policyName: name, target: arns.get(name) });
      await lostWithWill(rig.port, name, name === 'certified' ? 'will/AWS IoT Certificate' : `will/${name}`);
    }
    await clock.advance(30_000);
    await using now = isRestarted ? await rig.restart() : rig;
    access.rig = now;
    await now.call('DetachPolicy', { policyName: 'withdrawn', target: arns.get('withdrawn') });
    const version = { policyName: 'disconnected', policyDocument: allowing('*').replace('iot:Connect', 'iot:Nothing') };
    await now.call('CreatePolicyVersion', { ...version, setAsDefault: true });
    const certificateId = arns.get('revoked')!.split('/')[1];
    await now.call('UpdateCertificate', { certificateId, newStatus: 'REVOKED' });
    const heard = listen(now, 'will/#');
    await clock.advance(29_000);
    assert.deepEqual(heard, []);
    // Who they were is read from the store first.
    while (heard.length < 3) await clock.advance(100);
    await clock.advance(5_000);
    assert.deepEqual(heard.toSorted(), ['certified', 'kept', 'user']);
  });
}

test('who is put out says a last word at once, where its policies allow it, and nothing later', async () => {
  const clock = new SimulatedClock();
  const access = new ByIdentity();
  const put = new Set<string>();
  const watcher: ClientWatcher = {
    ...{ connectFailed: () => {}, connected: () => {}, subscribed: () => {}, unsubscribed: () => {} },
    disconnected: ({ clientId }) => void put.add(clientId),
  };
  await using rig = await openRig({ clock, access, watcher });
  access.rig = rig;
  await using scope = new AsyncDisposableStack();
  const arns = new Map<string, string>();
  for (const sessionExpiryInterval of [0, 3600]) {
    for (const [kind, willDelayInterval] of [
      ['revoked', 0],
      ['withdrawn', 0],
      ['delayed', 60],
    ] as const) {
      const clientId = `${kind}-${sessionExpiryInterval}`;
      const { certificateArn, certificatePem } = await rig.call('CreateKeysAndCertificate', { setAsActive: true });
      await rig.call('CreatePolicy', { policyName: clientId, policyDocument: allowing('*') });
      await rig.call('AttachPolicy', { policyName: clientId, target: certificateArn });
      access.proofs.set(clientId, { certificate: peerOf(certificatePem) });
      arns.set(clientId, certificateArn);
      const will = { topic: 'will', payload: Buffer.from(clientId), qos: 1, retain: false } as const;
      const connecting = { clientId, will: { ...will, properties: { willDelayInterval } }, clean: false };
      scope.use(await RawClient.connected(rig.port, { ...connecting, properties: { sessionExpiryInterval } }));
    }
  }
  const heard = listen(rig, 'will');
  for (const [clientId, arn] of arns) {
    if (clientId.startsWith('withdrawn')) await rig.call('DetachPolicy', { policyName: clientId, target: arn });
    else await rig.call('UpdateCertificate', { certificateId: arn.split('/')[1], newStatus: 'REVOKED' });
  }
  while (put.size < arns.size) await new Promise((resolve) => setImmediate(resolve));
  // A session of 0 ends with its connection, and its will is due then whatever its delay (3.1.3.2.2).
  const atOnce = ['revoked-0', 'delayed-0', 'revoked-3600'].toSorted();
  assert.deepEqual(heard.toSorted(), atOnce);
  await clock.advance(3_700_000);
  assert.deepEqual(heard.toSorted(), atOnce);
});

test('a connection ends when what has let it in does: its certificate, or the credentials that have signed for it', async () => {
  const pem = await shortLived();
  const { validFromDate, validToDate } = new X509Certificate(pem);
  const clock = new SimulatedClock(validFromDate.getTime() + 1_000);
  const access = new ByIdentity();
  const left: (readonly [clientId: string, reason: DisconnectReason])[] = [];
  const watcher: ClientWatcher = {
    ...{ connectFailed: () => {}, connected: () => {}, subscribed: () => {}, unsubscribed: () => {} },
    disconnected: ({ clientId }, reason) => left.push([clientId, reason]),
  };
  await using rig = await openRig({ clock, access, watcher });
  access.rig = rig;
  const { certificateArn } = await rig.call('RegisterCertificateWithoutCA', { certificatePem: pem, status: 'ACTIVE' });
  await rig.call('CreatePolicy', { policyName: 'p', policyDocument: allowing('*') });
  await rig.call('AttachPolicy', { policyName: 'p', target: certificateArn });
  access.proofs.set('certified', { certificate: peerOf(pem) });
  const caller = { accountId: '000000000000', arn: 'arn:aws:sts::000000000000:assumed-role/r/s' };
  access.proofs.set('signed', { caller: { ...caller, expiresAt: clock.now() + 3_600_000 } });
  access.proofs.set('root', { caller });
  const clients = new Map<string, RawClient>();
  for (const clientId of access.proofs.keys()) clients.set(clientId, await RawClient.connected(rig.port, { clientId }));
  await clock.advance(3_599_000);
  assert.deepEqual(left, []);
  await clock.advance(2_000);
  const told = await clients.get('signed')!.next();
  assert(told?.type === 'disconnect' && told.reasonCode === Reason.notAuthorized);
  assert.deepEqual(left.splice(0), [['signed', 'WEBSOCKET_TTL_EXPIRATION']]);
  await clock.advance(validToDate.getTime() - clock.now());
  assert.deepEqual(left, []);
  await clock.advance(1_000);
  assert.deepEqual(left, [['certified', 'FORBIDDEN_ACCESS']]);
  assert(rig.gateway.clients.get('root'));
  for (const client of clients.values()) await client[Symbol.asyncDispose]();
});

/** A certificate that is good for a day. */
async function shortLived(): Promise<string> {
  const args = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1'];
  const { stdout } = await promisify(execFile)('openssl', [...args, '-keyout', '/dev/null', '-subj', '/CN=day']);
  return stdout;
}
