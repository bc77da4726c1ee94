import { LambdaError } from './errors.ts';
import type { Functions } from './functions.ts';
import type { Layers } from './layers.ts';
import { type CodePackage, LAMBDA_LIMITS } from './model.ts';
import type { Packages } from './packages.ts';

/** All code of the account: what functions, their versions and layers have, each package counted once. */
export class CodeStorage {
  readonly #packages: Packages;
  readonly #functions: Functions;
  readonly #layers: Layers;

  constructor(packages: Packages, functions: Functions, layers: Layers) {
    this.#packages = packages;
    this.#functions = functions;
    this.#layers = layers;
  }

  /** Bytes of all zips. */
  get usedBytes(): number {
    const sizes = new Map<string, number>();
    for (const { sha256, sizeBytes } of this.#used()) sizes.set(sha256, sizeBytes);
    return sizes.values().reduce((sum, size) => sum + size, 0);
  }

  /** Keeps a package. @throws code-too-large: the account is full, and what {@link Packages.add} throws */
  async add(zip: Uint8Array): Promise<CodePackage> {
    if (this.usedBytes + zip.length > LAMBDA_LIMITS.codeBytesTotalMax) {
      throw new LambdaError('code-too-large', 'Code storage limit exceeded.');
    }
    return this.#packages.add(zip);
  }

  /** Removes the packages that nothing refers to any more. Call it when no environment runs. */
  sweep(): Promise<void> {
    return this.#packages.sweep(this.#used());
  }

  #used(): readonly CodePackage[] {
    return [...this.#functions.packages(), ...this.#layers.packages()];
  }
}
