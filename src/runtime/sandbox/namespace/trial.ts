import { mkdirSync, rmSync } from 'node:fs';
import { type Clock, messageOf } from '../../../base/index.ts';
import type { Sandbox, Tenant } from '../sandbox.ts';

/** A sandbox takes some 50 ms; one that hangs this long never comes. */
const TRIAL_MS_MAX = 10_000;

export interface Trial {
  /** A process has run in a sandbox. */
  readonly started: boolean;
  /** What it, or who should have started it, said. */
  readonly said: string;
  /** Why the sandbox could not be given to a function. */
  readonly refused?: string;
}

/** Starts a sandbox and gives it to a function that wants the network. @param directory  of the trial; removed */
export async function runTrial(sandbox: Sandbox, directory: string, clock: Clock): Promise<Trial> {
  const codeDirectory = `${directory}-code`;
  mkdirSync(codeDirectory, { recursive: true });
  const command = ['sh', '-c', 'echo started; read -r line <&3'];
  const trial = sandbox.start({ command, environment: {}, directory, readable: [], doors: [] });
  const timer = clock.timer(TRIAL_MS_MAX, () => trial.kill());
  let said = '';
  trial.channel.on('error', () => {}).resume();
  const started = new Promise<boolean>((resolve) => {
    for (const output of trial.outputs) {
      output.on('data', (chunk: Buffer) => {
        said += chunk.toString();
        if (said.startsWith('started')) resolve(true);
      });
    }
    void trial.exited.then(() => resolve(false));
  });
  try {
    if (!(await started)) return { started: false, said: said.trim() || 'bubblewrap could not be started' };
    await trial.assign({ ...TENANT, codeDirectory, cacheDirectory: codeDirectory });
    return { started: true, said };
  } catch (error) {
    return { started: true, said, refused: messageOf(error) };
  } finally {
    timer.cancel();
    trial.kill();
    await trial.exited;
    rmSync(codeDirectory, { recursive: true, force: true });
  }
}

const TENANT: Omit<Tenant, 'codeDirectory' | 'cacheDirectory'> = {
  layers: [],
  memoryMb: 128,
  ephemeralStorageMb: 512,
  egress: { kind: 'all' },
};
