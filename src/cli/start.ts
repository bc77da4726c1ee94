import { dirname, resolve } from 'node:path';
import { abortable } from '../base/index.ts';
import type { Node } from '../node/index.ts';
import { defineCommand, EXIT } from './command.ts';
import { readConfiguration, readConfigurationFile } from './configuration.ts';
import { startNode, stopSignal } from './node.ts';

export const start = defineCommand({
  name: 'start',
  summary:
    'Start a node for production: every call must be signed. Policies are stored and not evaluated yet; MQTT listens on loopback only.',
  options: { config: { type: 'text', value: 'FILE', default: 'millrace.yaml', help: 'configuration, YAML or JSON' } },
  examples: [
    ['millrace start --config /etc/millrace.yaml', 'start with the settings of that file'],
    ['MILLRACE_ROOT_SECRET_ACCESS_KEY=... millrace start', 'take the root secret from the environment'],
  ],
  async run({ values, terminal, env, cwd }) {
    const file = resolve(cwd, values.config);
    const config = readConfiguration(await readConfigurationFile(file), { env, directory: dirname(file) });
    using stop = stopSignal(terminal);
    await using node = await startNode(config);
    if (config.mode === 'secured') terminal.err(`${mqttLine(node.mqtt)}\n`);
    terminal.out(`ready ${node.endpoint}\n`);
    await abortable(new Promise<never>(() => {}), stop.signal).catch(() => {});
    terminal.err('millrace: draining; a second signal stops at once\n');
    return EXIT.ok;
  },
});

function mqttLine({ host, port }: Node['mqtt']): string {
  return `millrace: MQTT on ${host}:${port}, loopback only: devices are not authenticated yet (docs/security.md)`;
}
