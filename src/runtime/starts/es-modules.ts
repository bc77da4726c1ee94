import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';

/** Modules of one function that are turned into CommonJS at most, and their bytes together. */
const MODULES_MAX = 200;
const BYTES_MAX = 16 * 1024 * 1024;

/**
 * Writes the ES modules of a function as CommonJS, which is all that a snapshot can load: each by itself, without looking at any
 * other file, into `target` under the percent-encoded name of its path. Those that cannot be turned (`await` at the top) and those
 * in `node_modules` are left out, and the snapshot says so when it meets them.
 *
 * @param codeDirectory  what the function brings; links in it are not followed
 * @param taskRoot  where the function sees it: for `import.meta`
 */
export async function writeAsCommonJs(codeDirectory: string, taskRoot: string, target: string): Promise<void> {
  const files = modulesIn(codeDirectory);
  if (files.length === 0) return;
  // Some 10 MB of code that most nodes never need.
  const { transform } = await import('esbuild');
  for (const file of files) {
    const name = relative(codeDirectory, file);
    const seen = join(taskRoot, name);
    const define = {
      'import.meta.url': JSON.stringify(pathToFileURL(seen).href),
      'import.meta.filename': JSON.stringify(seen),
      'import.meta.dirname': JSON.stringify(dirname(seen)),
    };
    const options = { format: 'cjs', platform: 'node', define, sourcefile: seen, logLevel: 'silent' } as const;
    const turned = await transform(readFileSync(file, 'utf8'), options).catch(() => undefined);
    if (turned) writeFileSync(join(target, encodeURIComponent(name)), turned.code);
  }
}

function modulesIn(root: string): string[] {
  const found: string[] = [];
  let bytes = 0;
  const walk = (folder: string, isModuleScope: boolean): void => {
    const scope = scopeOf(folder) ?? isModuleScope;
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isDirectory() && entry.name !== 'node_modules') walk(path, scope);
      if (!entry.isFile() || !(entry.name.endsWith('.mjs') || (scope && entry.name.endsWith('.js')))) continue;
      bytes += statSync(path).size;
      if (found.length < MODULES_MAX && bytes <= BYTES_MAX) found.push(path);
    }
  };
  walk(root, false);
  return found;
}

/** Whether the folder's own package.json makes its `.js` files ES modules; `undefined` without one. */
function scopeOf(folder: string): boolean | undefined {
  try {
    const { type } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { type?: unknown };
    return type === 'module';
  } catch {
    return undefined;
  }
}
