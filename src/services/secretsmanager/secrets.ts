/**
 * The secrets of a node: what is known of them in memory, their values sealed on disk.
 *
 *  1. A secret and the value that changes it are one transaction: both are durable when a call resolves, or neither.
 *  2. Changes of one secret are made one after the other: AWSCURRENT is on exactly one version at every moment.
 *  3. A secret whose recovery has ended is not there, and leaves the disk soon after.
 *  4. Values are in no message and no log line.
 */
import { type Clock, type Random, Turns, uuid } from '../../base/index.ts';
import { encodeKey, keyRange } from '../../codec/index.ts';
import { type Records, Registry, type Write } from '../../store/index.ts';
import { invalidParameter, invalidRequest, SecretsError, secretNotFound, valueNotFound } from './errors.ts';
import { SECRETS_LIMITS } from './limits.ts';
import { CURRENT, type Secret, type SecretValue, type Versions } from './model.ts';
import { arnOf, candidates, checkedName, newSuffix } from './names.ts';
import { SECRETS_SPACE } from './presence.ts';
import { addVersion, holderOf, outdated } from './stages.ts';

/** Sealed on disk. */
const VALUES = 'secretsmanager/values';
const DAY_MS = 24 * 3600 * 1000;

export interface SecretsOptions {
  /** Seals {@link VALUES}. */
  readonly records: Records;
  readonly clock: Clock;
  readonly random: Random;
}

/** What a secret becomes, and what is written with it. */
export interface SecretChange {
  readonly secret: Secret;
  readonly writes?: readonly Write[];
}

/** What a new secret has beside its name. */
export type NewSecret = Pick<Secret, 'description' | 'kmsKeyId' | 'type' | 'tags'>;

/** A new version: its id is the token of the call that makes it. */
export interface NewVersion {
  readonly id: string;
  readonly value: SecretValue;
  /** Staging labels; AWSCURRENT unless said otherwise. */
  readonly stages?: readonly string[];
}

export class Secrets {
  /** Told of every secret that has changed. */
  onChange: (secret: Secret) => void = () => {};
  readonly #options: SecretsOptions;
  readonly #registry: Registry<Secret>;
  readonly #turns = new Turns();

  private constructor(options: SecretsOptions, registry: Registry<Secret>) {
    this.#options = options;
    this.#registry = registry;
  }

  static async open(options: SecretsOptions): Promise<Secrets> {
    return new Secrets(options, await Registry.open<Secret>(options.records, SECRETS_SPACE));
  }

  /** All that stand on disk, of every region, even where their recovery has ended. */
  everyOne(): readonly Secret[] {
    return this.#registry.list();
  }

  /** Those of a region; what waits to be deleted among them. */
  list(region: string): readonly Secret[] {
    return this.#registry.list(keyOf(region, '')).filter((one) => this.#isThere(one));
  }

  /** The one that an id means, by name or by ARN; `undefined` when there is none. */
  peek(region: string, id: string): Secret | undefined {
    for (const { name, suffix } of candidates(id, region)) {
      const found = this.#at(region, name);
      if (found && (suffix === undefined || suffix === found.suffix)) return found;
    }
    return undefined;
  }

  /** The one of that name, even where its recovery has ended. */
  anyAt(region: string, name: string): Secret | undefined {
    return this.#registry.get(keyOf(region, name));
  }

  /** An id for a version that nobody has given one. */
  newId(): string {
    return uuid(this.#options.random);
  }

  /** @throws not-found */
  find(region: string, id: string): Secret {
    const found = this.peek(region, id);
    if (!found) throw secretNotFound();
    return found;
  }

  /** One that is not about to be deleted. @throws not-found, invalid-request */
  usable(region: string, id: string): Secret {
    return refuseDeleted(this.find(region, id));
  }

  /**
   * Makes a secret, with its first version where there is a value. The same call again, by its token, finds what the first one made.
   * @throws already-exists, invalid-request, limit-exceeded
   */
  create(region: string, given: string, facts: NewSecret, first: NewVersion | undefined): Promise<Secret> {
    const name = checkedName(given);
    return this.#turns.run(keyOf(region, name), async () => {
      const before = this.#at(region, name);
      if (before) return this.#again(before, first);
      if (this.#registry.names(keyOf(region, '')).length >= SECRETS_LIMITS.secretsMax) {
        throw new SecretsError('limit-exceeded', `A region has at most ${SECRETS_LIMITS.secretsMax} secrets.`);
      }
      const now = this.#options.clock.now();
      const bare = { region, name, suffix: newSuffix(this.#options.random), ...facts, createdAt: now, changedAt: now };
      const versions = first ? addVersion({}, first.id, { createdAt: now }, [CURRENT]) : {};
      const secret: Secret = { ...bare, versions };
      // One of this name that has been deleted may have left values behind: a crash cuts nothing off here, but time does.
      const clear = { kind: 'deleteRange', space: VALUES, ...keyRange([region, name]) } as const;
      await this.#put({ secret, writes: [clear, ...(first ? [valueWrite(secret, first.id, first.value)] : [])] });
      return secret;
    });
  }

  /**
   * Changes a secret that is there. `decide` sees all earlier changes, and may wait.
   * @returns what it has become
   * @throws not-found  it has been deleted meanwhile
   */
  change(
    { region, name, suffix }: Secret,
    decide: (before: Secret) => SecretChange | Promise<SecretChange>,
  ): Promise<Secret> {
    return this.#turns.run(keyOf(region, name), async () => {
      const before = this.#at(region, name);
      if (before?.suffix !== suffix) throw secretNotFound();
      const change = await decide(before);
      if (change.secret !== before) await this.#put(change);
      return change.secret;
    });
  }

  /** Removes a secret and its values at once. */
  async remove({ region, name, suffix }: Secret): Promise<void> {
    await this.#turns.run(keyOf(region, name), async () => {
      if (this.#registry.get(keyOf(region, name))?.suffix !== suffix) return;
      const values = { kind: 'deleteRange', space: VALUES, ...keyRange([region, name]) } as const;
      await this.#registry.delete(keyOf(region, name), [values]);
    });
  }

  /**
   * Adds a version. A token that has made one already is no error where the value is the same.
   * @throws already-exists  the token's version has another value; limit-exceeded
   */
  addValue(secret: Secret, { id, value, stages = [CURRENT] }: NewVersion, more: Partial<Secret> = {}): Promise<Secret> {
    return this.change(secret, async (before) => {
      refuseDeleted(before);
      const known = before.versions[id];
      if (known && !known.empty) {
        if (sameValue(await this.#read(before, id), value)) return { secret: before };
        throw tokenTaken(id, before);
      }
      const now = this.#options.clock.now();
      const { versions: kept, writes } = this.room(before, id);
      // The first version is the current one, whatever else it is.
      const wanted = holderOf(kept, CURRENT) === undefined ? [...new Set([...stages, CURRENT])] : stages;
      const versions = addVersion(kept, id, { createdAt: known?.createdAt ?? now }, wanted);
      return {
        secret: { ...before, ...more, versions, changedAt: now },
        writes: [valueWrite(before, id, value), ...writes],
      };
    });
  }

  /** The versions that stay when there is to be one of that id, and the writes that forget the others. @throws limit-exceeded */
  room(secret: Secret, id: string): { readonly versions: Versions; readonly writes: readonly Write[] } {
    const others = Object.fromEntries(Object.entries(secret.versions).filter(([one]) => one !== id));
    const gone = outdated(others, this.#options.clock.now());
    const kept = Object.entries(secret.versions).filter(([one]) => !gone.includes(one));
    return { versions: Object.fromEntries(kept), writes: gone.map((one) => valueDelete(secret, one)) };
  }

  /** The value of a version. @throws not-found  it has none yet, or is gone meanwhile */
  async value(secret: Secret, id: string, what: string): Promise<SecretValue> {
    const value = secret.versions[id] && !secret.versions[id].empty ? await this.#read(secret, id) : undefined;
    if (!value) throw valueNotFound(what);
    await this.#touch(secret, id);
    return value;
  }

  /** The writes that give a version the value of another. */
  async copied(secret: Secret, from: string, to: string): Promise<readonly Write[]> {
    const value = await this.#read(secret, from);
    return value ? [valueWrite(secret, to, value)] : [];
  }

  /** The write that forgets a version's value. */
  forgotten(secret: Secret, id: string): Write {
    return valueDelete(secret, id);
  }

  #again(before: Secret, first: NewVersion | undefined): Promise<Secret> {
    if (before.deletedAt !== undefined) {
      throw invalidRequest(
        "You can't create this secret because a secret with this name is already scheduled for deletion.",
      );
    }
    return (async () => {
      const known = first && before.versions[first.id];
      if (known && sameValue(await this.#read(before, first.id), first.value)) return before;
      throw new SecretsError(
        'already-exists',
        `The operation failed because the secret ${before.name} already exists.`,
      );
    })();
  }

  async #put({ secret, writes = [] }: SecretChange): Promise<void> {
    await this.#registry.put(keyOf(secret.region, secret.name), secret, writes);
    this.onChange(secret);
  }

  /** Notes the day on which a version was read for the last time: one write a day. */
  async #touch(secret: Secret, id: string): Promise<void> {
    const accessedAt = Math.floor(this.#options.clock.now() / DAY_MS) * DAY_MS;
    if (secret.versions[id]?.accessedAt === accessedAt) return;
    await this.change(secret, (before) => {
      const facts = before.versions[id];
      if (!facts || facts.accessedAt === accessedAt) return { secret: before };
      return { secret: { ...before, accessedAt, versions: { ...before.versions, [id]: { ...facts, accessedAt } } } };
    });
  }

  async #read(secret: Secret, id: string): Promise<SecretValue | undefined> {
    const entry = await this.#options.records.get(VALUES, valueKey(secret, id));
    return entry && (JSON.parse(Buffer.from(entry.value).toString()) as SecretValue);
  }

  #at(region: string, name: string): Secret | undefined {
    const found = this.#registry.get(keyOf(region, name));
    return found && this.#isThere(found) ? found : undefined;
  }

  #isThere({ deleteAt = Number.POSITIVE_INFINITY }: Secret): boolean {
    return this.#options.clock.now() < deleteAt;
  }
}

/** @throws invalid-request */
export function refuseDeleted(secret: Secret): Secret {
  if (secret.deletedAt === undefined) return secret;
  throw invalidRequest("You can't perform this operation on the secret because it was marked for deletion.");
}

/** The value that a call gives; `undefined` where it gives none. @throws invalid-parameter  two of them, or too long */
export function givenValue(input: { SecretString?: string; SecretBinary?: Uint8Array }): SecretValue | undefined {
  const { SecretString: string, SecretBinary: binary } = input;
  if (string !== undefined && binary !== undefined) {
    throw invalidParameter(
      "You can't specify both a binary secret value and a string secret value in the same secret.",
    );
  }
  if (Buffer.byteLength(string ?? binary ?? '') > SECRETS_LIMITS.valueBytesMax) {
    throw invalidParameter(`A secret value has at most ${SECRETS_LIMITS.valueBytesMax} bytes.`);
  }
  if (string !== undefined) return { string };
  return binary && { binary: Buffer.from(binary).toString('base64') };
}

export function tokenTaken(id: string, secret: Secret): SecretsError {
  return new SecretsError(
    'already-exists',
    `You can't use ClientRequestToken ${id} because that value is already in use for a version of secret ${arnOf(secret)}.`,
  );
}

function sameValue(a: SecretValue | undefined, b: SecretValue): boolean {
  return a !== undefined && a.string === b.string && a.binary === b.binary;
}

function keyOf(region: string, name: string): string {
  return `${region}/${name}`;
}

function valueKey({ region, name }: Secret, id: string): Buffer {
  return encodeKey([region, name, id]);
}

function valueWrite(secret: Secret, id: string, value: SecretValue): Write {
  return { kind: 'put', space: VALUES, key: valueKey(secret, id), value: Buffer.from(JSON.stringify(value)) };
}

function valueDelete(secret: Secret, id: string): Write {
  return { kind: 'delete', space: VALUES, key: valueKey(secret, id) };
}
