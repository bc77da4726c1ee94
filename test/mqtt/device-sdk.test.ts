import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import type { SdkOutcome, SdkSettings } from './device-sdk-client.ts';
import { openSecureRig, ROOT_KEYS, type SecureRig } from './secure-rig.ts';

let secure: SecureRig;
let outcomes: readonly SdkOutcome[];

before(async () => {
  secure = await openSecureRig();
  const { mqtts, https, device, authority } = secure;
  const settings: SdkSettings = {
    ...{ mqtts, https, device, caFile: authority.authority.certFile, keys: ROOT_KEYS },
    stranger: authority.issue('sdk-stranger'),
  };
  const argv = [join(import.meta.dirname, 'device-sdk-client.ts'), JSON.stringify(settings)];
  const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines = (await text(child.stdout)).trim().split('\n');
  outcomes = lines.map((line) => JSON.parse(line) as SdkOutcome);
});

after(() => secure[Symbol.asyncDispose]());

const requestOf = (name: string) => secure.access.connects.find(({ clientId }) => clientId === name);

for (const name of [
  'MQTT 5 by mutual TLS',
  'MQTT 5 by mutual TLS and ALPN',
  'MQTT 5 by a custom authorizer',
  'MQTT 5 by WebSocket and Signature Version 4',
  'MQTT 5 by WebSocket and a custom authorizer',
  'MQTT 3.1.1 by mutual TLS',
  'MQTT 3.1.1 by WebSocket and Signature Version 4',
]) {
  test(`the AWS IoT device SDK publishes and subscribes: ${name}`, () => {
    assert.deepEqual(
      outcomes.find((outcome) => outcome.name === name),
      { name, connack: 0, received: name },
    );
    assert.equal(requestOf(name)?.version, name.startsWith('MQTT 5') ? 5 : 4);
  });
}

test('a certificate that access refuses is told to the SDK as not authorized', () => {
  assert.deepEqual(outcomes.at(-1), { name: 'a stranger', connack: 0x87 });
});

test('what each way proves is told to access', () => {
  assert.equal(requestOf('MQTT 5 by mutual TLS and ALPN')?.certificate?.certificateId, secure.device.id);
  const signed = requestOf('MQTT 5 by WebSocket and Signature Version 4');
  assert.equal(signed?.caller?.accessKeyId, ROOT_KEYS.accessKeyId);
  const custom = requestOf('MQTT 5 by a custom authorizer');
  assert.match(custom!.username!, /^user\?x-amz-customauthorizer-name=gate/);
});
