import type { Operation } from '../../index.ts';
import type { CodeStorage } from '../code-storage.ts';
import { invalidParameter, LambdaError, revisionMismatch } from '../errors.ts';
import { checkTags } from '../function-tags.ts';
import type { Functions } from '../functions.ts';
import type { Layers } from '../layers.ts';
import type { CodePackage, FunctionVersion } from '../model.ts';
import { functionArn } from '../names.ts';
import type { PackageAddresses } from '../package-addresses.ts';
import type { Provisioned } from '../provisioned.ts';
import type { Sending } from '../sending.ts';
import { changedSettings, checkUnzipped, newSettings, type SettingsInput, withSettings } from '../settings.ts';
import { type CodeInput, type ReadObject, zipOf } from './code.ts';
import { configurationShape, named, page, placeOfVersion } from './shapes.ts';

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

export interface FunctionOperationsOptions {
  readonly layers: Layers;
  readonly storage: CodeStorage;
  readonly addresses: PackageAddresses;
  readonly provisioned: Provisioned;
  readonly readObject: ReadObject;
  /** Told of each version that was published. */
  readonly published: (version: FunctionVersion) => void;
  readonly sending: Sending;
}

/** CreateFunction, UpdateFunctionCode, UpdateFunctionConfiguration, GetFunction*, ListFunctions, DeleteFunction. */
export function functionOperations(
  functions: Functions,
  { layers, storage, addresses, provisioned, readObject, published, sending }: FunctionOperationsOptions,
): Record<string, Operation> {
  const publish = async (region: string, name: string) => {
    const version = await functions.publish(region, name, {});
    published(version);
    return configurationShape(version);
  };
  const store = async (input: CodeInput): Promise<CodePackage> => storage.add(await zipOf(input, readObject));

  return {
    CreateFunction: async (input: CreateInput, context) => {
      const { region, name } = named(input, context);
      if (input.PackageType === 'Image')
        throw invalidParameter('Container images are not supported: PackageType must be Zip.');
      if (functions.find(region, name)) throw new LambdaError('resource-conflict', `Function already exist: ${name}`);
      const settings = newSettings(name, input, (arns) => layers.resolve(region, arns));
      checkTags(input.Tags ?? {});
      await sending.checkDeadLetters({ name, role: settings.role }, settings.deadLetterArn);
      const code = await store(input.Code ?? {});
      checkUnzipped(code, settings.layers);
      const architectures = input.Architectures ?? ['x86_64'];
      const created = await functions.create(region, name, settings, code, architectures, input.Tags ?? {});
      if (!input.Publish) return configurationShape(created);
      return publish(region, name);
    },

    UpdateFunctionCode: async (input: UpdateCodeInput, context) => {
      const { region, name } = named(input, context);
      const { latest } = functions.get(region, name);
      if (input.RevisionId !== undefined && input.RevisionId !== latest.revisionId)
        throw revisionMismatch('GetFunction');
      const code = await store(input);
      checkUnzipped(code, latest.layers);
      const architectures = input.Architectures ?? latest.architectures;
      if (input.DryRun) return configurationShape({ ...latest, code, architectures });
      const updated = await functions.updateLatest(region, name, input.RevisionId, (before) => ({
        ...before,
        code,
        architectures,
      }));
      if (!input.Publish) return configurationShape(updated);
      return publish(region, name);
    },

    UpdateFunctionConfiguration: async (input: UpdateConfigurationInput, context) => {
      const { region, name } = named(input, context);
      if (input.Role !== undefined || input.DeadLetterConfig !== undefined) {
        const { latest } = functions.get(region, name);
        const target = input.DeadLetterConfig ? input.DeadLetterConfig.TargetArn : latest.deadLetterArn;
        await sending.checkDeadLetters({ name, role: input.Role ?? latest.role }, target);
      }
      const updated = await functions.updateLatest(region, name, input.RevisionId, (before) => {
        const settings = changedSettings(before, input, (arns) => layers.resolve(region, arns));
        checkUnzipped(before.code, settings.layers);
        return withSettings(before, settings);
      });
      return configurationShape(updated);
    },

    GetFunction: (input, context) => {
      const { region, name, qualifier } = named(input, context);
      const { record, version } = functions.resolve(region, name, qualifier);
      const { reservedConcurrency, tags } = record;
      return {
        Configuration: configurationShape(version, qualifier),
        Code: { RepositoryType: 'S3', ...addresses.location(version.code, context.endpoint) },
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
      // No name has a space, which comes before all that they have.
      const keyOf = (one: FunctionVersion) => `${one.name} ${placeOfVersion(one)}`;
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
      await provisioned.forgetMissing(region, name);
      return { StatusCode: 204 };
    },
  };
}
