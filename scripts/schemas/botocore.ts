import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';

/** A shape of botocore's `service-2.json`, as far as we read it. */
export interface BotocoreShape {
  readonly type: string;
  readonly required?: readonly string[];
  readonly members?: Readonly<Record<string, { readonly shape: string; readonly jsonvalue?: boolean }>>;
  readonly member?: { readonly shape: string };
  readonly key?: { readonly shape: string };
  readonly value?: { readonly shape: string };
  readonly min?: number;
  readonly max?: number;
  readonly pattern?: string;
  readonly enum?: readonly string[];
}

interface OperationModel {
  readonly input?: { readonly shape: string };
  readonly output?: { readonly shape: string };
  readonly errors?: readonly { readonly shape: string }[];
}

/** botocore's model of one service. */
export interface BotocoreModel {
  readonly metadata: {
    readonly protocol: string;
    readonly protocols?: readonly string[];
    readonly jsonVersion?: string;
    readonly endpointPrefix: string;
    readonly xmlNamespace?: string;
    readonly awsQueryCompatible?: object;
  };
  readonly operations: Readonly<Record<string, OperationModel>>;
  readonly shapes: Readonly<Record<string, BotocoreShape>>;
}

/** botocore's folder, from `--botocore DIR` or through python, and its version. */
export function findBotocore(given?: string): { readonly folder: string; readonly version: string } {
  const folder = given ?? python('import botocore, os; print(os.path.dirname(botocore.__file__))');
  const source = readFileSync(join(folder, '__init__.py'), 'utf8');
  const version = /^__version__ = '([^']+)'/m.exec(source)?.[1];
  if (!version) throw new Error(`${folder} is not botocore: it states no version`);
  return { folder, version };
}

function python(code: string): string {
  return execFileSync('python3', ['-c', code], { encoding: 'utf8' }).trim();
}

/** Reads the newest API version's model of `service`, without the enumerations of `open`. */
export function readModel(folder: string, service: string, open: readonly string[] = []): BotocoreModel {
  const parent = join(folder, 'data', service);
  const version = readdirSync(parent).sort().at(-1)!;
  const plain = join(parent, version, 'service-2.json');
  const bytes = existsSync(plain) ? readFileSync(plain) : gunzipSync(readFileSync(`${plain}.gz`));
  const model = JSON.parse(bytes.toString('utf8')) as BotocoreModel;
  const shapes = Object.entries(model.shapes).map(([name, { enum: values, ...shape }]) => [
    name,
    values && !open.includes(name) ? { ...shape, enum: values } : shape,
  ]);
  return { ...model, shapes: Object.fromEntries(shapes) };
}
