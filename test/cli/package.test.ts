import assert from 'node:assert/strict';
import { test } from 'node:test';
import { IAMClient, ListPoliciesCommand } from '@aws-sdk/client-iam';
import { CreateFunctionCommand, InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { CreateBucketCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { publishedPackage, startNode, stopNode } from '../../bench/package.ts';
import { zipOf } from '../support/clients.ts';
import { temporaryDirectory } from '../support/directory.ts';

/** Above this, MD5 is taken by the worker for digests. */
const LARGE_BYTES = 4 << 20;

test('the built package finds its workers, its tables and its runtimes', async () => {
  await using directory = await temporaryDirectory();
  const bin = await publishedPackage(`${directory.path}/package`);
  const node = await startNode(bin, `${directory.path}/data`);
  const client = { endpoint: node.url, region: 'us-east-1', credentials: { accessKeyId: 'a', secretAccessKey: 'b' } };
  try {
    const s3 = new S3Client({ ...client, forcePathStyle: true });
    await s3.send(new CreateBucketCommand({ Bucket: 'files' }));
    const { ETag } = await s3.send(
      new PutObjectCommand({ Bucket: 'files', Key: 'large', Body: Buffer.alloc(LARGE_BYTES, 'a') }),
    );
    // `head -c 4194304 /dev/zero | tr '\0' a | md5sum`
    assert.equal(ETag, '"bdbcf02ee0aa977795a79d25fcfdccb1"');

    const { Policies } = await new IAMClient(client).send(new ListPoliciesCommand({ Scope: 'AWS', MaxItems: 1000 }));
    assert.ok(Policies?.some(({ PolicyName }) => PolicyName === 'AdministratorAccess'));

    const lambda = new LambdaClient(client);
    await lambda.send(
      new CreateFunctionCommand({
        ...{ FunctionName: 'echo', Handler: 'index.handler', Runtime: 'nodejs24.x' },
        Role: 'arn:aws:iam::000000000000:role/echo',
        Code: { ZipFile: await zipOf({ 'index.mjs': 'export const handler = async (event) => event;' }) },
      }),
    );
    const { Payload } = await lambda.send(new InvokeCommand({ FunctionName: 'echo', Payload: '{"a":1}' }));
    assert.equal(Buffer.from(Payload!).toString(), '{"a":1}');

    const written = await fetch(`${node.url}/api/v2/write?bucket=line`, { method: 'POST', body: 'press force=7 1' });
    assert.equal(written.status, 204);
    const read = await fetch(
      `${node.url}/api/v3/query_sql?${new URLSearchParams({ db: 'line', q: 'SELECT force FROM press' })}`,
    );
    assert.deepEqual(await read.json(), [{ force: 7 }]);

    const page = await fetch(`${node.url}/_millrace/console`);
    assert.match(await page.text(), /<title>Millrace/);
  } finally {
    await stopNode(node);
  }
});
