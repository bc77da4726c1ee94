import { createHash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from '../../telemetry/index.ts';
import { RUNTIME_LIMITS } from '../limits.ts';
import type { FunctionSpec } from '../runtime.ts';

/** The least recently written go when there are so many times more than are kept. */
const EVICT_AT = 1.1;
/** Names that the runtime makes of module paths: one path segment, percent-encoded. */
const NAME = /^[\w%~!*'()-][\w%.~!*'()-]{0,250}$/;

/**
 * V8 code caches on disk: a folder for each function and package. Cached data is bytecode that V8 does not verify, so a folder
 * is never shared between functions, not even when they run the same package: one of them may have been taken over.
 */
export class CodeCaches {
  readonly #directory: string;
  readonly #logger: Logger;
  /** What was taken per folder since the start. */
  readonly #taken = new Map<string, { readonly bytes: number; readonly files: number }>();
  readonly #writes = new Set<Promise<void>>();
  /** Folders by specification and version of what runs the code: each start asks. */
  readonly #directories = new WeakMap<FunctionSpec, { readonly version: string; readonly directory: string }>();
  #serial = 0;
  /** Folders that are there, about. */
  #count = 0;
  #evicting = false;

  constructor(directory: string, logger: Logger) {
    this.#directory = directory;
    this.#logger = logger;
  }

  /** Makes the folder of all caches and lets go of the least recently written ones. */
  static async open(directory: string, logger: Logger): Promise<CodeCaches> {
    mkdirSync(directory, { recursive: true });
    const caches = new CodeCaches(directory, logger);
    await caches.#evict();
    return caches;
  }

  /**
   * Folder that an environment of `spec` reads; it need not exist.
   *
   * @param version  of what runs the code: {@link Launch.version}
   */
  directoryOf(spec: FunctionSpec, version: string): string {
    const known = this.#directories.get(spec);
    if (known?.version === version) return known.directory;
    const directory = this.#newDirectoryOf(spec, version);
    this.#directories.set(spec, { version, directory });
    return directory;
  }

  /** Keeps what an environment made. Never throws: without a cache the next start is slower, nothing else. */
  take(spec: FunctionSpec, version: string, name: string, bytes: Uint8Array): void {
    const directory = this.directoryOf(spec, version);
    const before = this.#taken.get(directory);
    const total = { bytes: (before?.bytes ?? 0) + bytes.length, files: (before?.files ?? 0) + 1 };
    if (!NAME.test(name) || bytes.length > RUNTIME_LIMITS.codeCacheBytesMax) return;
    const { codeCacheTotalBytesMax, codeCacheFilesMax } = RUNTIME_LIMITS;
    if (total.bytes > codeCacheTotalBytesMax || total.files > codeCacheFilesMax) return;
    this.#taken.set(directory, total);
    const write = this.#write(directory, name, Uint8Array.from(bytes)).catch((error: unknown) => {
      this.#logger.warn('code cache not written', { function: spec.arn, error });
    });
    this.#writes.add(write);
    void write.then(() => this.#writes.delete(write));
  }

  /** Resolves when all that was taken is on disk. */
  async flush(): Promise<void> {
    await Promise.all(this.#writes);
  }

  #newDirectoryOf({ arn, name, codeHash, runtime }: FunctionSpec, version: string): string {
    const region = arn.split(':')[3];
    const key = [region, name, codeHash, runtime, version, process.arch].join('\n');
    return join(this.#directory, createHash('sha256').update(key).digest('hex').slice(0, 40));
  }

  async #write(directory: string, name: string, bytes: Uint8Array): Promise<void> {
    // A folder that is there already is not made.
    if (mkdirSync(directory, { recursive: true }) !== undefined) this.#onMade();
    // Two environments of one function may send the same module at once: each write has a temporary file of its own.
    const temporary = join(directory, `.${process.pid}-${this.#serial++}.tmp`);
    try {
      await writeFile(temporary, bytes);
      await rename(temporary, join(directory, name));
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
  }

  /** Now and then, since looking costs the more the more there are. */
  #onMade(): void {
    this.#count++;
    if (this.#evicting || this.#count <= RUNTIME_LIMITS.codeCachesMax * EVICT_AT) return;
    this.#evicting = true;
    const evicting = this.#evict()
      .catch((error: unknown) => this.#logger.warn('code caches not evicted', { error }))
      .then(() => {
        this.#evicting = false;
        this.#writes.delete(evicting);
      });
    this.#writes.add(evicting);
  }

  async #evict(): Promise<void> {
    const names = await readdir(this.#directory);
    this.#count = Math.min(names.length, RUNTIME_LIMITS.codeCachesMax);
    if (names.length <= RUNTIME_LIMITS.codeCachesMax) return;
    const folders = await Promise.all(
      names.map(async (name) => ({ name, at: (await stat(join(this.#directory, name))).mtimeMs })),
    );
    folders.sort((a, b) => b.at - a.at);
    for (const { name } of folders.slice(RUNTIME_LIMITS.codeCachesMax)) {
      this.#taken.delete(join(this.#directory, name));
      await rm(join(this.#directory, name), { recursive: true, force: true });
    }
  }
}
