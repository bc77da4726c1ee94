import assert from 'node:assert/strict';
import { join } from 'node:path';
import { hasCode, type Random, systemClock, systemRandom } from '../../../src/base/index.ts';
import { openS3, type S3 } from '../../../src/services/s3/index.ts';
import { openEmbeddedObjects, openEmbeddedRecords } from '../../../src/store/index.ts';
import { silentLogger } from '../../../src/telemetry/index.ts';
import { CONTEXT } from '../../support/operations.ts';
import type { CrashSubject, HistoryEntry } from '../subject.ts';

/** What a step does to a key; `bytes` of a body, whose every byte is the step's id. */
interface Step {
  readonly bucket: Bucket;
  readonly key: string;
  readonly kind: 'put' | 'upload' | 'delete' | 'copy';
  readonly bytes: number;
  /** Of an upload: all but the last have the 5 MB that S3 asks for. */
  readonly parts: 1 | 2;
}

type Bucket = 'plain' | 'kept';

/** One that keeps no versions, and one that does. */
const BUCKETS: readonly Bucket[] = ['plain', 'kept'];
const KEYS = ['a', 'dir/b', 'dir/ü c', '../d'];
const PART_BYTES = 5 * 1024 * 1024;

interface Store extends AsyncDisposable {
  readonly s3: S3;
  /** Steps of one key follow each other, so that their order is known. */
  readonly turns: Map<string, Promise<unknown>>;
}

/** S3 under puts, uploads in parts, copies onto themselves and deletes, with and without versions. */
export const s3Subject: CrashSubject<Store, Step> = {
  name: 's3',
  kills: 3,
  simulated: false,
  concurrency: 5,

  async open({ directory }) {
    await using scope = new AsyncDisposableStack();
    const ground = { clock: systemClock, random: systemRandom, logger: silentLogger };
    const records = scope.use(await openEmbeddedRecords({ directory: join(directory, 'records') }));
    const options = { directory: join(directory, 'objects'), records, ...ground };
    const objects = scope.use(await openEmbeddedObjects(options));
    const told = { delivery: { send: async () => {} }, askDestination: async () => 'open' as const };
    const s3 = scope.use(await openS3({ objects, records, ...told, ...ground }));
    for (const Bucket of BUCKETS) await call(s3, 'CreateBucket', { Bucket });
    const VersioningConfiguration = { Status: 'Enabled' };
    await call(s3, 'PutBucketVersioning', { Bucket: 'kept', VersioningConfiguration });
    const owned = scope.move();
    return { s3, turns: new Map(), [Symbol.asyncDispose]: () => owned.disposeAsync() };
  },

  plan(random) {
    const kind = random.next();
    return {
      bucket: pick(BUCKETS, random),
      key: pick(KEYS, random),
      kind: kind < 0.5 ? 'put' : kind < 0.7 ? 'delete' : kind < 0.92 ? 'copy' : 'upload',
      bytes: Math.floor(random.next() ** 4 * 200_000),
      parts: random.next() < 0.8 ? 1 : 2,
    };
  },

  run({ s3, turns }, step, id) {
    const name = `${step.bucket}/${step.key}`;
    const turn = (turns.get(name) ?? Promise.resolve()).catch(() => {}).then(() => carryOut(s3, step, id));
    turns.set(name, turn);
    return turn;
  },

  // What is not there is not copied.
  isRefusal: (error) => hasCode(error, 'objects-full') || hasCode(error, 'object-not-found'),

  async verify({ s3 }, history) {
    const done = new Set<number>();
    for (const bucket of BUCKETS) {
      for (const key of KEYS) {
        const mine = history.filter(({ step }) => step.bucket === bucket && step.key === key);
        for (const id of await verifyKey(s3, bucket, key, mine)) done.add(id);
      }
      await verifyListing(s3, bucket);
    }
    return done;
  },
};

async function carryOut(s3: S3, { bucket, key, kind, bytes, parts: count }: Step, id: number): Promise<unknown> {
  const names = { Bucket: bucket, Key: key };
  const Metadata = { id: String(id) };
  if (kind === 'delete') return call(s3, 'DeleteObject', names);
  if (kind === 'put') return call(s3, 'PutObject', { ...names, Metadata, ...bodyOf(id, bytes) });
  if (kind === 'copy') {
    const CopySource = `${bucket}/${encodeURIComponent(key)}`;
    return call(s3, 'CopyObject', { ...names, CopySource, MetadataDirective: 'REPLACE', Metadata });
  }
  const { UploadId } = await call(s3, 'CreateMultipartUpload', { ...names, Metadata });
  const parts = [];
  for (const [index, size] of [PART_BYTES, bytes].slice(-count).entries()) {
    const PartNumber = index + 1;
    const { ETag } = await call(s3, 'UploadPart', { ...names, UploadId, PartNumber, ...bodyOf(id, size) });
    parts.push({ PartNumber, ETag });
  }
  return call(s3, 'CompleteMultipartUpload', { ...names, UploadId, MultipartUpload: { Parts: parts } });
}

/** What an object holds: its length, and the byte that all of it is; an empty one has none. */
interface Whole {
  readonly bytes: number;
  readonly byte: number | undefined;
}

/** A version as it is found: the step that made it, or a marker. */
interface Found {
  readonly id: number | undefined;
  readonly whole?: Whole;
  readonly isLatest: boolean;
}

/** Newest first. */
async function versionsOf(s3: S3, bucket: Bucket, key: string): Promise<Found[]> {
  const listed = await call(s3, 'ListObjectVersions', { Bucket: bucket, Prefix: key });
  const versions = [...listed.Versions, ...listed.DeleteMarkers].filter(({ Key }) => Key === key);
  const latest = versions.filter(({ IsLatest }) => IsLatest);
  assert.equal(latest.length, versions.length > 0 ? 1 : 0, `${key} has ${latest.length} newest versions`);
  const found: Found[] = [];
  for (const { VersionId, IsLatest, Size } of listed.Versions.filter(({ Key }: { Key: string }) => Key === key)) {
    found.push({ ...(await wholeVersion(s3, { Bucket: bucket, Key: key, VersionId }, Size)), isLatest: IsLatest });
  }
  const markers = listed.DeleteMarkers.filter(({ Key }: { Key: string }) => Key === key);
  return [...found, ...markers.map(({ IsLatest }: { IsLatest: boolean }) => ({ id: undefined, isLatest: IsLatest }))];
}

/** Reads a version to its end: all of it must be of one step. @returns the step that put it there, and what it holds */
async function wholeVersion(
  s3: S3,
  names: object,
  size: number,
): Promise<{ readonly id: number; readonly whole: Whole }> {
  const { Body, Metadata, ContentLength, ETag } = await call(s3, 'GetObject', names);
  let [bytes, first]: [number, number | undefined] = [0, undefined];
  for await (const chunk of Body instanceof Uint8Array ? [Body] : Body) {
    if (chunk.length === 0) continue;
    first ??= chunk[0] as number;
    assert.ok(isAllOf(first, chunk), `${JSON.stringify(names)} is of several steps`);
    bytes += chunk.length;
  }
  assert.deepEqual([bytes, ContentLength], [size, size], `${JSON.stringify(names)} has another length than is listed`);
  assert.match(ETag, /^"[0-9a-f]{32}(-\d+)?"$/);
  return { id: Number(Metadata.id), whole: { bytes, byte: first } };
}

function wholeOf({ kind, bytes: last, parts }: Step, id: number): Whole {
  const bytes = kind === 'upload' && parts === 2 ? PART_BYTES + last : last;
  return { bytes, byte: bytes > 0 ? id & 0xff : undefined };
}

const filled = Buffer.alloc(64 * 1024);

function isAllOf(byte: number, chunk: Uint8Array): boolean {
  if (filled[0] !== byte) filled.fill(byte);
  for (let from = 0; from < chunk.length; from += filled.length) {
    const piece = chunk.subarray(from, from + filled.length);
    if (filled.compare(piece, 0, piece.length, 0, piece.length) !== 0) return false;
  }
  return true;
}

/** @returns ids of the steps in flight that were done */
async function verifyKey(s3: S3, bucket: Bucket, key: string, mine: readonly HistoryEntry<Step>[]): Promise<number[]> {
  const found = await versionsOf(s3, bucket, key);
  const ids = found.flatMap(({ id }) => id ?? []);
  const byId = new Map(mine.map((entry) => [entry.id, entry]));
  for (const id of ids) {
    const entry = byId.get(id);
    assert.ok(
      entry && entry.outcome !== 'refused' && entry.step.kind !== 'delete',
      `${key} is of step ${id}: ${entry?.outcome}`,
    );
  }
  for (const { id, whole } of found) {
    const step = byId.get(id ?? -1)?.step;
    // A copy has the content of what stood there.
    if (step && step.kind !== 'copy') assert.deepEqual(whole, wholeOf(step, id!), `${key} of step ${id}`);
  }
  const newest = found.find(({ isLatest }) => isLatest)?.id;
  const last = mine.findLast(({ outcome }) => outcome === 'acknowledged');
  const open = mine.filter(({ id, outcome }) => outcome === 'unknown' && id > (last?.id ?? -1));
  if (newest === undefined) {
    const wasThere = last !== undefined && last.step.kind !== 'delete';
    assert.ok(
      !wasThere || open.some(({ step }) => step.kind === 'delete'),
      `${key} is gone: ${last?.id} was acknowledged`,
    );
  } else {
    const candidates = [...(last ? [last] : []), ...open];
    assert.ok(
      candidates.some(({ id }) => id === newest),
      `${key} is of ${newest}, and ${last?.id} was acknowledged after it`,
    );
  }
  if (bucket === 'kept') return verifyKept(key, mine, ids, newest, open);
  assert.ok(found.length <= 1, `${key} has ${found.length} versions where none are kept`);
  if (newest !== undefined) return open.filter(({ id }) => id === newest).map(({ id }) => id);
  return open.filter(({ step }) => step.kind === 'delete').map(({ id }) => id);
}

/** Where versions are kept, nothing that was acknowledged is ever missing, and nothing stands twice. */
function verifyKept(
  key: string,
  mine: readonly HistoryEntry<Step>[],
  ids: readonly number[],
  newest: number | undefined,
  open: readonly HistoryEntry<Step>[],
): number[] {
  assert.equal(new Set(ids).size, ids.length, `${key} has a version twice`);
  for (const { id, step, outcome } of mine) {
    if (outcome !== 'acknowledged' || step.kind === 'delete') continue;
    assert.ok(ids.includes(id), `version ${id} of ${key} was acknowledged and is gone`);
  }
  const removed = newest === undefined ? open.filter(({ step }) => step.kind === 'delete').map(({ id }) => id) : [];
  return [...ids, ...removed];
}

/** A listing has what its versions say is there. */
async function verifyListing(s3: S3, Bucket: Bucket): Promise<void> {
  const { Versions } = await call(s3, 'ListObjectVersions', { Bucket });
  const { Contents } = await call(s3, 'ListObjectsV2', { Bucket });
  const latest = Versions.filter(({ IsLatest }: { IsLatest: boolean }) => IsLatest);
  const keysOf = (entries: readonly { Key: string }[]) => entries.map(({ Key }) => Key);
  assert.deepEqual(keysOf(Contents), keysOf(latest));
}

function bodyOf(id: number, bytes: number) {
  async function* pieces(): AsyncGenerator<Uint8Array> {
    for (let sent = 0; sent < bytes; sent += 100_000) yield Buffer.alloc(Math.min(100_000, bytes - sent), id & 0xff);
  }
  return { Body: pieces(), ContentLength: bytes };
}

function pick<T>(from: readonly T[], random: Random): T {
  return from[Math.floor(random.next() * from.length)]!;
}

function call(s3: S3, operation: string, input: object): Promise<any> {
  return Promise.resolve(s3.service.operations[operation]!(input, CONTEXT));
}
