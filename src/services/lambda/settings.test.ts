import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tagSettings } from './function-tags.ts';
import type { CodePackage } from './model.ts';
import { changedSettings, checkUnzipped, newSettings, type SettingsInput } from './settings.ts';

const BASE: SettingsInput = { Runtime: 'nodejs24.x', Handler: 'index.handler', Role: 'r' };
const made = (more: SettingsInput) => newSettings('f', { ...BASE, ...more }, () => []);
const refuses = (act: () => unknown, message: RegExp) =>
  assert.throws(act, (error: any) => {
    assert.equal(error.code, 'invalid-parameter');
    assert.match(error.message, message);
    return true;
  });

test('the runtimes of the node are taken, others refused with the list', () => {
  for (const Runtime of ['nodejs20.x', 'python3.8', 'python3.14', 'provided.al2', 'provided.al2023']) {
    assert.equal(made({ Runtime }).runtime, Runtime);
  }
  for (const Runtime of ['java21', 'python3.7', 'python3.15', 'nodejs16.x', 'provided', 'nodejs24.x ']) {
    refuses(
      () => made({ Runtime }),
      /it runs nodejs18\.x, 20\.x, 22\.x and 24\.x, python3\.8 to python3\.14, provided\.al2/,
    );
  }
});

test('what the node has not is refused by name, not passed over', () => {
  refuses(
    () => made({ CapacityProviderConfig: {} }),
    /^CapacityProviderConfig .* set the tag millrace:environment-concurrency/,
  );
  refuses(() => made({ DurableConfig: { ExecutionTimeout: 1 } }), /^DurableConfig is not supported/);
  refuses(() => made({ TenancyConfig: {} }), /^TenancyConfig is not supported/);
  refuses(() => made({ FileSystemConfigs: [{}] }), /^FileSystemConfigs is not supported/);
  assert.ok(made({ FileSystemConfigs: [], CodeSigningConfigArn: '', VpcConfig: { SubnetIds: ['s'] } }));
});

test('SnapStart is for runtimes that have snapshots, and for the usual /tmp', () => {
  const SnapStart = { ApplyOn: 'PublishedVersions' } as const;
  assert.equal(made({ SnapStart }).snapStart, 'PublishedVersions');
  assert.equal(made({ SnapStart: { ApplyOn: 'None' } }).snapStart, undefined);
  refuses(() => made({ SnapStart, Runtime: 'provided.al2023' }), /provided\.al2023 is not supported for SnapStart/);
  refuses(() => made({ SnapStart, EphemeralStorage: { Size: 513 } }), /greater than 512 MB/);
  const on = made({ SnapStart });
  assert.equal(changedSettings(on, { Timeout: 9 }, () => []).snapStart, 'PublishedVersions');
  refuses(() => changedSettings(on, { EphemeralStorage: { Size: 1024 } }, () => []), /greater than 512 MB/);
});

test('a package and its layers together have AWS limit', () => {
  const code = (unzippedBytes?: number): CodePackage => ({
    sha256: '',
    sizeBytes: 1,
    ...(unzippedBytes && { unzippedBytes }),
  });
  const layer = (bytes?: number) => ({ arn: 'a', code: code(bytes) });
  checkUnzipped(code(262_143_999), [layer(1)]);
  checkUnzipped(code(), [layer(262_144_000)]);
  refuses(
    () => checkUnzipped(code(262_143_999), [layer(1), layer(1)]),
    /^Function code combined with layers exceeds the maximum allowed size of 262144000 bytes\. The actual size is 262144001 bytes\.$/,
  );
});

test('tags set egress and the concurrency of an environment', () => {
  assert.deepEqual(tagSettings({}), { egress: { kind: 'all' }, environmentConcurrency: 1 });
  assert.deepEqual(tagSettings({ 'millrace:egress': 'none', 'millrace:environment-concurrency': '1000' }), {
    egress: { kind: 'none' },
    environmentConcurrency: 1000,
  });
  const allow = 'allow:api.example.com:443, 10.0.0.0/8,192.168.1.7:80,localhost';
  assert.deepEqual(tagSettings({ 'millrace:egress': allow }).egress, {
    kind: 'allowlist',
    destinations: ['api.example.com:443', '10.0.0.0/8', '192.168.1.7:80', 'localhost'],
  });
});

for (const value of ['', 'some', 'allow:', 'allow:,', 'allow:a b', 'allow:10.0.0.0/33', 'allow:h:0', 'allow:h:65536']) {
  test(`no egress: ${JSON.stringify(value)}`, () => {
    refuses(() => tagSettings({ 'millrace:egress': value }), /^The tag millrace:egress /);
  });
}

for (const value of [
  'allow:10.0.0',
  'allow:256.1.1.1',
  'allow:host/8',
  'allow:-a.b',
  'allow:[1.2.3.4]',
  'allow:[fd00::1]:53',
  'allow:http://a',
]) {
  test(`no destination: ${value}`, () => {
    refuses(
      () => tagSettings({ 'millrace:egress': value }),
      /a destination is a host name, an IPv4 address or a network/,
    );
  });
}

for (const value of ['0', '1001', '2.5', '1e2', ' 3', '', '-1', '0x10']) {
  test(`no concurrency: ${JSON.stringify(value)}`, () => {
    refuses(() => tagSettings({ 'millrace:environment-concurrency': value }), /whole number from 1 to 1000; it was/);
  });
}
