import { readFile } from 'node:fs/promises';
import { defineCommand, EXIT } from './command.ts';

/** The version in the package's own manifest, which stands two folders above in a checkout and in the published package. */
export async function packageVersion(): Promise<string> {
  const manifest = await readFile(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}

export const version = defineCommand({
  name: 'version',
  summary: 'Print the version of Millrace, and of Node with --verbose.',
  options: { verbose: { type: 'flag', help: 'also print the versions of Node, V8 and the platform' } },
  examples: [['millrace version', 'for scripts: one line']],
  async run({ values, terminal }) {
    const lines = [`millrace ${await packageVersion()}`];
    if (values.verbose)
      lines.push(`node ${process.version} v8 ${process.versions.v8} ${process.platform}-${process.arch}`);
    terminal.out(`${lines.join('\n')}\n`);
    return EXIT.ok;
  },
});
