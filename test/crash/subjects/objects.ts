import assert from 'node:assert/strict';
import { join } from 'node:path';
import { hasCode, systemClock, systemRandom } from '../../../src/base/index.ts';
import { type Objects, openEmbeddedObjects, openEmbeddedRecords } from '../../../src/store/index.ts';
import type { CrashSubject, HistoryEntry } from '../subject.ts';

interface Step {
  readonly kind: 'put' | 'delete' | 'upload';
  readonly key: string;
  readonly bytes: number;
}

const BUCKET = 'bucket';
const KEYS = 7;

/** The store, and the last step of each key: steps of one key follow each other, so that their order is known. */
class Store implements AsyncDisposable {
  readonly objects: Objects;
  readonly turns = new Map<string, Promise<unknown>>();
  readonly #scope: AsyncDisposableStack;

  constructor(objects: Objects, scope: AsyncDisposableStack) {
    this.objects = objects;
    this.#scope = scope;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#scope.disposeAsync();
  }
}

/** The embedded objects store under puts, deletes and uploads in parts. */
export const objectsSubject: CrashSubject<Store, Step> = {
  name: 'objects',
  kills: 6,
  simulated: false,
  concurrency: 4,

  async open({ directory }) {
    await using scope = new AsyncDisposableStack();
    const records = scope.use(await openEmbeddedRecords({ directory: join(directory, 'records') }));
    const options = { directory: join(directory, 'objects'), records, clock: systemClock, random: systemRandom };
    const objects = scope.use(await openEmbeddedObjects(options));
    await objects.createBucket(BUCKET).catch((error) => assert.equal(error.code, 'bucket-exists'));
    return new Store(objects, scope.move());
  },

  plan(random) {
    const pick = random.next();
    const kind = pick < 0.6 ? 'put' : pick < 0.8 ? 'delete' : 'upload';
    const bytes = Math.floor(random.next() ** 3 * 400_000);
    return { kind, key: `key ${Math.floor(random.next() * KEYS)}`, bytes };
  },

  run({ objects, turns }, step, id) {
    const turn = (turns.get(step.key) ?? Promise.resolve()).catch(() => {}).then(() => carryOut(objects, step, id));
    turns.set(step.key, turn);
    return turn;
  },

  isRefusal: (error) => hasCode(error, 'objects-full'),

  async verify({ objects }, history) {
    const done = new Set<number>();
    for (let i = 0; i < KEYS; i++) {
      for (const id of await verifyKey(objects, `key ${i}`, history)) done.add(id);
    }
    return done;
  },
};

async function carryOut(objects: Objects, { kind, key, bytes }: Step, id: number): Promise<void> {
  const metadata = { id: String(id) };
  if (kind === 'delete') return void (await objects.delete(BUCKET, key));
  if (kind === 'put') return void (await objects.put(BUCKET, key, body(id, bytes), { metadata }));
  const upload = await objects.createUpload(BUCKET, key, { metadata });
  const half = Math.floor(bytes / 2);
  const first = await objects.putPart(upload, 1, body(id, half));
  const second = await objects.putPart(upload, 2, body(id, bytes - half));
  await objects.completeUpload(upload, [first, second]);
}

/** The key must be as its last acknowledged step left it, or as one in flight after that. @returns ids of those in flight that were done */
async function verifyKey(objects: Objects, key: string, history: readonly HistoryEntry<Step>[]): Promise<number[]> {
  const mine = history.filter(({ step }) => step.key === key).sort((a, b) => a.id - b.id);
  const last = mine.findLast(({ outcome }) => outcome === 'acknowledged');
  const open = mine.filter(({ id, outcome }) => outcome === 'unknown' && id > (last?.id ?? -1));
  const found = await read(objects, key, mine);
  const candidates = [...(last ? [last] : []), ...open];
  if (found === undefined) {
    const wasThere = last !== undefined && last.step.kind !== 'delete';
    const deletions = open.filter(({ step }) => step.kind === 'delete');
    assert.ok(!wasThere || deletions.length > 0, `${key} is lost: ${last?.id} was acknowledged`);
    return deletions.map(({ id }) => id);
  }
  assert.ok(
    candidates.some(({ id, step }) => id === found && step.kind !== 'delete'),
    `${key} is as step ${found} left it, and ${last?.id} was acknowledged after that`,
  );
  return open.filter(({ id }) => id <= found).map(({ id }) => id);
}

/** Id of the step that wrote the object, whose bytes must be whole; `undefined` when there is none. */
async function read(objects: Objects, key: string, mine: readonly HistoryEntry<Step>[]): Promise<number | undefined> {
  const opened = await objects.get(BUCKET, key).catch((error) => {
    assert.equal(error.code, 'object-not-found');
    return undefined;
  });
  if (!opened) return undefined;
  const id = Number(opened.info.metadata.id);
  const entry = mine.find((one) => one.id === id);
  assert.ok(entry, `${key} names step ${id}, which there never was`);
  let bytes = 0;
  for await (const chunk of opened.body) {
    assert.ok(Buffer.alloc(chunk.length, id & 0xff).equals(chunk), `${key} has other bytes than step ${id} wrote`);
    bytes += chunk.length;
  }
  assert.equal(bytes, entry.step.bytes, `${key} has another length than step ${id} wrote`);
  return id;
}

async function* body(id: number, bytes: number): AsyncGenerator<Uint8Array> {
  for (let sent = 0; sent < bytes; sent += 50_000) yield Buffer.alloc(Math.min(50_000, bytes - sent), id & 0xff);
}
