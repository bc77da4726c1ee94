import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { bundleConsole, type ConsoleFiles } from './bundle.ts';

const compress = promisify(gzip);

/** A file as it goes out. */
export interface Asset {
  readonly type: string;
  readonly etag: string;
  readonly body: Uint8Array;
  readonly gzipped: Uint8Array;
}

const TYPES: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  svg: 'image/svg+xml',
};

/** The console's files, from `dist/console` where there is a build, else bundled from the checkout's sources. */
export async function loadAssets(): Promise<ReadonlyMap<string, Asset>> {
  const files = await consoleFiles();
  const assets = await Promise.all(
    [...files].map(async ([name, body]): Promise<[string, Asset]> => [name, await assetOf(name, body)]),
  );
  return new Map(assets);
}

/** This module stands at `src/gateway/console/` in a checkout and at `dist/gateway/console/` in the package. */
async function consoleFiles(): Promise<ConsoleFiles> {
  const sources = fileURLToPath(new URL('../../../console/', import.meta.url));
  if (import.meta.url.endsWith('.ts') && existsSync(join(sources, 'src/main.tsx'))) return bundleConsole(sources);
  const built = fileURLToPath(new URL('../../console/', import.meta.url));
  const names = await readdir(built);
  return new Map(
    await Promise.all(
      names.map(async (name): Promise<[string, Uint8Array]> => [name, await readFile(join(built, name))]),
    ),
  );
}

async function assetOf(name: string, body: Uint8Array): Promise<Asset> {
  return {
    type: TYPES[name.slice(name.lastIndexOf('.') + 1)] ?? 'application/octet-stream',
    etag: `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`,
    body,
    gzipped: await compress(body, { level: 9 }),
  };
}
