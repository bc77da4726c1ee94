import { ENDPOINT_OPTIONS, openClient } from './client.ts';
import { defineCommand, EXIT, UsageError } from './command.ts';

/** The keys as the node shows them. */
interface Shown {
  readonly keyFile: string;
  readonly protection: 'passphrase' | 'none';
  readonly keys: readonly { readonly id: string; readonly createdAt: string; readonly current: boolean }[];
}

const VERBS = ['show', 'rotate'];

export const keys = defineCommand({
  name: 'keys',
  summary:
    'Show which keys secrets are sealed with on disk (their ids, never the keys), or make a new one and seal everything again with it. The node goes on meanwhile; what a crash cuts off is ended at its next start.',
  positionals: { usage: 'show|rotate', min: 1, max: 1 },
  options: { json: { type: 'flag', help: 'print what the node answers' }, ...ENDPOINT_OPTIONS },
  examples: [
    ['millrace keys show', 'where the keys stand and how they are protected'],
    ['millrace keys rotate', 'replace the key; the one before is forgotten when nothing is sealed with it any more'],
  ],
  async run({ values, positionals: [verb], terminal, env }) {
    if (!VERBS.includes(verb!)) throw new UsageError(`there is no "${verb}": say ${VERBS.join(' or ')}`);
    const client = await openClient(values, env);
    if (verb === 'rotate') {
      const done = await client.rest('lambda', 'POST', '/_millrace/sealing/rotate', {});
      if (values.json) terminal.out(`${JSON.stringify(done)}\n`);
      else terminal.err(`sealed ${done.records} records again with key ${done.keyId}\n`);
      return EXIT.ok;
    }
    const shown: Shown = await client.rest('lambda', 'GET', '/_millrace/sealing');
    terminal.out(values.json ? `${JSON.stringify(shown)}\n` : text(shown));
    return EXIT.ok;
  },
});

function text({ keyFile, protection, keys: all }: Shown): string {
  const rows = all.map(({ id, createdAt, current }) => `${id}  ${createdAt}${current ? '' : '  being replaced'}`);
  const how = protection === 'passphrase' ? 'sealed with a passphrase' : 'for the node’s user alone';
  return `${keyFile}, ${how}\n${rows.join('\n')}\n`;
}
