import type { Operation } from '../../index.ts';
import { checkRoom, type HttpApis } from '../apis.ts';
import { partOf } from '../checks.ts';
import { badRequest, conflict } from '../errors.ts';
import { HTTP_API_LIMITS } from '../limits.ts';
import type { DescribedParts, HttpApi } from '../model.ts';
import { laid, taken } from './changes.ts';
import { type PageInput, pageOf } from './paging.ts';

/** What describes an API and answers no request: HTTP APIs keep it for their owners. */
interface Kind {
  /** As operations are named: `Create...`, `Get...s`. */
  readonly name: string;
  readonly idName: string;
  readonly place: keyof DescribedParts;
  readonly members: readonly string[];
  /** Member that no two have in common. */
  readonly key: string;
  /** What it belongs to. */
  readonly parent?: { readonly idName: string; readonly place: 'routes' | 'integrations'; readonly name: string };
  check?(part: Part): void;
}

type Part = Readonly<Record<string, unknown>> & { readonly parentId?: string };
type Input = { readonly ApiId: string } & Readonly<Record<string, string>>;

const KINDS: readonly Kind[] = [
  {
    ...{ name: 'Model', idName: 'ModelId', place: 'models', key: 'Name' },
    members: ['ContentType', 'Description', 'Name', 'Schema'],
    check: ({ Name, Schema }) => {
      if (!/^[A-Za-z0-9]+$/.test(String(Name))) throw badRequest(`Model name must be alphanumeric: ${Name}`);
      if (!isJsonObject(Schema)) throw badRequest('Invalid model schema specified: it must be JSON');
    },
  },
  {
    ...{ name: 'RouteResponse', idName: 'RouteResponseId', place: 'routeResponses', key: 'RouteResponseKey' },
    members: ['ModelSelectionExpression', 'ResponseModels', 'ResponseParameters', 'RouteResponseKey'],
    parent: { idName: 'RouteId', place: 'routes', name: 'Route' },
  },
  {
    ...{ name: 'IntegrationResponse', idName: 'IntegrationResponseId', place: 'integrationResponses' },
    key: 'IntegrationResponseKey',
    members: [
      ...['ContentHandlingStrategy', 'IntegrationResponseKey', 'ResponseParameters', 'ResponseTemplates'],
      'TemplateSelectionExpression',
    ],
    parent: { idName: 'IntegrationId', place: 'integrations', name: 'Integration' },
  },
];

/** Create, Get, list, Update and Delete of models, route responses and integration responses. */
export function responseOperations(apis: HttpApis): Record<string, Operation> {
  return Object.assign({}, ...KINDS.map((kind) => five(apis, kind)));
}

function five(apis: HttpApis, kind: Kind): Record<string, Operation> {
  const { name, idName, place, members, parent } = kind;
  const parentIdOf = (input: Input) => (parent ? input[parent.idName] : undefined);
  /** Those of the API, or of its part that the input names. @throws not-found */
  const partsIn = (api: HttpApi, input: Input): Readonly<Record<string, Part>> => {
    const all = Object.entries((api[place] ?? {}) as Readonly<Record<string, Part>>);
    if (!parent) return Object.fromEntries(all);
    const parentId = input[parent.idName]!;
    partOf(api.content[parent.place] as Readonly<Record<string, unknown>>, parentId, parent.name);
    return Object.fromEntries(all.filter(([, part]) => part.parentId === parentId));
  };
  const put = async (
    region: string,
    input: Input,
    id: string,
    make: (parts: Readonly<Record<string, Part>>) => Part,
  ) => {
    const api = await apis.change(region, input.ApiId, (before) => {
      const parts = partsIn(before, input);
      const part = make(parts);
      kind.check?.(part);
      const isTaken = Object.values(parts).some((one) => one[idName] !== id && one[kind.key] === part[kind.key]);
      if (isTaken) throw conflict(`${name} with ${kind.key} ${part[kind.key]} already exists`);
      return { ...before, [place]: { ...before[place], [id]: part } };
    });
    return shapeOf(partsIn(api, input)[id]!);
  };
  return {
    [`Create${name}`]: (input: Input, { region }) => {
      const id = apis.newPartId();
      return put(region, input, id, (parts) => {
        checkRoom(`${name}s`, parts, HTTP_API_LIMITS.describedPartsMax);
        const parentId = parentIdOf(input);
        return { ...taken(input, members), [idName]: id, ...(parentId !== undefined && { parentId }) };
      });
    },
    [`Get${name}`]: (input: Input, { region }) =>
      shapeOf(partOf(partsIn(apis.get(region, input.ApiId), input), input[idName]!, name)),
    [`Get${name}s`]: (input: Input & PageInput, { region }) => {
      const all = Object.values(partsIn(apis.get(region, input.ApiId), input));
      const { items, ...next } = pageOf(all, (part) => String(part[idName]), input);
      return { Items: items.map(shapeOf), ...next };
    },
    [`Update${name}`]: (input: Input, { region }) =>
      put(region, input, input[idName]!, (parts) => laid(partOf(parts, input[idName]!, name), taken(input, members))),
    [`Delete${name}`]: async (input: Input, { region }) => {
      await apis.change(region, input.ApiId, (before) => {
        partOf(partsIn(before, input), input[idName]!, name);
        const { [input[idName]!]: _gone, ...others } = (before[place] ?? {}) as Readonly<Record<string, Part>>;
        return { ...before, [place]: others };
      });
    },
  };
}

function shapeOf({ parentId: _parentId, ...part }: Part) {
  return part;
}

function isJsonObject(text: unknown): boolean {
  try {
    return typeof JSON.parse(String(text)) === 'object';
  } catch {
    return false;
  }
}
