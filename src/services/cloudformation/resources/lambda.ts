import { DomainError } from '../../../base/index.ts';
import type { Json, JsonObject } from '../template/value.ts';
import { sameJson } from '../template/value.ts';
import { zipInlineCode } from './inline-code.ts';
import { changes, pick, rename, replaces, required, TAGS, tagChanges, tagMap } from './properties.ts';
import {
  createOrAdopt,
  type Existing,
  ignoreMissing,
  isGone,
  label,
  type Made,
  nothingThere,
  type Reading,
  type ResourceType,
  type Work,
} from './resource-type.ts';

/** Members of CreateFunction and UpdateFunctionConfiguration by the property they come from, with what a removed one goes back to. */
const CONFIGURATION: Readonly<Record<string, { readonly member: string; readonly unset: Json }>> = {
  Description: { member: 'Description', unset: '' },
  Handler: { member: 'Handler', unset: '' },
  Role: { member: 'Role', unset: '' },
  Runtime: { member: 'Runtime', unset: '' },
  MemorySize: { member: 'MemorySize', unset: 128 },
  Timeout: { member: 'Timeout', unset: 3 },
  Environment: { member: 'Environment', unset: { Variables: {} } },
  DeadLetterConfig: { member: 'DeadLetterConfig', unset: { TargetArn: '' } },
  TracingConfig: { member: 'TracingConfig', unset: { Mode: 'PassThrough' } },
  VpcConfig: { member: 'VpcConfig', unset: { SubnetIds: [], SecurityGroupIds: [] } },
  KmsKeyArn: { member: 'KMSKeyArn', unset: '' },
  Layers: { member: 'Layers', unset: [] },
  FileSystemConfigs: { member: 'FileSystemConfigs', unset: [] },
  ImageConfig: { member: 'ImageConfig', unset: {} },
  EphemeralStorage: { member: 'EphemeralStorage', unset: { Size: 512 } },
  SnapStart: { member: 'SnapStart', unset: { ApplyOn: 'None' } },
  LoggingConfig: { member: 'LoggingConfig', unset: { LogFormat: 'Text' } },
};

const ON_CREATE_ONLY = {
  PackageType: 'PackageType',
  CodeSigningConfigArn: 'CodeSigningConfigArn',
  Architectures: 'Architectures',
};

const lambdaFunction: ResourceType = {
  properties: {
    FunctionName: replaces('text'),
    PackageType: replaces('text'),
    Code: required(
      changes({
        object: {
          ZipFile: 'text',
          S3Bucket: 'text',
          S3Key: 'text',
          S3ObjectVersion: 'text',
          ImageUri: 'text',
          SourceKMSKeyArn: 'text',
        },
      }),
    ),
    Description: changes('text'),
    Handler: changes('text'),
    Role: required(changes('text')),
    Runtime: changes('text'),
    MemorySize: changes('number'),
    Timeout: changes('number'),
    Environment: changes({ object: { Variables: { map: 'text' } } }),
    DeadLetterConfig: changes({ object: { TargetArn: 'text' } }),
    TracingConfig: changes({ object: { Mode: 'text' } }),
    VpcConfig: changes({
      object: { SubnetIds: { list: 'text' }, SecurityGroupIds: { list: 'text' }, Ipv6AllowedForDualStack: 'flag' },
    }),
    KmsKeyArn: changes('text'),
    Layers: changes({ list: 'text' }),
    FileSystemConfigs: changes({ list: { object: { Arn: 'text', LocalMountPath: 'text' } } }),
    ImageConfig: changes({
      object: { Command: { list: 'text' }, EntryPoint: { list: 'text' }, WorkingDirectory: 'text' },
    }),
    EphemeralStorage: changes({ object: { Size: 'number' } }),
    SnapStart: changes({ object: { ApplyOn: 'text' } }),
    LoggingConfig: changes({
      object: { LogFormat: 'text', ApplicationLogLevel: 'text', SystemLogLevel: 'text', LogGroup: 'text' },
    }),
    Architectures: changes({ list: 'text' }),
    CodeSigningConfigArn: changes('text'),
    ReservedConcurrentExecutions: changes('number'),
    Tags: TAGS,
  },
  notBuilt: [
    'CapacityProviderConfig',
    'DurableConfig',
    'FunctionScalingConfig',
    'PublishToLatestPublished',
    'RecursiveLoop',
    'RuntimeManagementConfig',
    'TenancyConfig',
  ],
  attributes: ['Arn', 'SnapStartResponse.ApplyOn', 'SnapStartResponse.OptimizationStatus'],
  naming: { property: 'FunctionName', lengthMax: 64 },

  imports: {
    identifiers: ['FunctionName'],
    // By its name alone, whatever ARN it was named by.
    find: async ({ FunctionName }, work) =>
      describeFunction((await describeFunction(FunctionName!, work)).physicalId, work),
  },

  async create(properties, work) {
    const FunctionName = work.name;
    const tags = tagMap(properties.Tags);
    const input = {
      FunctionName,
      ...rename(properties, { ...memberNames(), ...ON_CREATE_ONLY }),
      Code: await codeOf(properties),
      ...(Object.keys(tags).length && { Tags: tags }),
    };
    await createOrAdopt(work, () => work.call('lambda', 'CreateFunction', input));
    await work.made(FunctionName);
    await settled(FunctionName, work);
    await setConcurrency(FunctionName, undefined, properties.ReservedConcurrentExecutions, work);
    return describeFunction(FunctionName, work);
  },

  async update(existing, properties, work) {
    const FunctionName = existing.physicalId;
    await updateConfiguration(existing, properties, work);
    await updateCode(existing, properties, work);
    await setConcurrency(
      FunctionName,
      existing.properties.ReservedConcurrentExecutions,
      properties.ReservedConcurrentExecutions,
      work,
    );
    await setTags(existing, properties, work);
    return describeFunction(FunctionName, work);
  },

  async delete({ physicalId: FunctionName }, work) {
    await ignoreMissing(() => work.call('lambda', 'DeleteFunction', { FunctionName }));
  },
};

const memberNames = () => Object.fromEntries(Object.entries(CONFIGURATION).map(([name, { member }]) => [name, member]));

async function codeOf(properties: JsonObject): Promise<object> {
  const code = properties.Code as JsonObject;
  if (typeof code.ZipFile !== 'string') return code;
  return { ZipFile: await zipInlineCode(code.ZipFile, String(properties.Runtime)) };
}

/** A function takes no change before the last one is through. */
async function settled(FunctionName: string, work: Work, Qualifier?: string): Promise<void> {
  await work.until(`function ${FunctionName} to be ready`, async () => {
    const { State, LastUpdateStatus, StateReason, LastUpdateStatusReason } = await work.call(
      'lambda',
      'GetFunctionConfiguration',
      { FunctionName, ...(Qualifier !== undefined && { Qualifier }) },
    );
    if (State === 'Failed' || LastUpdateStatus === 'Failed') {
      throw new Error(`function ${FunctionName} failed: ${StateReason ?? LastUpdateStatusReason}`);
    }
    return State !== 'Pending' && LastUpdateStatus !== 'InProgress';
  });
}

async function describeFunction(name: string, work: Reading): Promise<Made> {
  const found = await work.call('lambda', 'GetFunctionConfiguration', { FunctionName: name });
  const { FunctionName, FunctionArn, SnapStart } = found;
  return {
    physicalId: FunctionName,
    attributes: {
      Arn: FunctionArn,
      'SnapStartResponse.ApplyOn': SnapStart?.ApplyOn ?? 'None',
      'SnapStartResponse.OptimizationStatus': SnapStart?.OptimizationStatus ?? 'Off',
    },
  };
}

async function updateConfiguration(existing: Existing, properties: JsonObject, work: Work): Promise<void> {
  const changed = Object.entries(CONFIGURATION).filter(
    ([name]) => !sameJson(existing.properties[name], properties[name]),
  );
  if (changed.length === 0) return;
  const FunctionName = existing.physicalId;
  await work.call('lambda', 'UpdateFunctionConfiguration', {
    FunctionName,
    ...Object.fromEntries(changed.map(([name, { member, unset }]) => [member, properties[name] ?? unset])),
  });
  await settled(FunctionName, work);
}

async function updateCode(existing: Existing, properties: JsonObject, work: Work): Promise<void> {
  const same = (name: string) => sameJson(existing.properties[name], properties[name]);
  if (same('Code') && same('Architectures')) return;
  const FunctionName = existing.physicalId;
  const architectures = pick(properties, ['Architectures']);
  await work.call('lambda', 'UpdateFunctionCode', { FunctionName, ...(await codeOf(properties)), ...architectures });
  await settled(FunctionName, work);
}

async function setConcurrency(
  FunctionName: string,
  before: Json | undefined,
  after: Json | undefined,
  work: Work,
): Promise<void> {
  if (before === after) return;
  if (after === undefined) await work.call('lambda', 'DeleteFunctionConcurrency', { FunctionName });
  else await work.call('lambda', 'PutFunctionConcurrency', { FunctionName, ReservedConcurrentExecutions: after });
}

async function setTags(existing: Existing, properties: JsonObject, work: Work): Promise<void> {
  const { set, remove } = tagChanges(existing.properties.Tags, properties.Tags);
  const Resource = existing.attributes.Arn;
  if (Object.keys(set).length) await label(() => work.call('lambda', 'TagResource', { Resource, Tags: set }));
  if (remove.length) await label(() => work.call('lambda', 'UntagResource', { Resource, TagKeys: remove }));
}

const version: ResourceType = {
  properties: {
    FunctionName: required(replaces('text')),
    Description: replaces('text'),
    CodeSha256: replaces('text'),
    ProvisionedConcurrencyConfig: changes({ object: { ProvisionedConcurrentExecutions: 'number' } }),
  },
  notBuilt: ['FunctionScalingConfig', 'RuntimePolicy'],
  attributes: ['Version', 'FunctionArn'],

  imports: {
    identifiers: ['FunctionArn'],
    async find({ FunctionArn }, work) {
      const found = await work.call('lambda', 'GetFunctionConfiguration', { FunctionName: FunctionArn });
      if (found.FunctionArn !== FunctionArn || found.Version === '$LATEST') throw nothingThere();
      return { physicalId: FunctionArn!, attributes: { Version: found.Version, FunctionArn: FunctionArn! } };
    },
  },

  async create(properties, work) {
    // Publishing code and configuration that are published already gives the same version: a repeated step does no harm.
    const published = await work.call(
      'lambda',
      'PublishVersion',
      pick(properties, ['FunctionName', 'Description', 'CodeSha256']),
    );
    await work.made(published.FunctionArn);
    const { name } = functionParts(String(properties.FunctionName));
    await settled(name, work, published.Version);
    await provision(name, published.Version, undefined, properties.ProvisionedConcurrencyConfig, work);
    return {
      physicalId: published.FunctionArn,
      attributes: { Version: published.Version, FunctionArn: published.FunctionArn },
    };
  },

  async update(existing, properties, work) {
    const { name } = functionParts(existing.physicalId);
    const { ProvisionedConcurrencyConfig: before } = existing.properties;
    await provision(name, String(existing.attributes.Version), before, properties.ProvisionedConcurrencyConfig, work);
    return existing;
  },

  async delete({ physicalId }, work) {
    const { name: FunctionName, qualifier: Qualifier } = functionParts(physicalId);
    await ignoreMissing(() => work.call('lambda', 'DeleteFunction', { FunctionName, Qualifier }));
  },
};

/** Name and qualifier of `arn:...:function:name:qualifier`, `name:qualifier` or `name`. */
function functionParts(text: string): { readonly name: string; readonly qualifier?: string } {
  const [name, qualifier] = (text.startsWith('arn:') ? text.split(':').slice(6) : text.split(':')) as [string, string?];
  return { name, ...(qualifier !== undefined && { qualifier }) };
}

/** `{ FunctionName, Qualifier }` as the operations take them. */
function functionKey(text: string): object {
  const { name, qualifier } = functionParts(text);
  return { FunctionName: name, ...(qualifier !== undefined && { Qualifier: qualifier }) };
}

async function provision(
  FunctionName: string,
  Qualifier: string,
  before: Json | undefined,
  after: Json | undefined,
  work: Work,
): Promise<void> {
  if (sameJson(before, after)) return;
  const key = { FunctionName, Qualifier };
  if (after === undefined) return work.call('lambda', 'DeleteProvisionedConcurrencyConfig', key);
  await work.call('lambda', 'PutProvisionedConcurrencyConfig', { ...key, ...(after as JsonObject) });
  await work.until(`provisioned concurrency of ${FunctionName}:${Qualifier}`, async () => {
    const { Status, StatusReason } = await work.call('lambda', 'GetProvisionedConcurrencyConfig', key);
    if (Status === 'FAILED')
      throw new Error(`provisioned concurrency of ${FunctionName}:${Qualifier}: ${StatusReason}`);
    return Status === 'READY';
  });
}

const alias: ResourceType = {
  properties: {
    FunctionName: required(replaces('text')),
    Name: required(replaces('text')),
    FunctionVersion: required(changes('text')),
    Description: changes('text'),
    RoutingConfig: changes({
      object: { AdditionalVersionWeights: { list: { object: { FunctionVersion: 'text', FunctionWeight: 'number' } } } },
    }),
    ProvisionedConcurrencyConfig: changes({ object: { ProvisionedConcurrentExecutions: 'number' } }),
  },
  attributes: ['AliasArn'],

  imports: {
    identifiers: ['AliasArn'],
    async find({ AliasArn }, work) {
      const { name: FunctionName, qualifier: Name } = functionParts(AliasArn!);
      const found = await work.call('lambda', 'GetAlias', { FunctionName, Name });
      if (found.AliasArn !== AliasArn) throw nothingThere();
      return { physicalId: AliasArn!, attributes: { AliasArn: AliasArn! } };
    },
  },

  async create(properties, work) {
    const input = aliasInput(properties);
    await createOrAdopt(work, () => work.call('lambda', 'CreateAlias', input));
    const { AliasArn } = await work.call('lambda', 'GetAlias', pick(properties, ['FunctionName', 'Name']));
    await work.made(AliasArn);
    const { name, qualifier } = functionParts(AliasArn);
    await provision(name, qualifier!, undefined, properties.ProvisionedConcurrencyConfig, work);
    return { physicalId: AliasArn, attributes: { AliasArn } };
  },

  async update(existing, properties, work) {
    await work.call('lambda', 'UpdateAlias', {
      RoutingConfig: { AdditionalVersionWeights: {} },
      ...aliasInput(properties),
    });
    const { name, qualifier } = functionParts(existing.physicalId);
    const { ProvisionedConcurrencyConfig: before } = existing.properties;
    await provision(name, qualifier!, before, properties.ProvisionedConcurrencyConfig, work);
    return existing;
  },

  async delete({ physicalId }, work) {
    const { name: FunctionName, qualifier: Name } = functionParts(physicalId);
    await ignoreMissing(() => work.call('lambda', 'DeleteAlias', { FunctionName, Name }));
  },
};

const layerVersion: ResourceType = {
  properties: {
    LayerName: replaces('text'),
    Content: required(replaces({ object: { S3Bucket: 'text', S3Key: 'text', S3ObjectVersion: 'text' } })),
    Description: replaces('text'),
    CompatibleRuntimes: replaces({ list: 'text' }),
    CompatibleArchitectures: replaces({ list: 'text' }),
    LicenseInfo: replaces('text'),
  },
  attributes: ['LayerVersionArn'],

  imports: {
    identifiers: ['LayerVersionArn'],
    async find({ LayerVersionArn }, work) {
      const found = await work.call('lambda', 'GetLayerVersion', layerKey(LayerVersionArn!));
      if (found.LayerVersionArn !== LayerVersionArn) throw nothingThere();
      return { physicalId: LayerVersionArn!, attributes: { LayerVersionArn: LayerVersionArn! } };
    },
  },

  async create(properties, work) {
    const LayerName = properties.LayerName ?? `${work.identity.name}-${work.logicalId}`;
    const { LayerVersionArn } = await work.call('lambda', 'PublishLayerVersion', { ...properties, LayerName });
    await work.made(LayerVersionArn);
    return { physicalId: LayerVersionArn, attributes: { LayerVersionArn } };
  },

  async delete({ physicalId }, work) {
    await work.call('lambda', 'DeleteLayerVersion', layerKey(physicalId));
  },
};

const layerVersionPermission: ResourceType = {
  properties: {
    LayerVersionArn: required(replaces('text')),
    Action: required(replaces('text')),
    Principal: required(replaces('text')),
    OrganizationId: replaces('text'),
  },
  attributes: ['Id'],
  naming: { property: 'StatementId', lengthMax: 100 },

  async create(properties, work) {
    const { LayerVersionArn, ...statement } = properties;
    const key = layerKey(String(LayerVersionArn));
    await createOrAdopt(work, () =>
      work.call('lambda', 'AddLayerVersionPermission', { ...key, StatementId: work.name, ...statement }),
    );
    await work.made(work.name);
    return { physicalId: work.name, attributes: { Id: work.name } };
  },

  async delete({ physicalId, properties }, work) {
    const key = layerKey(String(properties.LayerVersionArn));
    await ignoreMissing(() => work.call('lambda', 'RemoveLayerVersionPermission', { ...key, StatementId: physicalId }));
  },
};

/** Name and number of `arn:...:layer:name:number`. */
function layerKey(arn: string): object {
  const [, , , , , , LayerName, version] = arn.split(':');
  return { LayerName, VersionNumber: Number(version) };
}

interface AliasWeight {
  readonly FunctionVersion: string;
  readonly FunctionWeight: number;
}

function aliasInput(properties: JsonObject): object {
  const routing = properties.RoutingConfig as { AdditionalVersionWeights?: readonly AliasWeight[] } | undefined;
  const weights = routing?.AdditionalVersionWeights?.map((one) => [one.FunctionVersion, one.FunctionWeight] as const);
  return {
    ...pick(properties, ['FunctionName', 'Name', 'FunctionVersion', 'Description']),
    ...(weights && { RoutingConfig: { AdditionalVersionWeights: Object.fromEntries(weights) } }),
  };
}

const permission: ResourceType = {
  properties: {
    FunctionName: required(replaces('text')),
    Action: required(replaces('text')),
    Principal: required(replaces('text')),
    SourceArn: replaces('text'),
    SourceAccount: replaces('text'),
    EventSourceToken: replaces('text'),
    PrincipalOrgID: replaces('text'),
    FunctionUrlAuthType: replaces('text'),
    InvokedViaFunctionUrl: replaces('flag'),
  },
  attributes: ['Id'],
  naming: { property: 'StatementId', lengthMax: 100 },

  imports: {
    identifiers: ['FunctionName', 'Id'],
    async find({ FunctionName, Id }, work) {
      const { Policy } = await work.call('lambda', 'GetPolicy', functionKey(FunctionName!));
      const { Statement } = JSON.parse(Policy) as { Statement: readonly { Sid?: string }[] };
      if (!Statement.some(({ Sid }) => Sid === Id)) throw nothingThere();
      return { physicalId: Id!, attributes: { Id: Id! } };
    },
  },

  async create(properties, work) {
    const { FunctionName, ...statement } = properties;
    await createOrAdopt(work, () =>
      work.call('lambda', 'AddPermission', {
        ...functionKey(String(FunctionName)),
        StatementId: work.name,
        ...statement,
      }),
    );
    await work.made(work.name);
    return { physicalId: work.name, attributes: { Id: work.name } };
  },

  async delete({ physicalId, properties }, work) {
    const key = functionKey(String(properties.FunctionName));
    await ignoreMissing(() => work.call('lambda', 'RemovePermission', { ...key, StatementId: physicalId }));
  },
};

const eventInvokeConfig: ResourceType = {
  properties: {
    FunctionName: required(replaces('text')),
    Qualifier: required(replaces('text')),
    MaximumEventAgeInSeconds: changes('number'),
    MaximumRetryAttempts: changes('number'),
    DestinationConfig: changes({
      object: { OnSuccess: { object: { Destination: 'text' } }, OnFailure: { object: { Destination: 'text' } } },
    }),
  },
  attributes: [],

  imports: {
    identifiers: ['FunctionName', 'Qualifier'],
    async find(named, work) {
      await work.call('lambda', 'GetFunctionEventInvokeConfig', named);
      return { physicalId: `${named.FunctionName}|${named.Qualifier}`, attributes: {} };
    },
  },

  async create(properties, work) {
    const physicalId = `${String(properties.FunctionName)}|${String(properties.Qualifier)}`;
    // One that someone else has set is not overwritten, nor taken away by a rollback.
    const key = pick(properties, ['FunctionName', 'Qualifier']);
    if (!work.resuming && !(await isGone(() => work.call('lambda', 'GetFunctionEventInvokeConfig', key)))) {
      throw new DomainError('AlreadyExists', `An EventInvokeConfig of ${physicalId} exists already.`);
    }
    await work.made(physicalId);
    await work.call('lambda', 'PutFunctionEventInvokeConfig', properties);
    return { physicalId, attributes: {} };
  },

  async update(existing, properties, work) {
    await work.call('lambda', 'PutFunctionEventInvokeConfig', properties);
    return existing;
  },

  async delete({ properties }, work) {
    const key = pick(properties, ['FunctionName', 'Qualifier']);
    await ignoreMissing(() => work.call('lambda', 'DeleteFunctionEventInvokeConfig', key));
  },
};

export const LAMBDA_TYPES: Readonly<Record<string, ResourceType>> = {
  'AWS::Lambda::Function': lambdaFunction,
  'AWS::Lambda::Version': version,
  'AWS::Lambda::Alias': alias,
  'AWS::Lambda::Permission': permission,
  'AWS::Lambda::EventInvokeConfig': eventInvokeConfig,
  'AWS::Lambda::LayerVersion': layerVersion,
  'AWS::Lambda::LayerVersionPermission': layerVersionPermission,
};
