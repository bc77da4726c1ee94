import { mkdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Random } from '../../base/index.ts';
import { uuid } from '../../base/index.ts';
import { Connection } from '../environments/connection.ts';
import type { Sandbox, SandboxProcess, SandboxRequest } from '../sandbox/sandbox.ts';
import { CLONES } from './clone.ts';
import type { Launch } from './launch.ts';
import { Template } from './template.ts';

export interface ForkServerOptions {
  /** Of the engine `process`: what is forked stands within the walls of what forks it, and that has none. */
  readonly sandbox: Pick<Sandbox, 'start'>;
  readonly random: Random;
  readonly launch: Launch;
  /** The private folder of the template stands here. */
  readonly directory: string;
}

/**
 * Starts blank environments by forking one that never runs a function's code: all of them share its memory until they write to it,
 * and none pays again for what it has loaded.
 */
export class ForkServer implements Pick<Sandbox, 'start'> {
  readonly #options: ForkServerOptions;
  #template: Template | undefined;
  #closed = false;

  constructor(options: ForkServerOptions) {
    this.#options = options;
  }

  start(request: SandboxRequest): SandboxProcess {
    const { sandbox, launch } = this.#options;
    const more = Object.keys(request.environment).filter((name) => !(name in launch.environment));
    // Variables that only a new process can take are not the template's.
    if (this.#closed || more.some((name) => !(name in (launch.urgentEnvironment ?? {})))) return sandbox.start(request);
    const template = this.#template && !this.#template.ended ? this.#template : this.#open(request);
    this.#template = template;
    // Who waits does not wait for what others load.
    const ahead = more.length === 0;
    return ahead || template.isReady ? this.#fork(template, request, ahead) : sandbox.start(request);
  }

  /** Ends the template, and with it what it has forked. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#template?.close();
  }

  #open({ command, readable }: SandboxRequest): Template {
    const { sandbox, random, directory, launch } = this.#options;
    const { environment } = launch;
    const own = join(directory, uuid(random));
    const child = sandbox.start({ command, environment, readable, directory: own, doors: [CLONES] });
    // It runs nothing that has a log of its own.
    return new Template(new Connection(child, () => {}), random, () => {});
  }

  #fork(template: Template, { directory, doors }: SandboxRequest, ahead: boolean): SandboxProcess {
    const temporaryDirectory = join(directory, 'tmp');
    try {
      mkdirSync(temporaryDirectory, { recursive: true, mode: 0o700 });
    } catch {
      // The disk is full: a clone without its folder fails where it needs it.
    }
    const tidy = () => rm(directory, { recursive: true, force: true }).catch(() => {});
    return template.clone({ ahead, directory: temporaryDirectory }, { doors, tidy });
  }
}
