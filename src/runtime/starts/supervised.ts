import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Launch } from './launch.ts';

/**
 * A launch whose process supervises extensions and the runtime: a blank Node process that is told later what to start.
 *
 * @param supervisor  what starts such a process
 */
export function supervised(launch: Launch, extensions: readonly string[], supervisor: Launch): Launch {
  const { command, environment, readable, modules, version, speaks } = launch;
  const both = [...new Set([...supervisor.readable, ...readable])];
  const alike = both.length === supervisor.readable.length;
  return {
    ...supervisor,
    key: alike ? supervisor.key : `${supervisor.key} beside ${launch.key}`,
    readable: both,
    version,
    ...(modules === undefined ? {} : { modules }),
    ...(speaks ? { speaks } : {}),
    supervised: { command, environment, extensions },
  };
}

/** Names of the external extensions: the executables in `extensions/` of the layers, which lie over each other. */
export function findExtensions(layers: readonly string[]): readonly string[] {
  const names = new Set<string>();
  for (const layer of layers) {
    const folder = join(layer, 'extensions');
    if (!existsSync(folder)) continue;
    for (const entry of readdirSync(folder, { withFileTypes: true })) if (!entry.isDirectory()) names.add(entry.name);
  }
  return [...names].sort();
}
