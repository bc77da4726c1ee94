/**
 * The file that the keys stand in, JSON, readable by the node's user alone:
 *
 *     { "format": 1, "current": ID, "keys": [{ "id", "createdAt", "key" }], "scrypt"?: { "salt", "costBits", "blockSize" } }
 *
 * `key` is base64: the key itself, or an envelope with it that only the passphrase opens. It is replaced whole: temporary file,
 * sync, rename, sync of the folder.
 */
import { randomBytes, scrypt } from 'node:crypto';
import { mkdir, open, readFile, rename, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { assert, DomainError, hasCode } from '../../base/index.ts';
import {
  keyIdOf,
  openEnvelope,
  SEAL_KEY_BYTES,
  SEAL_KEY_ID_BYTES,
  type SealKey,
  seal,
} from '../../codec/sealed/index.ts';
import { SEALING_LIMITS } from './limits.ts';

const derive = promisify<string, Buffer, number, object, Buffer>(scrypt);
const FORMAT = 1;
const NONCE_BYTES = 12;

/** - `key-file-missing`: data is sealed, and the file with its keys is not there.
 *  - `key-file-exposed`: users other than the node's may read or change it.
 *  - `key-file-damaged`: it is none.
 *  - `passphrase-missing`, `passphrase-wrong`: the keys in it are sealed with one. */
export type KeyFileErrorCode =
  | 'key-file-missing'
  | 'key-file-exposed'
  | 'key-file-damaged'
  | 'passphrase-missing'
  | 'passphrase-wrong'
  | 'format-too-new';

/** A key with the time it was made, epoch milliseconds. */
export interface DatedKey extends SealKey {
  readonly createdAt: number;
}

/** What a key file holds. */
export interface Keys {
  readonly current: string;
  /** Oldest first. */
  readonly all: readonly DatedKey[];
}

interface Stretching {
  readonly salt: string;
  readonly costBits: number;
  readonly blockSize: number;
}

interface Written {
  readonly format: number;
  readonly current: string;
  readonly keys: readonly { readonly id: string; readonly createdAt: string; readonly key: string }[];
  readonly scrypt?: Stretching;
}

/** One key file. The key that a passphrase gives is worked out once. */
export class KeyFile {
  readonly path: string;
  readonly #passphrase: string | undefined;
  #stretched: { readonly how: Stretching; readonly key: Buffer } | undefined;

  /** @param passphrase  seals the keys in the file; at least 12 characters */
  constructor(path: string, passphrase: string | undefined) {
    assert(
      passphrase === undefined || passphrase.length >= SEALING_LIMITS.passphraseCharactersMin,
      'a passphrase is checked before',
    );
    this.path = path;
    this.#passphrase = passphrase;
  }

  get protection(): 'passphrase' | 'none' {
    return this.#passphrase === undefined ? 'none' : 'passphrase';
  }

  /**
   * The keys; `undefined` when there is no file.
   * @throws KeyFileErrorCode
   */
  async read(): Promise<{ readonly keys: Keys; readonly protection: 'passphrase' | 'none' } | undefined> {
    const text = await this.#text();
    if (text === undefined) return undefined;
    const written = this.#parse(text);
    const kek = written.scrypt && (await this.#stretch(written.scrypt));
    const all = written.keys.map(({ id, createdAt, key }) => ({
      id,
      createdAt: Date.parse(createdAt),
      key: kek ? this.#unwrap(kek, id, key) : Buffer.from(key, 'base64'),
    }));
    const isWhole = all.every(({ id, key }) => id.length === 2 * SEAL_KEY_ID_BYTES && key.length === SEAL_KEY_BYTES);
    if (!isWhole || !all.some(({ id }) => id === written.current)) throw this.#damaged();
    return { keys: { current: written.current, all }, protection: kek ? 'passphrase' : 'none' };
  }

  /** Replaces the file; durable when it resolves. */
  async write({ current, all }: Keys): Promise<void> {
    const kek = this.#passphrase === undefined ? undefined : await this.#stretch(this.#stretched?.how ?? fresh());
    const written: Written = {
      format: FORMAT,
      current,
      ...(kek && { scrypt: this.#stretched!.how }),
      keys: all.map(({ id, createdAt, key }) => ({
        id,
        createdAt: new Date(createdAt).toISOString(),
        key: (kek ? wrap(kek, id, key) : Buffer.from(key)).toString('base64'),
      })),
    };
    await replaceFile(this.path, `${JSON.stringify(written, null, 2)}\n`);
  }

  async #text(): Promise<string | undefined> {
    try {
      const { mode, size } = await stat(this.path);
      // A group may read it: that is how secrets are mounted into containers.
      if (mode & 0o027) {
        const rights = (mode & 0o777).toString(8);
        throw new DomainError(
          'key-file-exposed',
          `${this.path} may be read or changed by others (mode ${rights}): chmod 600 it, and rotate the key if someone may have read it`,
        );
      }
      if (size > SEALING_LIMITS.keyFileBytesMax) throw this.#damaged();
      return await readFile(this.path, 'utf8');
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return undefined;
      throw error;
    }
  }

  #parse(text: string): Written {
    let written: Partial<Written> | null;
    try {
      written = JSON.parse(text) as Partial<Written> | null;
    } catch (cause) {
      throw this.#damaged(cause);
    }
    if (typeof written?.format === 'number' && written.format > FORMAT) {
      throw new DomainError(
        'format-too-new',
        `${this.path} has format ${written.format}; this release reads ${FORMAT}`,
      );
    }
    if (written?.format !== FORMAT || typeof written.current !== 'string' || !Array.isArray(written.keys)) {
      throw this.#damaged();
    }
    const isEntry = ({ id, createdAt, key }: Written['keys'][number]) =>
      [id, createdAt, key].every((member) => typeof member === 'string');
    if (written.keys.length > SEALING_LIMITS.keysMax || !written.keys.every(isEntry)) throw this.#damaged();
    return written as Written;
  }

  async #stretch(how: Stretching): Promise<Buffer> {
    if (this.#stretched?.how === how) return this.#stretched.key;
    if (this.#passphrase === undefined) {
      throw new DomainError('passphrase-missing', `the keys in ${this.path} are sealed with a passphrase: give it`);
    }
    const { salt, costBits, blockSize } = how;
    const options = { N: 2 ** costBits, r: blockSize, p: 1, maxmem: 256 * blockSize * 2 ** costBits };
    const key = await derive(this.#passphrase.normalize('NFKC'), Buffer.from(salt, 'base64'), SEAL_KEY_BYTES, options);
    this.#stretched = { how, key };
    return key;
  }

  #unwrap(kek: Buffer, id: string, wrapped: string): Buffer {
    try {
      const envelope = Buffer.from(wrapped, 'base64');
      keyIdOf(envelope);
      return openEnvelope(kek, envelope, Buffer.from(id));
    } catch (cause) {
      throw new DomainError('passphrase-wrong', `the passphrase does not open the keys in ${this.path}`, { cause });
    }
  }

  #damaged(cause?: unknown): DomainError<KeyFileErrorCode> {
    return new DomainError('key-file-damaged', `${this.path} is no key file: put the right one back`, { cause });
  }
}

function fresh(): Stretching {
  const { scryptCostBits: costBits, scryptBlockSize: blockSize } = SEALING_LIMITS;
  return { salt: randomBytes(16).toString('base64'), costBits, blockSize };
}

function wrap(kek: Buffer, id: string, key: Uint8Array): Buffer {
  return seal({ id, key: kek }, key, Buffer.from(id), randomBytes(NONCE_BYTES));
}

async function replaceFile(path: string, text: string): Promise<void> {
  const directory = dirname(path);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const temporary = join(directory, `.${basename(path)}.new`);
  const file = await open(temporary, 'w', 0o600);
  try {
    // One that a crash has left keeps its own mode otherwise.
    await file.chmod(0o600);
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
  const folder = await open(directory, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
