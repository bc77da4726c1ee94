import type { Operation } from '../../index.ts';
import { invalidParameter, LambdaError, revisionMismatch } from '../errors.ts';
import { checkTags, type Functions } from '../functions.ts';
import { type CodePackage, LAMBDA_LIMITS } from '../model.ts';
import { functionArn } from '../names.ts';
import type { Packages } from '../packages.ts';
import { changedSettings, newSettings, type SettingsInput } from '../settings.ts';
import { configurationShape, named, page } from './shapes.ts';

/** Where code comes from, in a request. */
interface CodeInput {
  readonly ZipFile?: Uint8Array;
  readonly S3Bucket?: string;
  readonly S3Key?: string;
  readonly S3ObjectVersion?: string;
  readonly ImageUri?: string;
}

interface CreateInput extends SettingsInput {
  readonly FunctionName: string;
  readonly Code?: CodeInput;
  readonly PackageType?: string;
  readonly Architectures?: readonly string[];
  readonly Tags?: Readonly<Record<string, string>>;
  readonly Publish?: boolean;
}

interface UpdateCodeInput extends CodeInput {
  readonly FunctionName: string;
  readonly Architectures?: readonly string[];
  readonly Publish?: boolean;
  readonly DryRun?: boolean;
  readonly RevisionId?: string;
}

interface UpdateConfigurationInput extends SettingsInput {
  readonly FunctionName: string;
  readonly RevisionId?: string;
}

/** Reads an object of the node's own store. @throws DomainError when it is not there */
export type ReadObject = (bucket: string, key: string) => Promise<Uint8Array>;

/** CreateFunction, UpdateFunctionCode, UpdateFunctionConfiguration, GetFunction*, ListFunctions, DeleteFunction. */
export function functionOperations(
  functions: Functions,
  packages: Packages,
  readObject: ReadObject,
): Record<string, Operation> {
  const store = async (input: CodeInput): Promise<CodePackage> => packages.add(await zipOf(input, readObject));

  return {
    CreateFunction: async (input: CreateInput, context) => {
      const { region, name } = named(input, context);
      if (input.PackageType === 'Image')
        throw invalidParameter('Container images are not supported: PackageType must be Zip.');
      if (functions.find(region, name)) throw new LambdaError('resource-conflict', `Function already exist: ${name}`);
      const settings = newSettings(name, input);
      checkTags(input.Tags ?? {});
      const code = await store(input.Code ?? {});
      const architectures = input.Architectures ?? ['x86_64'];
      const created = await functions.create(region, name, settings, code, architectures, input.Tags ?? {});
      if (!input.Publish) return configurationShape(created);
      return configurationShape(await functions.publish(region, name, {}));
    },

    UpdateFunctionCode: async (input: UpdateCodeInput, context) => {
      const { region, name } = named(input, context);
      const { latest } = functions.get(region, name);
      if (input.RevisionId !== undefined && input.RevisionId !== latest.revisionId)
        throw revisionMismatch('GetFunction');
      const code = await store(input);
      const architectures = input.Architectures ?? latest.architectures;
      if (input.DryRun) return configurationShape({ ...latest, code, architectures });
      const updated = await functions.updateLatest(region, name, input.RevisionId, ({ deadLetterArn }) => ({
        code,
        architectures,
        ...(deadLetterArn === undefined ? {} : { deadLetterArn }),
      }));
      if (!input.Publish) return configurationShape(updated);
      return configurationShape(await functions.publish(region, name, {}));
    },

    UpdateFunctionConfiguration: async (input: UpdateConfigurationInput, context) => {
      const { region, name } = named(input, context);
      return configurationShape(
        await functions.updateLatest(region, name, input.RevisionId, (before) => changedSettings(before, input)),
      );
    },

    GetFunction: (input, context) => {
      const { region, name, qualifier } = named(input, context);
      const { record, version } = functions.resolve(region, name, qualifier);
      const { reservedConcurrency, tags } = record;
      return {
        Configuration: configurationShape(version, qualifier),
        Code: { RepositoryType: 'S3' },
        ...(Object.keys(tags).length > 0 ? { Tags: tags } : {}),
        ...(reservedConcurrency === undefined
          ? {}
          : { Concurrency: { ReservedConcurrentExecutions: reservedConcurrency } }),
      };
    },

    GetFunctionConfiguration: (input, context) => {
      const { region, name, qualifier } = named(input, context);
      return configurationShape(functions.resolve(region, name, qualifier).version, qualifier);
    },

    ListFunctions: ({ Marker, MaxItems = 50, FunctionVersion }, { region }) => {
      const latest = functions.list(region).map((record) => record.latest);
      const all =
        FunctionVersion === 'ALL' ? latest.flatMap((one) => [one, ...functions.versions(region, one.name)]) : latest;
      const keyOf = ({ name, version }: { name: string; version: string }) => `${name}:${version}`;
      const { items, ...next } = page(all, keyOf, Marker, Math.min(MaxItems, 50));
      // With ALL, AWS lists `$LATEST` under its qualified ARN.
      const shown = FunctionVersion === 'ALL' ? '$LATEST' : undefined;
      const Functions = items.map((one) => configurationShape(one, one.version === '$LATEST' ? shown : undefined));
      return { Functions, ...next };
    },

    DeleteFunction: async (input, context) => {
      const { region, name, qualifier } = named(input, context);
      if (qualifier === '$LATEST') {
        throw invalidParameter('$LATEST version cannot be deleted without deleting the function.');
      }
      if (qualifier === undefined) {
        await functions.deleteFunction(region, name);
      } else if (/^[0-9]+$/.test(qualifier)) {
        await functions.deleteVersion(region, name, qualifier);
      } else {
        throw invalidParameter(
          `Deletion of aliases is not currently supported: ${functionArn(region, name, qualifier)}`,
        );
      }
      return { StatusCode: 204 };
    },
  };
}

async function zipOf(input: CodeInput, readObject: ReadObject): Promise<Uint8Array> {
  const { ZipFile, S3Bucket, S3Key } = input;
  if (ZipFile && (S3Bucket || S3Key)) {
    throw invalidParameter('Please do not provide other FunctionCode parameters when providing a ZipFile.');
  }
  if (ZipFile) {
    if (ZipFile.length > LAMBDA_LIMITS.zipBytesMax) {
      throw new LambdaError('request-too-large', `Request must be smaller than ${LAMBDA_LIMITS.zipBytesMax} bytes`);
    }
    return ZipFile;
  }
  if (!S3Bucket || !S3Key) throw invalidParameter('Please provide a source for function code.');
  const zip = await readObject(S3Bucket, S3Key).catch((cause: unknown) => {
    const message = `Error occurred while GetObject. S3 Error Code: NoSuchKey. S3 Error Message: The specified key does not exist.`;
    throw new LambdaError('invalid-parameter', message, { cause });
  });
  if (zip.length > LAMBDA_LIMITS.zipFromStoreBytesMax) {
    throw invalidParameter(`The package is larger than ${LAMBDA_LIMITS.zipFromStoreBytesMax} bytes`);
  }
  return zip;
}
