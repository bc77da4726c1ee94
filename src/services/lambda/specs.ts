import { createHash } from 'node:crypto';
import type { FunctionSpec } from '../../runtime/index.ts';
import { LambdaError } from './errors.ts';
import { tagSettings } from './function-tags.ts';
import type { CodePackage, FunctionRecord, FunctionVersion } from './model.ts';
import { functionArn } from './names.ts';
import type { Packages } from './packages.ts';

/** This machine, as Lambda names it. */
const ARCHITECTURE = process.arch === 'arm64' ? 'arm64' : 'x86_64';

/** What an environment needs to know of a version. @param provisionedConcurrency  of this version */
export function specOf(
  record: FunctionRecord,
  version: FunctionVersion,
  packages: Packages,
  provisionedConcurrency: number,
): FunctionSpec {
  const { region, name, logging, layers = [] } = version;
  const { reservedConcurrency, tags } = record;
  const levels: Record<string, string> =
    logging.format === 'JSON'
      ? { AWS_LAMBDA_LOG_FORMAT: 'JSON', AWS_LAMBDA_LOG_LEVEL: logging.applicationLevel ?? 'INFO' }
      : {};
  return {
    arn: functionArn(region, name, version.version === '$LATEST' ? undefined : version.version),
    name,
    version: version.version,
    runtime: version.runtime,
    handler: version.handler,
    codeDirectory: packages.pathOf(version.code),
    codeHash: hashOf([version.code, ...layers.map(({ code }) => code)]),
    environment: { ...version.environment, ...levels },
    memoryMb: version.memoryMb,
    timeoutMs: version.timeoutSeconds * 1000,
    ephemeralStorageMb: version.ephemeralStorageMb,
    logGroup: logging.group,
    roleArn: version.role,
    layers: layers.map(({ code }) => packages.pathOf(code)),
    provisionedConcurrency,
    snapStart: version.snapStart !== undefined && version.version !== '$LATEST',
    ...tagSettings(tags),
    traced: version.tracing === 'Active',
    revision: revisionOf(record, version),
    ...(reservedConcurrency === undefined ? {} : { reservedConcurrency }),
  };
}

/** Differs whenever environments of before must not serve any more: tags decide about them as well. */
export function revisionOf({ tags }: FunctionRecord, { revisionId }: FunctionVersion): string {
  const { egress, environmentConcurrency } = tagSettings(tags);
  const destinations = egress.kind === 'allowlist' ? egress.destinations.join(',') : egress.kind;
  return `${revisionId} ${environmentConcurrency} ${destinations}`;
}

/**
 * Interpreted code runs whatever machine it was made for; a program does not.
 *
 * @throws runtime-unavailable: a `bootstrap` for another kind of processor
 */
export function checkArchitecture({ name, runtime, architectures }: FunctionVersion): void {
  const [architecture = 'x86_64'] = architectures;
  if (!runtime.startsWith('provided') || architecture === ARCHITECTURE) return;
  throw new LambdaError(
    'runtime-unavailable',
    `The function ${name} is built for ${architecture}, and this machine is ${ARCHITECTURE}: build its bootstrap for ${ARCHITECTURE} and deploy it with that architecture.`,
  );
}

/** Keys what is compiled of a package and its layers: the same file may be another one under other layers. */
function hashOf(packages: readonly CodePackage[]): string {
  if (packages.length === 1) return packages[0]!.sha256;
  const hash = createHash('sha256');
  for (const { sha256 } of packages) hash.update(`${sha256}\n`);
  return hash.digest('base64');
}
