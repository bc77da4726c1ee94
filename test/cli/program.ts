import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

const PROGRAM = join(import.meta.dirname, '../../bin/millrace.js');

/** A `millrace` process whose output is watched. */
export class Program implements AsyncDisposable {
  readonly #process: ChildProcess;
  readonly #exited: Promise<unknown[]>;
  out = '';
  err = '';

  /** @param input  what it reads on standard input */
  constructor(cwd: string, args: readonly string[], env: NodeJS.ProcessEnv = {}, input = '') {
    this.#process = spawn(process.execPath, [PROGRAM, ...args], { cwd, env: { ...process.env, ...env } });
    this.#exited = once(this.#process, 'close');
    this.#process.stdin!.end(input);
    this.#process.stdout!.setEncoding('utf8').on('data', (text: string) => {
      this.out += text;
    });
    this.#process.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.err += text;
    });
  }

  /** Waits until `pattern` is in the output; fails when the program ends before. */
  async until(stream: 'out' | 'err', pattern: RegExp): Promise<RegExpExecArray> {
    const source = stream === 'out' ? this.#process.stdout! : this.#process.stderr!;
    for (;;) {
      const match = pattern.exec(this[stream]);
      if (match) return match;
      const more = await Promise.race([once(source, 'data'), this.#exited.then(() => undefined)]);
      if (!more && !pattern.test(this[stream])) assert.fail(`ended without ${pattern}:\n${this.out}${this.err}`);
    }
  }

  signal(name: NodeJS.Signals): void {
    this.#process.kill(name);
  }

  /** @returns the exit code */
  async exit(): Promise<unknown> {
    return (await this.#exited)[0];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.exitCode === null) this.#process.kill('SIGKILL');
    await this.#exited;
  }
}
