import type { Operation, OperationContext } from '../../index.ts';
import type { CodeStorage } from '../code-storage.ts';
import { LambdaError } from '../errors.ts';
import { type Layers, layerArn, layerName } from '../layers.ts';
import { LAMBDA_LIMITS, type LayerVersion, type PolicyStatement } from '../model.ts';
import type { PackageAddresses } from '../package-addresses.ts';
import { type CodeInput, type ReadObject, zipOf } from './code.ts';
import { principalOf } from './permissions.ts';
import { page, placeOfVersion } from './shapes.ts';

interface PublishInput {
  readonly LayerName: string;
  readonly Content: CodeInput;
  readonly Description?: string;
  readonly CompatibleRuntimes?: readonly string[];
  readonly CompatibleArchitectures?: readonly string[];
  readonly LicenseInfo?: string;
}

interface PermissionInput {
  readonly LayerName: string;
  readonly VersionNumber: number;
  readonly StatementId: string;
  readonly Action: string;
  readonly Principal: string;
  readonly OrganizationId?: string;
  readonly RevisionId?: string;
}

interface Filter {
  readonly CompatibleRuntime?: string;
  readonly CompatibleArchitecture?: string;
}

/** Publish, Get, List and Delete of layer versions, and their policies. */
export function layerOperations(
  layers: Layers,
  storage: CodeStorage,
  addresses: PackageAddresses,
  readObject: ReadObject,
): Record<string, Operation> {
  const withContent = (version: LayerVersion, { endpoint }: OperationContext) => ({
    ...layerShape(version),
    LayerArn: layerArn(version.region, version.name),
    Content: {
      CodeSha256: version.code.sha256,
      CodeSize: version.code.sizeBytes,
      ...addresses.location(version.code, endpoint),
    },
  });
  const versionOf = ({ LayerName, VersionNumber }: { LayerName: string; VersionNumber: number }, region: string) =>
    layers.get(region, layerName(LayerName), VersionNumber);

  return {
    PublishLayerVersion: async (input: PublishInput, context) => {
      const name = layerName(input.LayerName);
      const code = await storage.add(await zipOf(input.Content, readObject));
      const version = await layers.publish(context.region, name, {
        code,
        description: input.Description ?? '',
        runtimes: input.CompatibleRuntimes ?? [],
        architectures: input.CompatibleArchitectures ?? [],
        licenseInfo: input.LicenseInfo ?? '',
      });
      return withContent(version, context);
    },

    GetLayerVersion: (input, context) => withContent(versionOf(input, context.region), context),
    GetLayerVersionByArn: ({ Arn }, context) => withContent(layers.getByArn(Arn), context),

    ListLayers: (input, { region }) => {
      const all = layers.latest(region, (version) => matches(version, input));
      const { items, ...next } = page(all, ({ name }) => name, input.Marker, Math.min(input.MaxItems ?? 50, 50));
      const Layers = items.map((version) => ({
        LayerName: version.name,
        LayerArn: layerArn(region, version.name),
        LatestMatchingVersion: layerShape(version),
      }));
      return { Layers, ...next };
    },

    ListLayerVersions: (input, { region }) => {
      const all = layers.versions(region, layerName(input.LayerName)).filter((version) => matches(version, input));
      const keyOf = ({ version }: LayerVersion) => placeOfVersion({ version: String(version) });
      const { items, ...next } = page(all, keyOf, input.Marker, Math.min(input.MaxItems ?? 50, 50), true);
      return { LayerVersions: items.map(layerShape), ...next };
    },

    DeleteLayerVersion: async ({ LayerName, VersionNumber }, { region }) => {
      await layers.delete(region, layerName(LayerName), VersionNumber);
      return {};
    },

    AddLayerVersionPermission: async (input: PermissionInput, { region }) => {
      const version = versionOf(input, region);
      const statement = statementOf(input, version);
      const { revisionId } = await layers.changePolicy(version, input.RevisionId, (statements) => {
        if (statements.some(({ Sid }) => Sid === statement.Sid)) {
          throw new LambdaError(
            'resource-conflict',
            `The statement id (${statement.Sid}) provided already exists. Please provide a new statement id, or remove the existing statement.`,
          );
        }
        return checkSize([...statements, statement]);
      });
      return { Statement: JSON.stringify(statement), RevisionId: revisionId };
    },

    RemoveLayerVersionPermission: async (input, { region }) => {
      await layers.changePolicy(versionOf(input, region), input.RevisionId, (statements) => {
        const left = statements.filter(({ Sid }) => Sid !== input.StatementId);
        if (left.length < statements.length) return left;
        throw new LambdaError('resource-not-found', `Statement ${input.StatementId} is not found in resource policy.`);
      });
      return {};
    },

    GetLayerVersionPolicy: (input, { region }) => {
      const { policy } = versionOf(input, region);
      if (!policy) throw new LambdaError('resource-not-found', 'No policy is associated with the given resource.');
      const document = { Version: '2012-10-17', Id: 'default', Statement: policy.statements };
      return { Policy: JSON.stringify(document), RevisionId: policy.revisionId };
    },
  };
}

function matches({ runtimes, architectures }: LayerVersion, filter: Filter): boolean {
  const { CompatibleRuntime: runtime, CompatibleArchitecture: architecture } = filter;
  return (
    (runtime === undefined || runtimes.includes(runtime)) &&
    (architecture === undefined || architectures.includes(architecture))
  );
}

function layerShape({
  region,
  name,
  version,
  description,
  created,
  runtimes,
  architectures,
  licenseInfo,
}: LayerVersion) {
  return {
    LayerVersionArn: layerArn(region, name, version),
    Version: version,
    Description: description,
    CreatedDate: created,
    ...(runtimes.length > 0 ? { CompatibleRuntimes: runtimes } : {}),
    ...(architectures.length > 0 ? { CompatibleArchitectures: architectures } : {}),
    ...(licenseInfo === '' ? {} : { LicenseInfo: licenseInfo }),
  };
}

function statementOf(input: PermissionInput, { region, name, version }: LayerVersion): PolicyStatement {
  const { OrganizationId: organization } = input;
  return {
    Sid: input.StatementId,
    Effect: 'Allow',
    Principal: principalOf(input.Principal),
    Action: input.Action,
    Resource: layerArn(region, name, version),
    ...(organization ? { Condition: { StringEquals: { 'aws:PrincipalOrgID': organization } } } : {}),
  };
}

function checkSize(statements: readonly PolicyStatement[]): readonly PolicyStatement[] {
  const size = Buffer.byteLength(JSON.stringify(statements));
  if (size <= LAMBDA_LIMITS.policyBytesMax) return statements;
  throw new LambdaError(
    'policy-too-long',
    `The final policy size (${size}) is bigger than the limit (${LAMBDA_LIMITS.policyBytesMax}).`,
  );
}
