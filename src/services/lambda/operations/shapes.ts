/** Domain values as the Lambda API spells them. */
import { type OperationContext, pageOf } from '../../index.ts';
import { invalidParameter } from '../errors.ts';
import type { Alias, EventInvokeConfig, FunctionVersion, VpcSettings } from '../model.ts';
import { type FunctionReference, functionArn, parseReference } from '../names.ts';

/** A function named in a request, with its region. */
export interface Named extends FunctionReference {
  readonly region: string;
}

/** Reads `FunctionName` and `Qualifier`. @throws invalid-parameter */
export function named(
  { FunctionName, Qualifier }: { FunctionName: string; Qualifier?: string },
  { region }: OperationContext,
): Named {
  const reference = parseReference(FunctionName, Qualifier);
  return { ...reference, region: reference.region ?? region };
}

/** `FunctionConfiguration`. @param qualifier  what the caller asked for: it shows in the ARN */
export function configurationShape(version: FunctionVersion, qualifier?: string) {
  const { region, name } = version;
  const shown = qualifier ?? (version.version === '$LATEST' ? undefined : version.version);
  const variables = version.environment;
  return {
    FunctionName: name,
    FunctionArn: functionArn(region, name, shown),
    Runtime: version.runtime,
    Role: version.role,
    Handler: version.handler,
    CodeSize: version.code.sizeBytes,
    Description: version.description,
    Timeout: version.timeoutSeconds,
    MemorySize: version.memoryMb,
    LastModified: version.lastModified,
    CodeSha256: version.code.sha256,
    Version: version.version,
    ...(Object.keys(variables).length > 0 ? { Environment: { Variables: variables } } : {}),
    ...(version.deadLetterArn ? { DeadLetterConfig: { TargetArn: version.deadLetterArn } } : {}),
    ...(version.vpc && { VpcConfig: vpcShape(version.vpc) }),
    ...(version.kmsKeyArn !== undefined && { KMSKeyArn: version.kmsKeyArn }),
    TracingConfig: { Mode: version.tracing },
    RevisionId: version.revisionId,
    ...stateShape(version),
    LastUpdateStatus: 'Successful',
    PackageType: 'Zip',
    Architectures: version.architectures,
    EphemeralStorage: { Size: version.ephemeralStorageMb },
    ...(version.layers
      ? { Layers: version.layers.map(({ arn, code }) => ({ Arn: arn, CodeSize: code.sizeBytes })) }
      : {}),
    SnapStart: {
      ApplyOn: version.snapStart ?? 'None',
      OptimizationStatus: version.snapStart && version.version !== '$LATEST' && !version.state ? 'On' : 'Off',
    },
    RuntimeVersionConfig: { RuntimeVersionArn: `arn:aws:lambda:${region}::runtime:${process.versions.node}` },
    LoggingConfig: loggingShape(version),
  };
}

function vpcShape({ subnetIds, securityGroupIds, allowsIpv6 }: VpcSettings) {
  // Which network the subnets are of is not known here.
  const where = { SubnetIds: subnetIds, SecurityGroupIds: securityGroupIds, VpcId: '' };
  return { ...where, Ipv6AllowedForDualStack: allowsIpv6 };
}

function stateShape({ state }: FunctionVersion) {
  if (!state) return { State: 'Active' };
  // AWS knows no code for a version that is active and has no snapshot.
  const code = state.kind === 'Active' ? {} : { StateReasonCode: state.reasonCode };
  return { State: state.kind, StateReason: state.reason, ...code };
}

function loggingShape({ logging }: FunctionVersion) {
  return {
    LogFormat: logging.format,
    LogGroup: logging.group,
    ...(logging.applicationLevel ? { ApplicationLogLevel: logging.applicationLevel } : {}),
    ...(logging.systemLevel ? { SystemLogLevel: logging.systemLevel } : {}),
  };
}

export function aliasShape({ region, functionName, name, version, description, weights, revisionId }: Alias) {
  return {
    AliasArn: functionArn(region, functionName, name),
    Name: name,
    FunctionVersion: version,
    Description: description,
    ...(Object.keys(weights).length > 0 ? { RoutingConfig: { AdditionalVersionWeights: weights } } : {}),
    RevisionId: revisionId,
  };
}

export function eventInvokeShape(config: EventInvokeConfig) {
  const { region, functionName, qualifier, retriesMax, ageSecondsMax, onSuccess, onFailure } = config;
  return {
    LastModified: new Date(config.lastModified),
    FunctionArn: functionArn(region, functionName, qualifier),
    ...(retriesMax === undefined ? {} : { MaximumRetryAttempts: retriesMax }),
    ...(ageSecondsMax === undefined ? {} : { MaximumEventAgeInSeconds: ageSecondsMax }),
    DestinationConfig: {
      OnSuccess: onSuccess ? { Destination: onSuccess } : {},
      OnFailure: onFailure ? { Destination: onFailure } : {},
    },
  };
}

/**
 * One page of a list that stands in the order of its keys.
 *
 * @param marker  what the last page returned as `NextMarker`: the next one begins behind it, whatever was deleted meanwhile
 * @throws invalid-parameter: a marker that is none
 */
export function page<T>(
  items: readonly T[],
  keyOf: (item: T) => string,
  marker: string | undefined,
  limit: number,
  descending = false,
): { readonly items: readonly T[]; readonly NextMarker?: string } {
  const invalid = () => invalidParameter(`${marker} is no Marker that this operation has given.`);
  const found = pageOf(items, keyOf, { max: limit, token: marker, invalid, descending });
  return { items: found.page, ...(found.token !== undefined && { NextMarker: found.token }) };
}

/** Place of a version among those of its function, which stand with `$LATEST` first. */
export function placeOfVersion({ version }: Pick<FunctionVersion, 'version'>): string {
  return version === '$LATEST' ? '' : version.padStart(10, '0');
}
