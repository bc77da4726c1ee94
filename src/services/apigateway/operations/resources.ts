import type { Operation } from '../../index.ts';
import type { RestApis } from '../apis.ts';
import { checkPathPart, partOf } from '../checks.ts';
import { badRequest, conflict, limitExceeded } from '../errors.ts';
import { REST_API_LIMITS } from '../limits.ts';
import type { RestContent, RestResource } from '../model.ts';
import type { PatchOperation } from '../patch.ts';
import { patched } from '../patch.ts';
import { type PageInput, pageOf } from './paging.ts';

interface ResourceInput extends PageInput {
  readonly restApiId: string;
  readonly resourceId: string;
  readonly parentId: string;
  readonly pathPart: string;
  readonly embed?: readonly string[];
  readonly patchOperations?: readonly PatchOperation[];
}

/** CreateResource, GetResource, GetResources, UpdateResource, DeleteResource. */
export function resourceOperations(apis: RestApis): Record<string, Operation> {
  return {
    CreateResource: async ({ restApiId, parentId, pathPart }: ResourceInput, { region }) => {
      const id = apis.newPartId();
      const content = await apis.changeContent(region, restApiId, (before) =>
        withResource(before, { id, parentId, pathPart, path: '', methods: {} }),
      );
      return resourceShape(content.resources[id]!, false);
    },
    GetResource: ({ restApiId, resourceId, embed = [] }: ResourceInput, { region }) =>
      resourceShape(
        partOf(apis.get(region, restApiId).content.resources, resourceId, 'Resource'),
        embed.includes('methods'),
      ),
    GetResources: ({ restApiId, embed = [], ...page }: ResourceInput, { region }) => {
      const all = Object.values(apis.get(region, restApiId).content.resources);
      const { items, ...next } = pageOf(all, ({ id }) => id, page);
      return { items: items.map((one) => resourceShape(one, embed.includes('methods'))), ...next };
    },
    UpdateResource: async ({ restApiId, resourceId, patchOperations }: ResourceInput, { region }) => {
      const content = await apis.changeContent(region, restApiId, (before) => {
        const resource = partOf(before.resources, resourceId, 'Resource');
        if (resource.parentId === undefined) throw badRequest('Root resource cannot be updated');
        const moved = patched(resource, patchOperations, { pathPart: 'text', parentId: 'text' });
        return withPaths(withResource(before, moved));
      });
      return resourceShape(content.resources[resourceId]!, false);
    },
    DeleteResource: async ({ restApiId, resourceId }: ResourceInput, { region }) => {
      await apis.changeContent(region, restApiId, (before) => {
        const { parentId } = partOf(before.resources, resourceId, 'Resource');
        if (parentId === undefined) throw badRequest('Root resource cannot be deleted');
        const gone = new Set([resourceId, ...below(before, resourceId)]);
        const left = Object.entries(before.resources).filter(([id]) => !gone.has(id));
        return { ...before, resources: Object.fromEntries(left) };
      });
    },
  };
}

/**
 * Puts a resource in its place.
 * @throws bad-request, conflict, not-found
 */
export function withResource(content: RestContent, resource: RestResource): RestContent {
  const { id, parentId = '', pathPart = '' } = resource;
  const parent = partOf(content.resources, parentId, 'Resource');
  checkPathPart(pathPart);
  if (parentId === id || below(content, id).includes(parentId)) throw badRequest('A resource cannot be its own parent');
  if (parent.pathPart?.endsWith('+}'))
    throw badRequest(`Cannot create a child of a resource with a greedy path variable: ${parent.path}`);
  const siblings = Object.values(content.resources).filter((one) => one.parentId === parentId && one.id !== id);
  if (siblings.some((one) => one.pathPart === pathPart)) {
    throw conflict(`Another resource with the same parent already has this name: ${pathPart}`);
  }
  const variable = siblings.find((one) => pathPart.startsWith('{') && one.pathPart?.startsWith('{'));
  if (variable && variable.pathPart!.endsWith('+}') === pathPart.endsWith('+}')) {
    throw badRequest(
      `A sibling (${variable.pathPart}) of this resource already has a variable path part -- only one is allowed`,
    );
  }
  if (!content.resources[id] && Object.keys(content.resources).length >= REST_API_LIMITS.resourcesMax) {
    throw limitExceeded('resources', REST_API_LIMITS.resourcesMax);
  }
  const path = `${parent.path === '/' ? '' : parent.path}/${pathPart}`;
  return { ...content, resources: { ...content.resources, [id]: { ...resource, path } } };
}

/** Ids of all that stand below a resource. */
function below({ resources }: RestContent, id: string): readonly string[] {
  const children = Object.values(resources).filter(({ parentId }) => parentId === id);
  return children.flatMap((child) => [child.id, ...below({ resources } as RestContent, child.id)]);
}

/** Paths anew, after one has moved. */
function withPaths(content: RestContent): RestContent {
  const pathOf = (resource: RestResource): string => {
    if (resource.parentId === undefined) return '/';
    const parent = pathOf(content.resources[resource.parentId]!);
    return `${parent === '/' ? '' : parent}/${resource.pathPart}`;
  };
  const all = Object.values(content.resources).map((one) => [one.id, { ...one, path: pathOf(one) }] as const);
  return { ...content, resources: Object.fromEntries(all) };
}

function resourceShape({ id, parentId, pathPart, path, methods }: RestResource, whole: boolean) {
  const named = Object.entries(methods).map(([name, method]) => [name, whole ? method : {}]);
  return {
    ...{ id, path },
    ...(parentId !== undefined && { parentId, pathPart }),
    ...(named.length > 0 && { resourceMethods: Object.fromEntries(named) }),
  };
}
