import type { Clock } from '../../base/index.ts';
import { type Client, objectPath } from '../client.ts';
import type { Terminal } from '../terminal.ts';
import { type FunctionPackage, packageFunction } from './package.ts';
import { RemoteStack, type StackOutcome } from './stack.ts';
import { type Application, type PackagePlace, packagedTemplate } from './template.ts';

/** Largest template that goes in the request itself; a larger one goes by the object store. */
const TEMPLATE_BODY_BYTES_MAX = 51_200;

export interface DeploymentOptions {
  readonly client: Client;
  readonly terminal: Terminal;
  readonly clock: Clock;
  readonly stackName: string;
  readonly parameters: Readonly<Record<string, string>>;
  readonly tags: Readonly<Record<string, string>>;
}

/** Packages of an application's functions by logical id. */
export type Packages = ReadonlyMap<string, FunctionPackage>;

export async function packageApplication(application: Application): Promise<Packages> {
  const packages = await Promise.all(application.functions.map(packageFunction));
  return new Map(packages.map((one) => [one.logicalId, one]));
}

/** Where packages go: one bucket a region. */
export const deploymentBucket = (region: string) => `millrace-deployments-${region}`;

/** Uploads what is not there yet (a key is a hash, so what is there is the same) and deploys the stack. */
export async function deployApplication(
  application: Application,
  packages: Packages,
  options: DeploymentOptions,
): Promise<StackOutcome> {
  const { client, terminal, clock, stackName, parameters, tags } = options;
  const places = await uploadPackages(packages, stackName, client);
  const body = JSON.stringify(packagedTemplate(application, places));
  const stack = new RemoteStack(stackName, client, terminal, clock);
  return stack.deploy({
    stackName,
    template: await templateReference(body, stackName, client),
    declared: Object.keys((application.template.Parameters ?? {}) as object),
    parameters,
    tags,
  });
}

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
export async function uploadPackage(
  { hash, bytes }: FunctionPackage,
  stackName: string,
  client: Client,
): Promise<PackagePlace> {
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
