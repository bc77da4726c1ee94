import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { test } from 'node:test';

/** The rooms from the ground to the roof: a room imports only what stands before it (DESIGN: the house). */
const ROOMS = [
  'base',
  'codec',
  'schemas',
  'telemetry',
  'store',
  'runtime',
  'delivery',
  'pollers',
  'services',
  'wire',
  'gateway',
  'node',
  'cli',
];

/** Rooms whose folders have a door of their own each: who needs one format or service does not load them all. */
const STREETS = new Set(['codec', 'services', 'gateway']);

/** Files that are started by name rather than imported. */
const ENTRY = /(^|\/)(main|[a-z-]+\.worker)\.ts$/;

/** Calls that walk around a port; `base/` is where they live. */
const BANNED: readonly { readonly pattern: RegExp; readonly instead: string }[] = [
  { pattern: /\bDate\.now\b|\bnew Date\(\)/, instead: 'Clock.now' },
  { pattern: /(?<![.\w])set(Timeout|Interval)\(/, instead: 'Clock.sleep or Clock.timer' },
  { pattern: /\bMath\.random\b/, instead: 'Random.next' },
  { pattern: /\bconsole\.(log|error|warn|info)\b/, instead: 'a Logger, or process.stdout in cli/' },
];

interface Import {
  readonly from: string;
  readonly to: string;
  readonly typeOnly: boolean;
}

const root = resolve(import.meta.dirname, '../src');
const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter(
  (file) => file.endsWith('.ts') && !/\.(test|conformance)\.ts$/.test(file),
);
const sources = new Map(files.map((file) => [file, readFileSync(join(root, file), 'utf8')]));
const imports = files.flatMap(importsOf);

function importsOf(file: string): Import[] {
  const found: Import[] = [];
  const pattern =
    /(?:^|\n)\s*(?:import|export)\s+(type\s)?[^;'"]*?from\s+['"](\.[^'"]+)['"]|import\(\s*['"](\.[^'"]+)['"]\s*\)/g;
  for (const match of sources.get(file)!.matchAll(pattern)) {
    const to = relative(root, resolve(root, dirname(file), (match[2] ?? match[3])!));
    found.push({ from: file, to, typeOnly: match[1] !== undefined });
  }
  return found;
}

const roomOf = (file: string) => file.split('/')[0]!;

/** The folder that has the door: `store`, `services/kinesis`. */
function houseOf(file: string): string {
  const [room, street, rest] = file.split('/');
  return STREETS.has(room!) && rest !== undefined ? `${room}/${street}` : room!;
}

test('every file stands in a room of the plan', () => {
  assert.deepEqual(
    files.filter((file) => !ROOMS.includes(roomOf(file))),
    [],
  );
});

test('no arrow points up', () => {
  const up = imports.filter(({ from, to }) => ROOMS.indexOf(roomOf(to)) > ROOMS.indexOf(roomOf(from)));
  assert.deepEqual(up.map(show), []);
});

test('a room is entered by its door', () => {
  const deep = imports.filter(({ from, to }) => houseOf(from) !== houseOf(to) && to !== `${houseOf(to)}/index.ts`);
  assert.deepEqual(deep.map(show), []);
});

test('no cycle of imports', () => {
  const edges = Map.groupBy(
    imports.filter(({ typeOnly }) => !typeOnly),
    ({ from }) => from,
  );
  const done = new Set<string>();
  const cycles: string[] = [];
  const visit = (file: string, path: readonly string[]) => {
    if (path.includes(file)) return void cycles.push([...path.slice(path.indexOf(file)), file].join(' -> '));
    if (done.has(file)) return;
    for (const { to } of edges.get(file) ?? []) visit(to, [...path, file]);
    done.add(file);
  };
  for (const file of files) visit(file, []);
  assert.deepEqual(cycles, []);
});

test('nothing is left that nothing imports', () => {
  const used = new Set(imports.map(({ to }) => to));
  // A worker is named by path, without an import: siblingModule(import.meta.url, './sqlite.worker').
  const orphans = files.filter((file) => !used.has(file) && !ENTRY.test(file) && !file.endsWith('/index.ts'));
  assert.deepEqual(orphans, []);
});

test('ports are not walked around', () => {
  const found = files
    .filter((file) => roomOf(file) !== 'base')
    .flatMap((file) =>
      sources
        .get(file)!
        .split('\n')
        .flatMap((line, index) =>
          BANNED.filter(({ pattern }) => pattern.test(line.replace(/\/\/.*|^\s*\*.*/, ''))).map(
            ({ instead }) => `src/${file}:${index + 1}: use ${instead}: ${line.trim()}`,
          ),
        ),
    );
  assert.deepEqual(found, []);
});

function show({ from, to }: Import): string {
  return `src/${from} imports src/${to}`;
}
