import { type FileHandle, open } from 'node:fs/promises';

/** Makes the names in a folder durable. */
export async function syncFolder(directory: string): Promise<void> {
  await using folder = await open(directory, 'r');
  await folder.sync();
}

/** The same for many who ask at once, of a folder that stays: who comes while one sync is under way shares the next. */
export class FolderSync implements AsyncDisposable {
  readonly #directory: string;
  #folder: FileHandle | undefined;
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Resolves when all names that were there at the call are durable. */
  sync(): Promise<void> {
    this.#next ??= this.#start(this.#running);
    return this.#next;
  }

  /** Nobody asks any more. */
  async [Symbol.asyncDispose](): Promise<void> {
    await (this.#next ?? this.#running)?.catch(() => {});
    await this.#folder?.close();
    this.#folder = undefined;
  }

  async #start(before: Promise<void> | undefined): Promise<void> {
    // Whoever asks in this turn still shares it, and nobody after it has begun.
    await (before ?? Promise.resolve()).catch(() => {});
    this.#running = this.#next;
    this.#next = undefined;
    this.#folder ??= await open(this.#directory, 'r');
    await this.#folder.sync();
  }
}
