import type { Clock, Random } from '../../base/index.ts';
import { DomainError } from '../../base/index.ts';
import { keyIdOf, openEnvelope, SEAL_KEY_BYTES, SEAL_KEY_ID_BYTES, seal } from '../../codec/sealed/index.ts';
import { type DatedKey, KeyFile, type Keys } from './key-file.ts';

const NONCE_BYTES = 12;

export interface KeyringOptions {
  /** The key file: made when it is not there, unless {@link isExpected}. */
  readonly file: string;
  /** Seals the keys in the file; a file without is sealed with it from now on. */
  readonly passphrase?: string;
  /** Whether something is sealed already: then a missing file is not made anew. */
  readonly isExpected: boolean;
  readonly clock: Clock;
  readonly random: Random;
}

/** What is known of a key without the key. */
export interface KeyView {
  readonly id: string;
  /** Epoch milliseconds. */
  readonly createdAt: number;
  readonly current: boolean;
}

/**
 * The keys that secrets are sealed with: the newest seals, all open. They are in memory while the node runs and in the key file
 * when it does not; nothing of them is ever logged or answered.
 */
export class Keyring {
  readonly #file: KeyFile;
  readonly #random: Random;
  #keys: Keys;

  private constructor(file: KeyFile, keys: Keys, random: Random) {
    this.#file = file;
    this.#keys = keys;
    this.#random = random;
  }

  /** Reads the key file, or makes it. @throws KeyFileErrorCode */
  static async open({ file: path, passphrase, isExpected, clock, random }: KeyringOptions): Promise<Keyring> {
    const file = new KeyFile(path, passphrase);
    const found = await file.read();
    if (!found && isExpected) {
      throw new DomainError(
        'key-file-missing',
        `${path} is missing, and what is in the data directory is sealed with its keys: put it back`,
      );
    }
    const keys = found?.keys ?? withNew({ current: '', all: [] }, clock, random);
    if (found?.protection !== file.protection) await file.write(keys);
    return new Keyring(file, keys, random);
  }

  /** Of the key that seals. */
  get currentId(): string {
    return this.#keys.current;
  }

  get protection(): 'passphrase' | 'none' {
    return this.#file.protection;
  }

  get path(): string {
    return this.#file.path;
  }

  /** Oldest first. */
  get keys(): readonly KeyView[] {
    const { current, all } = this.#keys;
    return all.map(({ id, createdAt }) => ({ id, createdAt, current: id === current }));
  }

  /** Seals for a place with the current key: an envelope that opens there only. */
  seal(plain: Uint8Array, place: Uint8Array): Buffer {
    const { current, all } = this.#keys;
    return seal(all.find(({ id }) => id === current)!, plain, place, this.#random.bytes(NONCE_BYTES));
  }

  /** @throws seal-broken, key-unknown, format-too-new */
  open(envelope: Uint8Array, place: Uint8Array): Buffer {
    const wanted = keyIdOf(envelope);
    const key = this.#keys.all.find(({ id }) => id === wanted);
    if (!key)
      throw new DomainError('key-unknown', `${this.#file.path} does not hold key ${wanted}, which is asked for`);
    return openEnvelope(key.key, envelope, place);
  }

  /** Makes a key that seals from now on; the others go on to open. Durable when it resolves. */
  async add(clock: Clock): Promise<void> {
    await this.#become(withNew(this.#keys, clock, this.#random));
  }

  /** Forgets all keys but the current one; nothing may be sealed with them any more. Durable when it resolves. */
  async retire(): Promise<void> {
    const { current, all } = this.#keys;
    if (all.length > 1) await this.#become({ current, all: all.filter(({ id }) => id === current) });
  }

  async #become(keys: Keys): Promise<void> {
    // What seals must be durable before anything is sealed with it.
    await this.#file.write(keys);
    this.#keys = keys;
  }
}

function withNew({ all }: Keys, clock: Clock, random: Random): Keys {
  const id = random.bytes(SEAL_KEY_ID_BYTES).toString('hex');
  const key: DatedKey = { id, createdAt: clock.now(), key: random.bytes(SEAL_KEY_BYTES) };
  return { current: id, all: [...all, key] };
}
