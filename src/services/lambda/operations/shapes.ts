/** Domain values as the Lambda API spells them. */
import type { OperationContext } from '../../index.ts';
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
 * One page of a list, sorted as given.
 *
 * @param marker  what the last page returned as `NextMarker`: the key of its last item
 */
export function page<T>(
  items: readonly T[],
  keyOf: (item: T) => string,
  marker: string | undefined,
  limit: number,
): { readonly items: readonly T[]; readonly NextMarker?: string } {
  const after = marker === undefined ? undefined : Buffer.from(marker, 'base64url').toString('utf8');
  const start = after === undefined ? 0 : items.findIndex((item) => keyOf(item) === after) + 1;
  const taken = items.slice(start, start + limit);
  if (start + limit >= items.length) return { items: taken };
  return { items: taken, NextMarker: Buffer.from(keyOf(taken.at(-1)!)).toString('base64url') };
}
