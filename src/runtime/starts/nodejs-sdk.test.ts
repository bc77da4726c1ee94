import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openNodejsSdk } from './nodejs-sdk.ts';

test('what was noted of the SDK is found again where a crash has cut it off or its directory has moved', (t) => {
  const root = mkdtempSync(join(tmpdir(), 'millrace-sdk-'));
  process.env.MILLRACE_AWS_SDK = join(root, 'aws-sdk');
  t.after(() => {
    delete process.env.MILLRACE_AWS_SDK;
    rmSync(root, { recursive: true });
  });
  const client = join(root, 'aws-sdk/node_modules/@aws-sdk/client-s3');
  mkdirSync(client, { recursive: true });
  writeFileSync(join(client, 'package.json'), '{}');
  const directory = join(root, 'old/links');
  const first = openNodejsSdk(directory)!;
  assert.deepEqual(openNodejsSdk(directory), first);
  for (const torn of ['', '{"state":"', 'null']) {
    writeFileSync(join(directory, 'found.json'), torn);
    assert.deepEqual(openNodejsSdk(directory), first, JSON.stringify(torn));
  }
  renameSync(join(root, 'old'), join(root, 'new'));
  assert.ok(existsSync(openNodejsSdk(join(root, 'new/links'))!.modules));
});
