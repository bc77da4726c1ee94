import type { Operation } from '../../index.ts';
import { apiAddress } from '../addresses.ts';
import type { HttpApis } from '../apis.ts';
import { partOf } from '../checks.ts';
import { badRequest } from '../errors.ts';
import { type DefinedApi, definedApi, definitionOf } from '../openapi.ts';
import { createdSettings, shapeOf } from './apis.ts';

interface ImportInput {
  readonly ApiId: string;
  readonly Body: string;
}

interface ExportInput {
  readonly ApiId: string;
  readonly OutputType: string;
  readonly Specification: string;
  readonly StageName?: string;
  readonly IncludeExtensions?: boolean;
}

/** ImportApi, ReimportApi, ExportApi. */
export function definitionOperations(apis: HttpApis): Record<string, Operation> {
  const read = (body: string): DefinedApi => definedApi(body, () => apis.newPartId());
  return {
    ImportApi: async ({ Body }: ImportInput, context) => {
      const { settings, content, tags } = read(Body);
      const api = await apis.create(context.region, (blank) => ({
        ...{ ...blank, content, tags },
        settings: createdSettings({ ...settings }),
      }));
      return shapeOf(api, context);
    },
    ReimportApi: async ({ ApiId, Body }: ImportInput, context) => {
      const { settings, content, tags } = read(Body);
      const api = await apis.change(context.region, ApiId, (before) => ({
        ...{ ...before, content },
        settings: createdSettings({ ...settings }),
        tags: { ...before.tags, ...tags },
      }));
      return shapeOf(api, context);
    },
    ExportApi: ({ ApiId, OutputType, Specification, StageName, IncludeExtensions = true }: ExportInput, context) => {
      if (Specification !== 'OAS30') throw badRequest(`Invalid specification: ${Specification}. OAS30 is supported.`);
      const output = OutputType.toUpperCase();
      if (output !== 'JSON' && output !== 'YAML') throw badRequest(`Invalid output type: ${OutputType}`);
      const api = apis.get(context.region, ApiId);
      const stage = StageName === undefined ? undefined : partOf(api.stages, StageName, 'stage');
      const content = stage ? apis.contentOf(api, stage) : api.content;
      if (!content) throw badRequest('The stage has no deployment');
      const address = apiAddress(api, context.endpoint);
      return { body: Buffer.from(definitionOf(api, content, { output, extensions: IncludeExtensions, address })) };
    },
  };
}
