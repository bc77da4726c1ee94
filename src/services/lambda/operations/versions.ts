import type { Operation } from '../../index.ts';
import type { Functions } from '../functions.ts';
import type { FunctionVersion } from '../model.ts';
import type { Provisioned } from '../provisioned.ts';
import { aliasShape, configurationShape, named, page, placeOfVersion } from './shapes.ts';

/** PublishVersion, ListVersionsByFunction and the alias operations. @param published  told of each version that was published */
export function versionOperations(
  functions: Functions,
  provisioned: Provisioned,
  published: (version: FunctionVersion) => void,
): Record<string, Operation> {
  return {
    PublishVersion: async (input, context) => {
      const { region, name } = named(input, context);
      const { RevisionId, CodeSha256, Description } = input;
      const version = await functions.publish(region, name, {
        ...(RevisionId ? { revisionId: RevisionId } : {}),
        ...(CodeSha256 ? { codeSha256: CodeSha256 } : {}),
        ...(Description ? { description: Description } : {}),
      });
      published(version);
      return configurationShape(version);
    },

    ListVersionsByFunction: (input, context) => {
      const { region, name } = named(input, context);
      const all = [functions.get(region, name).latest, ...functions.versions(region, name)];
      const { items, ...next } = page(all, placeOfVersion, input.Marker, Math.min(input.MaxItems ?? 50, 50));
      return { Versions: items.map((one) => configurationShape(one, one.version)), ...next };
    },

    CreateAlias: async (input, context) => {
      const { region, name: functionName } = named(input, context);
      return aliasShape(
        await functions.createAlias({
          region,
          functionName,
          name: input.Name,
          version: input.FunctionVersion,
          description: input.Description ?? '',
          weights: input.RoutingConfig?.AdditionalVersionWeights ?? {},
        }),
      );
    },

    UpdateAlias: async (input, context) => {
      const { region, name } = named(input, context);
      const { FunctionVersion, Description, RoutingConfig, RevisionId } = input;
      return aliasShape(
        await functions.updateAlias(region, name, input.Name, RevisionId, {
          ...(FunctionVersion === undefined ? {} : { version: FunctionVersion }),
          ...(Description === undefined ? {} : { description: Description }),
          ...(RoutingConfig === undefined ? {} : { weights: RoutingConfig.AdditionalVersionWeights ?? {} }),
        }),
      );
    },

    GetAlias: (input, context) => {
      const { region, name } = named(input, context);
      return aliasShape(functions.alias(region, name, input.Name));
    },

    ListAliases: (input, context) => {
      const { region, name } = named(input, context);
      functions.get(region, name);
      const all = functions
        .aliases(region, name)
        .filter(({ version }) => input.FunctionVersion === undefined || version === input.FunctionVersion);
      const { items, ...next } = page(all, (alias) => alias.name, input.Marker, Math.min(input.MaxItems ?? 50, 50));
      return { Aliases: items.map(aliasShape), ...next };
    },

    DeleteAlias: async (input, context) => {
      const { region, name } = named(input, context);
      await functions.deleteAlias(region, name, input.Name);
      await provisioned.forgetMissing(region, name);
      return {};
    },
  };
}
