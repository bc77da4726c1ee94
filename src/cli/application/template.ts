import { access, readFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { messageOf } from '../../base/index.ts';
import { readTemplate } from '../../services/cloudformation/index.ts';
import { CommandError, EXIT } from '../command.ts';

const TEMPLATE_NAMES = ['template.yaml', 'template.yml', 'template.json'];

type Json = Record<string, any>;

/** A function whose code lies on disk. */
export interface LocalFunction {
  readonly logicalId: string;
  /** Folder of its sources, or a package that is ready. */
  readonly codePath: string;
  readonly handler: string;
  readonly runtime: string;
  /** `Metadata` of the resource: how SAM builds it. */
  readonly metadata: Json;
  /** Each change of its code is published as a version (`AutoPublishAlias`): the stack does that. */
  readonly published: boolean;
}

/** A layer whose content lies on disk. */
export interface LocalLayer {
  readonly logicalId: string;
  /** Its folder, which is packaged as it is, or a package that is ready. */
  readonly codePath: string;
}

/** An application in a folder: its template, and what is to be packaged. */
export interface Application {
  readonly directory: string;
  readonly templateFile: string;
  readonly template: Json;
  readonly functions: readonly LocalFunction[];
  readonly layers: readonly LocalLayer[];
}

/** The template of a folder; `undefined` when there is none. */
export async function findTemplate(directory: string): Promise<string | undefined> {
  for (const name of TEMPLATE_NAMES) {
    const file = join(directory, name);
    if (
      await access(file).then(
        () => true,
        () => false,
      )
    )
      return file;
  }
  return undefined;
}

/** Reads the application in a folder. @throws CommandError  when there is no template, or it cannot be read */
export async function readApplication(directory: string): Promise<Application> {
  const templateFile = await findTemplate(directory);
  if (!templateFile) {
    throw new CommandError(`no template in ${directory}: make one of ${TEMPLATE_NAMES.join(', ')}`, {
      exitCode: EXIT.usage,
    });
  }
  const template = await parse(templateFile);
  const resources = Object.entries((template.Resources ?? {}) as Json);
  const functions = resources.flatMap(([id, resource]) => localFunction(id, resource, template, directory) ?? []);
  const layers = resources.flatMap(([id, resource]) => localLayer(id, resource, template, directory) ?? []);
  return { directory, templateFile, template, functions, layers };
}

async function parse(file: string): Promise<Json> {
  try {
    return (await readTemplate(await readFile(file, 'utf8'))) as Json;
  } catch (error) {
    throw new CommandError(`${file}: ${messageOf(error)}`, { exitCode: EXIT.usage });
  }
}

function localFunction(
  logicalId: string,
  resource: Json,
  template: Json,
  directory: string,
): LocalFunction | undefined {
  const globals = (template.Globals?.Function ?? {}) as Json;
  const serverless = resource.Type === 'AWS::Serverless::Function';
  if (!serverless && resource.Type !== 'AWS::Lambda::Function') return undefined;
  const properties = { ...(serverless ? globals : {}), ...resource.Properties } as Json;
  const code = serverless ? (properties.InlineCode === undefined ? properties.CodeUri : undefined) : properties.Code;
  if (typeof code !== 'string' || code.startsWith('s3://')) return undefined;
  return {
    logicalId,
    codePath: resolve(directory, code),
    handler: String(properties.Handler ?? ''),
    runtime: String(properties.Runtime ?? ''),
    metadata: (resource.Metadata ?? {}) as Json,
    published: properties.AutoPublishAlias !== undefined,
  };
}

function localLayer(logicalId: string, resource: Json, template: Json, directory: string): LocalLayer | undefined {
  const globals = (template.Globals?.LayerVersion ?? {}) as Json;
  const { Type: type, Properties: properties } = resource;
  const content =
    type === 'AWS::Serverless::LayerVersion'
      ? { ...globals, ...properties }.ContentUri
      : type === 'AWS::Lambda::LayerVersion' && properties?.Content;
  if (typeof content !== 'string' || content.startsWith('s3://')) return undefined;
  return { logicalId, codePath: resolve(directory, content) };
}

/** Where a package stands in the object store. */
export interface PackagePlace {
  readonly bucket: string;
  readonly key: string;
}

/** The template with the local code of its functions and layers replaced by where their packages stand. */
export function packagedTemplate({ template }: Application, places: ReadonlyMap<string, PackagePlace>): Json {
  const resources = Object.entries((template.Resources ?? {}) as Json).map(([id, resource]) => {
    const place = places.get(id);
    const code = place && CODE_PROPERTIES[resource.Type]?.(place);
    return [id, code ? { ...resource, Properties: { ...resource.Properties, ...code } } : resource];
  });
  return { ...template, Resources: Object.fromEntries(resources) };
}

/** How each type of resource says where its code stands. */
const CODE_PROPERTIES: Readonly<Record<string, (place: PackagePlace) => Json>> = {
  'AWS::Serverless::Function': ({ bucket, key }) => ({ CodeUri: { Bucket: bucket, Key: key } }),
  'AWS::Serverless::LayerVersion': ({ bucket, key }) => ({ ContentUri: { Bucket: bucket, Key: key } }),
  'AWS::Lambda::Function': ({ bucket, key }) => ({ Code: { S3Bucket: bucket, S3Key: key } }),
  'AWS::Lambda::LayerVersion': ({ bucket, key }) => ({ Content: { S3Bucket: bucket, S3Key: key } }),
};

/** A stack name made of the folder's: letters, digits and hyphens, a letter first. */
export function defaultStackName(directory: string): string {
  const name = basename(resolve(directory))
    .replace(/[^A-Za-z0-9-]+/g, '-')
    .replace(/^[^A-Za-z]+|-+$/g, '')
    .slice(0, 128);
  return name || 'application';
}
