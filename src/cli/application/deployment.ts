import type { Clock } from '../../base/index.ts';
import { encodeStrictly } from '../../codec/aws/index.ts';
import { type Client, objectPath } from '../client.ts';
import type { Terminal } from '../terminal.ts';
import { type Package, packageFunction, packageLayer } from './package.ts';
import { RemoteStack, type StackOutcome } from './stack.ts';
import { type Application, type PackagePlace, packagedTemplate } from './template.ts';

/** Largest template that goes in the request itself; a larger one goes by the object store. */
const TEMPLATE_BODY_BYTES_MAX = 51_200;

/** Largest package that goes in the request itself; as on Lambda. */
const INLINE_PACKAGE_BYTES_MAX = 50 * 1024 * 1024;

export interface DeploymentOptions {
  readonly client: Client;
  readonly terminal: Terminal;
  readonly clock: Clock;
  readonly stackName: string;
  readonly parameters: Readonly<Record<string, string>>;
  readonly tags: Readonly<Record<string, string>>;
}

/** Packages of an application's functions and layers by logical id. */
export type Packages = ReadonlyMap<string, Package>;

export async function packageApplication({ functions, layers }: Application): Promise<Packages> {
  const packages = await Promise.all([
    ...functions.map((fn) => packageFunction(fn)),
    ...layers.map((layer) => packageLayer(layer)),
  ]);
  return new Map(packages.map((one) => [one.logicalId, one]));
}

/** Where packages go: one bucket a region. */
const deploymentBucket = (region: string) => `millrace-deployments-${region}`;

/**
 * Uploads what is not there yet (a key is a hash, so what is there is the same), deploys the stack, and gives functions whose
 * code was changed past the stack the code that they are to have.
 */
export async function deployApplication(
  application: Application,
  packages: Packages,
  options: DeploymentOptions,
): Promise<StackOutcome> {
  const { client, terminal, clock, stackName, parameters, tags } = options;
  const places = await uploadPackages(packages, stackName, client);
  const body = JSON.stringify(packagedTemplate(application, places));
  const stack = new RemoteStack(stackName, client, terminal, clock);
  const outcome = await stack.deploy({
    stackName,
    template: await templateReference(body, stackName, client),
    declared: Object.keys((application.template.Parameters ?? {}) as object),
    parameters,
    tags,
  });
  const healed = await healFunctions(application, packages, stack, client);
  for (const logicalId of healed)
    terminal.err(`  ${logicalId} had code from elsewhere: it has the application's again\n`);
  return { ...outcome, changed: outcome.changed || healed.length > 0 };
}

/**
 * The stack knows only what was deployed through it: a function that was swapped since (by `millrace dev`, by
 * `aws lambda update-function-code`) is seen by the hash of its code.
 *
 * @returns logical ids of those that were given their code
 */
async function healFunctions(
  { functions }: Application,
  packages: Packages,
  stack: RemoteStack,
  client: Client,
): Promise<readonly string[]> {
  if (functions.length === 0) return [];
  const names = await stack.physicalIds('AWS::Lambda::Function');
  const healed = await Promise.all(
    functions.map(async ({ logicalId }) => {
      // A condition of the template may have left it out.
      const name = names.get(logicalId);
      const wanted = packages.get(logicalId)!;
      if (!name || (await codeHash(client, name)) === wanted.hash) return [];
      await updateCode(client, stack.name, name, wanted);
      return [logicalId];
    }),
  );
  return healed.flat();
}

/** Hash of the package that a function has, as {@link Package} gives it. */
async function codeHash(client: Client, functionName: string): Promise<string> {
  const { CodeSha256 } = await client.rest('lambda', 'GET', `${functionPath(functionName)}/configuration`);
  return Buffer.from(CodeSha256, 'base64').toString('hex');
}

/** Gives a function new code, past its stack. @throws ApiError */
export async function updateCode(
  client: Client,
  stackName: string,
  functionName: string,
  code: Package,
): Promise<void> {
  const path = `${functionPath(functionName)}/code`;
  if (code.bytes.length <= INLINE_PACKAGE_BYTES_MAX) {
    await client.rest('lambda', 'PUT', path, { ZipFile: code.bytes.toString('base64') });
    return;
  }
  const { bucket, key } = await uploadPackage(code, stackName, client);
  await client.rest('lambda', 'PUT', path, { S3Bucket: bucket, S3Key: key });
}

const functionPath = (name: string) => `/2015-03-31/functions/${encodeStrictly(name)}`;

async function uploadPackages(
  packages: Packages,
  stackName: string,
  client: Client,
): Promise<ReadonlyMap<string, PackagePlace>> {
  const places = new Map<string, PackagePlace>();
  for (const one of packages.values()) places.set(one.logicalId, await uploadPackage(one, stackName, client));
  return places;
}

/** @returns where the package stands */
async function uploadPackage({ hash, bytes }: Package, stackName: string, client: Client): Promise<PackagePlace> {
  const bucket = deploymentBucket(client.region);
  const key = `${stackName}/${hash}.zip`;
  await client.ensureBucket(bucket);
  if (!(await client.hasObject(bucket, key))) await client.putObject(bucket, key, bytes);
  return { bucket, key };
}

async function templateReference(
  TemplateBody: string,
  stackName: string,
  client: Client,
): Promise<{ readonly TemplateBody: string } | { readonly TemplateURL: string }> {
  if (Buffer.byteLength(TemplateBody) <= TEMPLATE_BODY_BYTES_MAX) return { TemplateBody };
  const bucket = deploymentBucket(client.region);
  const key = `${stackName}/template.json`;
  await client.ensureBucket(bucket);
  await client.putObject(bucket, key, Buffer.from(TemplateBody));
  return { TemplateURL: new URL(objectPath(bucket, key), client.endpoint).href };
}
