import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { hasCode, systemClock, systemRandom } from '../../../src/base/index.ts';
import { type InvokeRotation, secretsManager } from '../../../src/services/secretsmanager/index.ts';
import { ssm } from '../../../src/services/ssm/index.ts';
import { openEmbeddedRecords, SealedRecords } from '../../../src/store/index.ts';
import { silentLogger } from '../../../src/telemetry/index.ts';
import { CONTEXT } from '../../support/operations.ts';
import type { CrashSubject, HistoryEntry } from '../subject.ts';

type Step =
  | { readonly kind: 'secret'; readonly name: string }
  | { readonly kind: 'parameter'; readonly name: string }
  | { readonly kind: 'rotate' };

interface Store extends AsyncDisposable {
  readonly directory: string;
  readonly call: (operation: string, input: object) => Promise<any>;
}

const SECRETS = Array.from({ length: 20 }, (_, at) => `s${at}`);
const PARAMETERS = Array.from({ length: 5 }, (_, at) => `p${at}`);
const ROTATED = 'rotated';
const FUNCTION = 'arn:aws:lambda:us-east-1:000000000000:function:rotator';
/** Part of every value: it must be nowhere on the disk. */
const CANARY = 'canary-of-the-crash-tests';

const valueOfStep = (id: number) => `${CANARY} ${id}`;
const tokenOf = (id: number) => `00000000-0000-4000-8000-${String(id).padStart(12, '0')}`;

/**
 * Secrets, parameters and a secret that is rotated, in sealed records. What was answered is there with its value; AWSCURRENT is on one
 * version of each secret; a rotation that was accepted comes to its end after whatever crash; no value is readable on the disk.
 */
export const secretsSubject: CrashSubject<Store, Step> = {
  name: 'secrets',
  kills: 2,
  simulated: false,
  concurrency: 8,

  async open({ directory }) {
    await using scope = new AsyncDisposableStack();
    const plain = scope.use(await openEmbeddedRecords({ directory }));
    const ground = { clock: systemClock, random: systemRandom, logger: silentLogger };
    const spaces = ['secretsmanager/values', 'ssm/values'];
    const keyFile = join(directory, 'sealing.key');
    const records = scope.use(await SealedRecords.open({ records: plain, spaces, keyFile, ...ground }));
    const parameters = scope.use(ssm({ records, ...ground }));
    const invoke: InvokeRotation = async (_function, event) => rotate(call, event as RotationEvent);
    const secrets = scope.use(secretsManager({ records, invoke, checkFunction: async () => {}, ...ground }));
    const operations = { ...parameters.service.operations, ...secrets.service.operations };
    // At once and not in the next turn: the order of puts is the order of their steps.
    const call = (operation: string, input: object) => Promise.resolve(operations[operation]!(input, CONTEXT));
    await setUp(call);
    await secrets.resume();
    const owned = scope.move();
    return { directory, call, [Symbol.asyncDispose]: () => owned.disposeAsync() };
  },

  plan(random) {
    const which = random.next();
    const among = (names: readonly string[]) => names[Math.floor(random.next() * names.length)]!;
    if (which < 0.15) return { kind: 'rotate' };
    return which < 0.6 ? { kind: 'secret', name: among(SECRETS) } : { kind: 'parameter', name: among(PARAMETERS) };
  },

  run({ call }, step, id) {
    const SecretString = valueOfStep(id);
    if (step.kind === 'secret') {
      return call('PutSecretValue', { SecretId: step.name, SecretString, ClientRequestToken: tokenOf(id) });
    }
    if (step.kind === 'parameter') {
      return call('PutParameter', { Name: step.name, Value: valueOfStep(id), Type: 'SecureString', Overwrite: true });
    }
    return call('RotateSecret', { SecretId: ROTATED, RotationLambdaARN: FUNCTION, ClientRequestToken: tokenOf(id) });
  },

  isRefusal: (error) => hasCode(error, 'invalid-request') || hasCode(error, 'limit-exceeded'),

  async verify(store, history) {
    const done = new Set<number>();
    for (const name of SECRETS) await verifySecret(store, name, of(history, 'secret', name), done);
    for (const name of PARAMETERS) await verifyParameter(store, name, of(history, 'parameter', name), done);
    await rotationEnded(store);
    await verifySecret(store, ROTATED, of(history, 'rotate', undefined), done);
    const files = await readdir(store.directory, { recursive: true, withFileTypes: true });
    for (const file of files.filter((one) => one.isFile())) {
      const bytes = await readFile(join(file.parentPath, file.name), 'latin1');
      assert.ok(!bytes.includes(CANARY), `a value is readable in ${file.name}`);
    }
    return done;
  },
};

interface RotationEvent {
  readonly Step: string;
  readonly SecretId: string;
  readonly ClientRequestToken: string;
}

/** A rotation function that may be called again. */
async function rotate(call: Store['call'], { Step, SecretId, ClientRequestToken }: RotationEvent): Promise<void> {
  const { VersionIdsToStages: stages } = await call('DescribeSecret', { SecretId });
  if (Step === 'createSecret') {
    const SecretString = valueOfStep(Number(ClientRequestToken.slice(-12)));
    await call('PutSecretValue', { SecretId, ClientRequestToken, SecretString, VersionStages: ['AWSPENDING'] });
  }
  const current = holder(stages, 'AWSCURRENT')!;
  if (Step !== 'finishSecret' || current === ClientRequestToken) return;
  const move = { VersionStage: 'AWSCURRENT', MoveToVersionId: ClientRequestToken, RemoveFromVersionId: current };
  await call('UpdateSecretVersionStage', { SecretId, ...move });
}

async function setUp(call: Store['call']): Promise<void> {
  // Both are loaded before steps run beside each other.
  await call('DescribeParameters', {});
  for (const Name of [...SECRETS, ROTATED]) {
    await call('CreateSecret', { Name, SecretString: 'first', ClientRequestToken: tokenOf(999_999_999_999) }).catch(
      (error: unknown) => assert.ok(hasCode(error, 'already-exists'), String(error)),
    );
  }
}

function of(history: readonly HistoryEntry<Step>[], kind: Step['kind'], name: string | undefined) {
  return history.filter(({ step }) => step.kind === kind && ('name' in step ? step.name : undefined) === name);
}

async function verifySecret(
  { call }: Store,
  SecretId: string,
  history: readonly HistoryEntry<Step>[],
  done: Set<number>,
): Promise<void> {
  const { VersionIdsToStages } = await call('DescribeSecret', { SecretId });
  const labels = Object.values(VersionIdsToStages as Record<string, readonly string[]>).flat();
  for (const label of ['AWSCURRENT', 'AWSPREVIOUS']) {
    assert.ok(labels.filter((one) => one === label).length <= 1, `${label} of ${SecretId} is on several versions`);
  }
  for (const { id, outcome } of history) {
    const found = await call('GetSecretValue', { SecretId, VersionId: tokenOf(id) }).catch((error: unknown) => {
      assert.ok(hasCode(error, 'not-found'), String(error));
      return undefined;
    });
    if (outcome === 'acknowledged') assert.ok(found, `${id} of ${SecretId} was acknowledged and is gone`);
    if (outcome === 'refused') assert.equal(found, undefined, `${id} of ${SecretId} was refused and is there`);
    if (!found) continue;
    assert.equal(found.SecretString, valueOfStep(id));
    done.add(id);
  }
  const last = history.filter(({ id }) => done.has(id)).at(-1);
  if (last) assert.equal(holder(VersionIdsToStages, 'AWSCURRENT'), tokenOf(last.id), `the current one of ${SecretId}`);
}

async function verifyParameter(
  { call }: Store,
  Name: string,
  history: readonly HistoryEntry<Step>[],
  done: Set<number>,
): Promise<void> {
  const found = await call('GetParameterHistory', { Name, WithDecryption: true, MaxResults: 50 }).catch(
    (error: unknown) => {
      assert.ok(hasCode(error, 'parameter-not-found'), String(error));
      return { Parameters: [] };
    },
  );
  let { NextToken, Parameters: versions } = found as {
    NextToken?: string;
    Parameters: { Value: string; Version: number }[];
  };
  while (NextToken !== undefined) {
    const more = await call('GetParameterHistory', { Name, WithDecryption: true, MaxResults: 50, NextToken });
    versions = [...versions, ...more.Parameters];
    NextToken = more.NextToken;
  }
  const ids = versions.map(({ Value }) => Number(Value.split(' ')[1]));
  assert.deepEqual(
    ids,
    ids.toSorted((a, b) => a - b),
    `versions of ${Name} are out of order`,
  );
  for (const { id, outcome } of history) {
    // A hundred versions are kept.
    const isKept = ids.length < 100 || id >= ids[0]!;
    if (ids.includes(id) || (!isKept && outcome === 'acknowledged')) done.add(id);
    if (isKept && outcome === 'acknowledged')
      assert.ok(ids.includes(id), `${id} of ${Name} was acknowledged and is gone`);
    if (outcome === 'refused') assert.ok(!ids.includes(id), `${id} of ${Name} was refused and is there`);
  }
}

/** Resolves when no version waits to become the current one. */
async function rotationEnded({ call }: Store): Promise<void> {
  for (;;) {
    const { VersionIdsToStages: stages } = await call('DescribeSecret', { SecretId: ROTATED });
    const pending = holder(stages, 'AWSPENDING');
    if (pending === undefined || pending === holder(stages, 'AWSCURRENT')) return;
    await setImmediate();
  }
}

function holder(stages: Readonly<Record<string, readonly string[]>>, label: string): string | undefined {
  return Object.keys(stages).find((id) => stages[id]!.includes(label));
}
