import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { clientEnvironment } from '../../support/node.ts';
import { CallError, type Driver, type NoDriver } from './driver.ts';

/** Debian's, which has the packages of the clients. */
const PYTHON = '/usr/bin/python3';

type Answer =
  | { readonly ready: true }
  | { readonly missing: string }
  | { readonly output: unknown }
  | { readonly error: { readonly code: string; readonly message: string } };

/**
 * A client in a Python process that stays up for a whole run: a question a line goes in, an answer a line comes out, in turn.
 * `lines.py` is the other end.
 */
export class PythonDriver implements Driver {
  readonly #process: ChildProcess;
  readonly #answers: AsyncIterator<string>;
  readonly #names: Readonly<Record<string, string>>;
  readonly #stderr: string[];

  private constructor(
    child: ChildProcess,
    answers: AsyncIterator<string>,
    names: Readonly<Record<string, string>>,
    stderr: string[],
  ) {
    this.#process = child;
    this.#answers = answers;
    this.#names = names;
    this.#stderr = stderr;
  }

  /** @param names  the client's name of a service where it is not the one that AWS signs with */
  static async open(
    script: string,
    endpoint: string,
    names: Readonly<Record<string, string>>,
  ): Promise<Driver | NoDriver> {
    if (!existsSync(PYTHON)) return { missing: `there is no ${PYTHON}`, [Symbol.asyncDispose]: async () => {} };
    const child = spawn(PYTHON, [join(import.meta.dirname, script)], { env: environment(endpoint) });
    const stderr: string[] = [];
    createInterface({ input: child.stderr }).on('line', (line) => stderr.push(line));
    const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const driver = new PythonDriver(child, answers, names, stderr);
    const first = await driver.#next();
    return 'missing' in first ? { ...first, [Symbol.asyncDispose]: () => driver[Symbol.asyncDispose]() } : driver;
  }

  async call(service: string, operation: string, input: object): Promise<unknown> {
    return this.#ask({ call: operation, service: this.#nameOf(service), input: tagged(input) });
  }

  async knows(service: string, operation: string, member?: string): Promise<boolean> {
    return (await this.#ask({ knows: operation, service: this.#nameOf(service), member })) as boolean;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.exitCode !== null) return;
    const exit = once(this.#process, 'exit');
    this.#process.stdin!.end();
    await exit;
  }

  async #ask(question: object): Promise<unknown> {
    this.#process.stdin!.write(`${JSON.stringify(question)}\n`);
    const answer = await this.#next();
    if ('error' in answer) throw new CallError(answer.error.code, answer.error.message);
    return untagged((answer as { readonly output: unknown }).output);
  }

  async #next(): Promise<Answer> {
    const { done, value } = await this.#answers.next();
    if (done) throw new Error(`the client has ended:\n${this.#stderr.join('\n')}`);
    return JSON.parse(value) as Answer;
  }

  #nameOf(service: string): string {
    return this.#names[service] ?? service;
  }
}

function environment(endpoint: string): NodeJS.ProcessEnv {
  return {
    PATH: process.env.PATH,
    ...clientEnvironment(endpoint),
    AWS_CONFIG_FILE: '/dev/null',
    AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
    // A call that fails is not to succeed on the second try.
    AWS_MAX_ATTEMPTS: '1',
    PYTHONDONTWRITEBYTECODE: '1',
  };
}

/** With what JSON has not marked: bytes and times. */
function tagged(value: unknown): unknown {
  if (value instanceof Uint8Array) return { $bytes: Buffer.from(value).toString('base64') };
  if (value instanceof Date) return { $time: value.getTime() };
  if (Array.isArray(value)) return value.map(tagged);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, tagged(member)]));
}

function untagged(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(untagged);
  if (typeof value !== 'object' || value === null) return value;
  if ('$bytes' in value) return Buffer.from(value.$bytes as string, 'base64');
  if ('$time' in value) return new Date(value.$time as number);
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, untagged(member)]));
}
