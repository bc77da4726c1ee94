import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateBucketCommand, GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { type Clock, systemClock, systemRandom } from '../../src/base/index.ts';
import { openS3, type S3Dependencies } from '../../src/services/s3/index.ts';
import { openEmbeddedObjects, openEmbeddedRecords } from '../../src/store/index.ts';
import { silentLogger } from '../../src/telemetry/index.ts';
import { clientOptions, startWire, type TestWire } from '../wire/support.ts';

/** S3 on a port of its own, over stores in a folder that goes away with it. */
export async function withS3(
  run: (wire: TestWire, directory: string) => Promise<void>,
  more: Partial<S3Dependencies> = {},
): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-s3-'));
  try {
    await using scope = new AsyncDisposableStack();
    const records = scope.use(await openEmbeddedRecords({ directory: join(directory, 'records') }));
    const ground = { clock: systemClock, random: systemRandom, logger: silentLogger, ...more };
    const objects = scope.use(await openEmbeddedObjects({ directory: join(directory, 'objects'), records, ...ground }));
    const delivery = { send: async () => {} };
    const s3 = scope.use(await openS3({ objects, records, delivery, askDestination: async () => 'open', ...ground }));
    s3.resume();
    const wire = scope.use(await startWire([s3.service], { clock: ground.clock }));
    await run(wire, directory);
  } finally {
    await rm(directory, { recursive: true });
  }
}

export const BUCKET = { Bucket: 'test-bucket' };

/** A client with a bucket made. */
export async function withBucket(
  run: (s3: S3Client, wire: TestWire) => Promise<void>,
  options: { readonly clock?: Clock; readonly locks?: boolean } = {},
): Promise<void> {
  const { clock, locks = false } = options;
  await withS3(
    async (wire) => {
      const s3 = new S3Client({ ...clientOptions(wire), forcePathStyle: true });
      try {
        await s3.send(new CreateBucketCommand({ ...BUCKET, ObjectLockEnabledForBucket: locks }));
        await run(s3, wire);
      } finally {
        s3.destroy();
      }
    },
    clock ? { clock } : {},
  );
}

export const put = (s3: S3Client, Key: string, Body: string | Uint8Array, more: object = {}) =>
  s3.send(new PutObjectCommand({ ...BUCKET, Key, Body, ...more }));

export async function read(s3: S3Client, Key: string, more: object = {}) {
  const answer = await s3.send(new GetObjectCommand({ ...BUCKET, Key, ...more }));
  return { ...answer, text: await answer.Body!.transformToString() };
}

export const status = (error: any): number => error.$metadata?.httpStatusCode;
