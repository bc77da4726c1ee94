import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DomainError } from '../../base/index.ts';
import type { RuntimeErrorCode } from '../runtime.ts';
import { userRuntimes } from './nodejs-binaries.ts';

/** What of the packages that are found a function may load: the SDK, and what AWS's runtimes bring with it. */
const SCOPES = ['@aws-sdk', '@smithy'];
/** Packages that are looked through for what the SDK needs: with all of AWS's clients there are some 500. */
const PACKAGES_MAX = 2_000;

/** The AWS SDK for JavaScript (v3) of this machine, as the Node runtimes show it to functions. */
export interface NodejsSdk {
  /** Folder for `NODE_PATH`: what stands in it are links. */
  readonly modules: string;
  /** What of the machine a function must be able to read for it. */
  readonly readable: readonly string[];
}

/**
 * Finds the SDK that functions of the Node runtimes find on Lambda: in the folder that `MILLRACE_AWS_SDK` names, in `aws-sdk` among the
 * user's runtimes, or beside Millrace itself; the first that has a client.
 *
 * @param directory  for the links alone
 * @returns nothing where no SDK is installed
 * @throws runtime-unavailable  `MILLRACE_AWS_SDK` names a folder without one
 */
export function openNodejsSdk(directory: string): NodejsSdk | undefined {
  const packages = findPackages();
  if (packages === undefined) return undefined;
  // Looking through all packages takes longer than the rest of the start of a node.
  const note = join(directory, 'found.json');
  // The links are named by their whole path: a data directory that has moved has none yet.
  const stamps = [packages, ...SCOPES.map((scope) => join(packages, scope))].map(stampOf);
  const state = [resolve(directory), ...stamps].join('\n');
  const known = readNote(note);
  if (known?.state === state) return known.sdk;
  const sdk = link(packages, directory);
  writeFileSync(note, JSON.stringify({ state, sdk } satisfies Note));
  return sdk;
}

/** Nothing where a crash has cut it off: it is found again. */
function readNote(file: string): Note | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Note;
  } catch {
    return undefined;
  }
}

/** What was found, and when it holds no more. */
interface Note {
  readonly state: string;
  readonly sdk: NodejsSdk;
}

const stampOf = (folder: string) => `${folder} ${statSync(folder, { throwIfNoEntry: false })?.mtimeMs}`;

function link(packages: string, directory: string): NodejsSdk {
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  const modules = join(realpathSync(directory), 'node_modules');
  mkdirSync(modules);
  for (const scope of SCOPES.filter((name) => existsSync(join(packages, name)))) {
    symlinkSync(join(packages, scope), join(modules, scope));
  }
  return { modules, readable: [modules, ...foldersOf(packages)] };
}

/** The `node_modules` that has clients. */
function findPackages(): string | undefined {
  const named = process.env.MILLRACE_AWS_SDK;
  if (named) {
    const folder = join(named, 'node_modules');
    if (hasClients(folder)) return realpathSync(folder);
    const problem = `MILLRACE_AWS_SDK: there is no @aws-sdk/client-* in ${folder}`;
    throw new DomainError<RuntimeErrorCode>('runtime-unavailable', problem, { remedy: 'never' });
  }
  const places = [join(userRuntimes(), 'aws-sdk', 'node_modules'), ...foldersAbove()];
  const found = places.find(hasClients);
  return found && realpathSync(found);
}

/** The `node_modules` in which packages of this program are looked for. */
const foldersAbove = () => createRequire(fileURLToPath(import.meta.url)).resolve.paths('@aws-sdk/core') ?? [];

function hasClients(folder: string): boolean {
  const scope = join(folder, '@aws-sdk');
  return existsSync(scope) && readdirSync(scope).some((name) => name.startsWith('client-'));
}

/** The folders of the scopes, and of every package beside that one of theirs depends on. */
function foldersOf(packages: string): readonly string[] {
  const scopes = SCOPES.filter((scope) => existsSync(join(packages, scope)));
  const inScopes = scopes.flatMap((scope) => readdirSync(join(packages, scope)).map((name) => `${scope}/${name}`));
  const seen = new Set(inScopes);
  for (const name of seen) {
    if (seen.size > PACKAGES_MAX) break;
    for (const needed of dependenciesOf(join(packages, name))) seen.add(needed);
  }
  const beside = [...seen].filter((name) => !scopes.includes(dirname(name)) && existsSync(join(packages, name)));
  return [...scopes, ...beside].map((name) => realpathSync(join(packages, name)));
}

function dependenciesOf(folder: string): readonly string[] {
  const file = join(folder, 'package.json');
  if (!existsSync(file)) return [];
  const { dependencies = {} } = JSON.parse(readFileSync(file, 'utf8')) as { dependencies?: Record<string, string> };
  return Object.keys(dependencies);
}
