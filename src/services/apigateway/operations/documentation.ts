import type {
  CreateDocumentationPartCommandInput,
  CreateDocumentationVersionCommandInput,
} from '@aws-sdk/client-api-gateway';
import type { Operation } from '../../index.ts';
import type { RestApis } from '../apis.ts';
import { partOf } from '../checks.ts';
import {
  checkProperties,
  type DocumentationLocation,
  type DocumentationPart,
  type DocumentationVersion,
  locationOf,
} from '../documentation.ts';
import { badRequest } from '../errors.ts';
import { documentationIn } from '../openapi.ts';
import { type PatchOperation, patched } from '../patch.ts';
import { type PageInput, pageOf } from './paging.ts';

interface PartsInput extends PageInput {
  readonly restApiId: string;
  readonly documentationPartId: string;
  readonly type?: string;
  readonly nameQuery?: string;
  readonly path?: string;
  readonly locationStatus?: string;
  readonly patchOperations?: readonly PatchOperation[];
}

interface ImportInput {
  readonly restApiId: string;
  readonly mode?: string;
  readonly body: Uint8Array;
}

interface VersionsInput extends PageInput {
  readonly restApiId: string;
  readonly documentationVersion: string;
  readonly patchOperations?: readonly PatchOperation[];
}

/** Operations of documentation parts and of documentation versions. */
export function documentationOperations(apis: RestApis): Record<string, Operation> {
  return { ...ofParts(apis), ...ofVersions(apis) };
}

function ofParts(apis: RestApis): Record<string, Operation> {
  const { documentation } = apis;
  return {
    CreateDocumentationPart: async (input: CreateDocumentationPartCommandInput, { region }) => {
      const { restApiId = '', location, properties = '' } = input;
      apis.get(region, restApiId);
      checkProperties(properties);
      const part = { id: apis.newPartId(), location: locationOf({ ...location }), properties };
      await documentation.add(restApiId, [part], 'new');
      return part;
    },
    GetDocumentationPart: ({ restApiId, documentationPartId }: PartsInput, { region }) => {
      apis.get(region, restApiId);
      return documentation.part(restApiId, documentationPartId);
    },
    GetDocumentationParts: ({ restApiId, locationStatus, ...input }: PartsInput, { region }) => {
      apis.get(region, restApiId);
      if (locationStatus === 'UNDOCUMENTED') {
        throw badRequest('What is not documented (locationStatus UNDOCUMENTED) is not told of by Millrace.');
      }
      const all = documentation.parts(restApiId).filter(({ location }) => isAsked(location, input));
      return pageOf(all, ({ id }) => id, input);
    },
    UpdateDocumentationPart: async (input: PartsInput, { region }) => {
      const { restApiId, documentationPartId, patchOperations } = input;
      apis.get(region, restApiId);
      await documentation.changePart(restApiId, documentationPartId, (before) => {
        const after = patched(before, patchOperations, { properties: 'text' });
        checkProperties(after.properties);
        return after;
      });
      return documentation.part(restApiId, documentationPartId);
    },
    DeleteDocumentationPart: async ({ restApiId, documentationPartId }: PartsInput, { region }) => {
      apis.get(region, restApiId);
      await documentation.deletePart(restApiId, documentationPartId);
    },
    ImportDocumentationParts: async ({ restApiId, mode = 'merge', body }: ImportInput, { region }) => {
      apis.get(region, restApiId);
      const parts: DocumentationPart[] = documentationIn(body, () => apis.newPartId());
      await documentation.add(restApiId, parts, mode === 'overwrite' ? 'overwrite' : 'merge');
      return { ids: parts.map(({ id }) => id), warnings: [] };
    },
  };
}

function isAsked(location: DocumentationLocation, { type, nameQuery, path }: Partial<PartsInput>): boolean {
  return (
    (type === undefined || location.type === type) &&
    (path === undefined || location.path === path) &&
    (nameQuery === undefined || location.name?.includes(nameQuery) === true)
  );
}

function ofVersions(apis: RestApis): Record<string, Operation> {
  const { documentation } = apis;
  return {
    CreateDocumentationVersion: async (input: CreateDocumentationVersionCommandInput, { region }) => {
      const { restApiId = '', documentationVersion = '', stageName, description } = input;
      const api = apis.get(region, restApiId);
      if (stageName !== undefined) partOf(api.stages, stageName, 'stage');
      await documentation.publish(restApiId, documentationVersion, description);
      if (stageName !== undefined) {
        await apis.change(region, restApiId, (before) => {
          const stage = { ...partOf(before.stages, stageName, 'stage'), documentationVersion };
          return { ...before, stages: { ...before.stages, [stageName]: stage } };
        });
      }
      return versionShape(documentation.version(restApiId, documentationVersion));
    },
    GetDocumentationVersion: ({ restApiId, documentationVersion }: VersionsInput, { region }) => {
      apis.get(region, restApiId);
      return versionShape(documentation.version(restApiId, documentationVersion));
    },
    GetDocumentationVersions: ({ restApiId, ...page }: VersionsInput, { region }) => {
      apis.get(region, restApiId);
      const { items, ...next } = pageOf(documentation.versions(restApiId), ({ version }) => version, page);
      return { items: items.map(versionShape), ...next };
    },
    UpdateDocumentationVersion: async (input: VersionsInput, { region }) => {
      const { restApiId, documentationVersion, patchOperations } = input;
      apis.get(region, restApiId);
      await documentation.changeVersion(restApiId, documentationVersion, (before) =>
        patched(before, patchOperations, { description: 'text' }),
      );
      return versionShape(documentation.version(restApiId, documentationVersion));
    },
    DeleteDocumentationVersion: async ({ restApiId, documentationVersion }: VersionsInput, { region }) => {
      apis.get(region, restApiId);
      await documentation.deleteVersion(restApiId, documentationVersion);
    },
  };
}

function versionShape({ parts: _parts, createdAt, ...version }: DocumentationVersion) {
  return { ...version, createdDate: new Date(createdAt) };
}
