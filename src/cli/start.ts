import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { abortable, messageOf } from '../base/index.ts';
import { defineCommand, EXIT, UsageError } from './command.ts';
import { readConfiguration } from './configuration.ts';
import { startNode, stopSignal } from './node.ts';

export const start = defineCommand({
  name: 'start',
  summary: 'Start a node for production: signatures and policies are enforced.',
  options: { config: { type: 'text', value: 'FILE', default: 'millrace.yaml', help: 'configuration, YAML or JSON' } },
  examples: [
    ['millrace start --config /etc/millrace.yaml', 'start with the settings of that file'],
    ['MILLRACE_ROOT_SECRET_ACCESS_KEY=... millrace start', 'take the root secret from the environment'],
  ],
  async run({ values, terminal, env, cwd }) {
    const file = resolve(cwd, values.config);
    const config = readConfiguration(await readText(file), { env, directory: dirname(file) });
    using stop = stopSignal(terminal);
    await using node = await startNode(config);
    terminal.out(`ready ${node.endpoint}\n`);
    await abortable(new Promise<never>(() => {}), stop.signal).catch(() => {});
    terminal.err('millrace: draining; a second signal stops at once\n');
    return EXIT.ok;
  },
});

async function readText(file: string): Promise<string> {
  return readFile(file, 'utf8').catch((error: unknown) => {
    throw new UsageError(`cannot read the configuration: ${messageOf(error)}; name it with --config FILE`);
  });
}
