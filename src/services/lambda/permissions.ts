import { ACCOUNT_ID } from '../../base/index.ts';
import {
  anything,
  both,
  type CallPlace,
  type Conditions,
  each,
  madeWithTags,
  type Permission,
  type PermissionsOf,
  permission,
  resourceTags,
  right,
  type Target,
  type TargetOf,
  tagging,
} from '../index.ts';
import type { Functions } from './functions.ts';
import { type Layers, layerArn, layerName } from './layers.ts';
import type { FunctionRecord, ResourcePolicy } from './model.ts';
import { functionArn, parseReference } from './names.ts';

type Input = Readonly<Record<string, any>>;

/** An object with code, as S3's operations name it. */
export interface CodeObject {
  readonly Bucket: string;
  readonly Key: string;
  readonly VersionId?: string;
}

/**
 * Which rights the operations on functions and layers need. A version or an alias that the call names is the resource, and its own
 * policy has a say; a role that is given must be the caller's to pass, layers and packages in buckets theirs to read.
 *
 * @param reading  what it takes to read an object
 * @see Service Authorization Reference, "Actions, resources, and condition keys for AWS Lambda"
 */
export function lambdaPermissions(
  functions: Pick<Functions, 'find'>,
  layers: Pick<Layers, 'get'>,
  reading: PermissionsOf<CodeObject>,
): Readonly<Record<string, PermissionsOf>> {
  const of = (text: string, qualifier: string | undefined, { region: here }: CallPlace): Target => {
    const named = attempt(() => parseReference(text, qualifier));
    if (!named) return { resources: [functionArn(here, text, qualifier)] };
    const region = named.region ?? here;
    const record = functions.find(region, named.name);
    return {
      resources: [functionArn(region, named.name, named.qualifier)],
      context: resourceTags(record?.tags),
      policy: textOf(policyOf(record, named.qualifier)),
    };
  };
  const qualified: TargetOf = ({ FunctionName, Qualifier }, place) => of(FunctionName, Qualifier, place);
  /** The function itself, by whatever qualifier it is named: a right to `NAME:live` is none to the code of `NAME`. */
  const whole: TargetOf = ({ FunctionName }, place) => of(withoutQualifier(FunctionName), undefined, place);
  const withUrl: TargetOf = (input, place) => {
    const target = qualified(input, place);
    const { FunctionName, AuthType } = input;
    return including(target, {
      'lambda:FunctionArn': of(FunctionName, undefined, place).resources[0]!,
      ...(AuthType !== undefined && { 'lambda:FunctionUrlAuthType': String(AuthType) }),
    });
  };
  const granting: TargetOf = (input, place) =>
    including(qualified(input, place), {
      ...(input.Principal !== undefined && { 'lambda:Principal': String(input.Principal) }),
      ...(input.FunctionUrlAuthType !== undefined && { 'lambda:FunctionUrlAuthType': input.FunctionUrlAuthType }),
    });
  const configured: TargetOf = (input, place) => including(whole(input, place), settingsOf(input));
  const layerVersion = (arn: string, policy?: ResourcePolicy): Target => ({ resources: [arn], policy: textOf(policy) });
  const ofLayer = (region: string, name: string, version: number): Target => {
    const found = attempt(() => layers.get(region, name, version));
    return layerVersion(layerArn(region, name, version), found?.policy);
  };
  const layer: TargetOf = ({ LayerName, VersionNumber }, { region }) =>
    ofLayer(region, attempt(() => layerName(LayerName)) ?? LayerName, VersionNumber);
  const byArn = (arn: string): Target => {
    const [, , , region, account, kind, name, version] = arn.split(':');
    const isOurs = account === ACCOUNT_ID && kind === 'layer' && Boolean(name) && Boolean(version);
    return isOurs ? ofLayer(region!, name!, Number(version)) : layerVersion(arn);
  };
  /** A package that stands in a bucket is read in the caller's name. */
  const packageIn: PermissionsOf = ({ S3Bucket: Bucket, S3Key: Key, S3ObjectVersion: VersionId }: Input, place) => {
    if (Bucket === undefined || Key === undefined) return [];
    return reading({ Bucket, Key, ...(VersionId !== undefined && { VersionId }) }, place);
  };
  /** Rights to the role and the layers of a function. */
  const parts = ({ Role, Layers: used = [] }: Input): readonly Permission[] => [
    ...(Role === undefined ? [] : [passing(String(Role))]),
    ...(used as readonly string[]).map((arn) => permission('lambda:GetLayerVersion', byArn(arn))),
  ];
  const tagged: TargetOf = ({ Resource }, place) => of(Resource, undefined, place);
  const creating = madeWithTags('lambda:CreateFunction', 'lambda:TagResource', configured, ({ Tags }) => Tags);
  const published: TargetOf = ({ LayerName }, { region }) => ({
    resources: [layerArn(region, attempt(() => layerName(LayerName)) ?? LayerName)],
  });
  return {
    ...each('lambda', qualified, [
      ...['DeleteFunction', 'GetFunction', 'GetFunctionConfiguration', 'GetPolicy', 'InvokeAsync'],
      ...['DeleteFunctionEventInvokeConfig', 'GetFunctionEventInvokeConfig', 'ListFunctionEventInvokeConfigs'],
      ...['PutFunctionEventInvokeConfig', 'UpdateFunctionEventInvokeConfig', 'GetRuntimeManagementConfig'],
      ...['PutRuntimeManagementConfig', 'DeleteProvisionedConcurrencyConfig', 'GetProvisionedConcurrencyConfig'],
      ...['PutProvisionedConcurrencyConfig', 'ListFunctionUrlConfigs'],
    ]),
    ...each('lambda', whole, [
      ...['CreateAlias', 'DeleteAlias', 'GetAlias', 'ListAliases', 'UpdateAlias'],
      ...['PublishVersion', 'ListVersionsByFunction', 'ListProvisionedConcurrencyConfigs'],
      ...['DeleteFunctionConcurrency', 'GetFunctionConcurrency', 'PutFunctionConcurrency'],
      ...['GetFunctionRecursionConfig', 'PutFunctionRecursionConfig', 'GetFunctionCodeSigningConfig'],
    ]),
    Invoke: right('lambda:InvokeFunction', qualified),
    InvokeWithResponseStream: right('lambda:InvokeFunction', qualified),
    CreateFunction: both(both(creating, parts), ({ Code }, place) => packageIn(Code ?? {}, place)),
    UpdateFunctionCode: both(right('lambda:UpdateFunctionCode', whole), packageIn),
    UpdateFunctionConfiguration: both(right('lambda:UpdateFunctionConfiguration', configured), parts),
    ...each('lambda', withUrl, [
      ...['CreateFunctionUrlConfig', 'DeleteFunctionUrlConfig', 'GetFunctionUrlConfig', 'UpdateFunctionUrlConfig'],
    ]),
    ...each('lambda', granting, ['AddPermission', 'RemovePermission']),
    ...each('lambda', anything, ['GetAccountSettings', 'ListFunctions', 'ListLayers', 'ListLayerVersions']),
    ...each('lambda', layer, [
      ...['AddLayerVersionPermission', 'DeleteLayerVersion', 'GetLayerVersion', 'GetLayerVersionPolicy'],
      ...['RemoveLayerVersionPermission'],
    ]),
    GetLayerVersionByArn: right('lambda:GetLayerVersion', ({ Arn }) => byArn(Arn)),
    PublishLayerVersion: both(right('lambda:PublishLayerVersion', published), ({ Content }, place) =>
      packageIn(Content ?? {}, place),
    ),
    ListTags: right('lambda:ListTags', tagged),
    ...each('lambda', tagging(tagged), ['TagResource', 'UntagResource']),
  };
}

/** The right to give a service a role. */
function passing(roleArn: string): Permission {
  return {
    action: 'iam:PassRole',
    resources: [roleArn],
    context: { 'iam:PassedToService': 'lambda.amazonaws.com' },
  };
}

/** What conditions may ask of a function's settings. */
function settingsOf({ Layers: layers, VpcConfig, CodeSigningConfigArn }: Input): Conditions {
  return {
    ...(layers?.length > 0 && { 'lambda:Layer': layers }),
    ...(VpcConfig?.SubnetIds?.length > 0 && { 'lambda:SubnetIds': VpcConfig.SubnetIds }),
    ...(VpcConfig?.SecurityGroupIds?.length > 0 && { 'lambda:SecurityGroupIds': VpcConfig.SecurityGroupIds }),
    ...(CodeSigningConfigArn !== undefined && { 'lambda:CodeSigningConfigArn': CodeSigningConfigArn }),
  };
}

function including(target: Target, more: Conditions): Target {
  return { ...target, context: { ...target.context, ...more } };
}

/** The policy of a function under a qualifier, which may be called as members of all objects are: `constructor`, `toString`. */
export function policyOf(record: FunctionRecord | undefined, qualifier = ''): ResourcePolicy | undefined {
  return record && Object.hasOwn(record.policies, qualifier) ? record.policies[qualifier] : undefined;
}

const TEXTS = new WeakMap<ResourcePolicy, string>();

/** A policy as a document: written once for as long as it stays the same. */
export function textOf(policy: ResourcePolicy | undefined): string | undefined {
  if (!policy) return undefined;
  let text = TEXTS.get(policy);
  if (text === undefined) {
    text = JSON.stringify({ Version: '2012-10-17', Id: 'default', Statement: policy.statements });
    TEXTS.set(policy, text);
  }
  return text;
}

/** A function's name in the form that it was given in, without the version or alias at its end. */
function withoutQualifier(text: string): string {
  const qualifier = attempt(() => parseReference(text))?.qualifier;
  return qualifier === undefined ? text : text.slice(0, -`:${qualifier}`.length);
}

/** What the operation will refuse has no value here. */
function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}
