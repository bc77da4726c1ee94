/* The APIs of a template: what is declared, and what events of functions imply. */
import { asIntrinsic, isObject, type Json, type JsonObject } from '../template/value.ts';
import type { ApiDeclaration, EventRoute, ExpandedApi } from './api-parts.ts';
import { globalsFor, mergeGlobal } from './globals.ts';
import { expandHttpApi } from './http-api.ts';
import { expandRestApi } from './rest-api.ts';

export type ApiKind = 'Api' | 'HttpApi';

/** Ids that AWS gives to APIs that only events speak of. */
const IMPLICIT: Readonly<Record<ApiKind, string>> = { Api: 'ServerlessRestApi', HttpApi: 'ServerlessHttpApi' };

const TYPES: Readonly<Record<string, ApiKind>> = {
  'AWS::Serverless::Api': 'Api',
  'AWS::Serverless::HttpApi': 'HttpApi',
};

/** The APIs of a template, while functions add to them. */
export class TemplateApis {
  readonly #globals: Readonly<Record<ApiKind, JsonObject>>;
  readonly #apis: Readonly<Record<ApiKind, Map<string, ApiDeclaration>>> = { Api: new Map(), HttpApi: new Map() };

  /** @param globals  what `Globals` say of each kind */
  constructor(resources: JsonObject, globals: Readonly<Record<ApiKind, JsonObject>>) {
    this.#globals = globals;
    for (const [id, declaration] of Object.entries(resources)) {
      const kind = isObject(declaration) ? TYPES[String(declaration.Type)] : undefined;
      if (kind === undefined || !isObject(declaration)) continue;
      const taken = globalsFor(id, globals[kind], declaration.IgnoreGlobals);
      const properties = mergeGlobal(taken, declaration.Properties ?? {}) as JsonObject;
      this.#apis[kind].set(id, { id, declaration, properties, routes: [] });
    }
  }

  /** True for types that this expands. */
  static takes(type: string): boolean {
    return TYPES[type] !== undefined;
  }

  /**
   * Adds a route to the API that an event names, or to the one that is implied.
   * @returns how the event's resources refer to that API
   */
  add(kind: ApiKind, named: Json | undefined, route: EventRoute): Json {
    if (named === undefined) {
      this.#implied(kind).routes.push(route);
      return { Ref: IMPLICIT[kind] };
    }
    const id = typeof named === 'string' ? named : refOf(named);
    const api = id === undefined ? undefined : this.#apis[kind].get(id);
    // Definitions that users write themselves have their routes already; those of other stacks too.
    if (api && api.properties.DefinitionBody === undefined && api.properties.DefinitionUri === undefined) {
      api.routes.push(route);
    }
    return api && typeof named === 'string' ? { Ref: named } : named;
  }

  /** How an event's function may be asked who calls, by the API that it names. */
  propertiesOf(kind: ApiKind, named: Json | undefined): JsonObject {
    const id = named === undefined ? IMPLICIT[kind] : typeof named === 'string' ? named : (refOf(named) ?? '');
    return this.#apis[kind].get(id)?.properties ?? (named === undefined ? this.#globals[kind] : {});
  }

  /** All APIs as plain resources. @throws validation */
  expand(): ExpandedApi {
    const http = [...this.#apis.HttpApi.values()].map(expandHttpApi);
    const rest = [...this.#apis.Api.values()].map(expandRestApi);
    const all = [...http, ...rest];
    return {
      resources: Object.assign({}, ...all.map(({ resources }) => resources)) as Record<string, JsonObject>,
      references: Object.assign({}, ...all.map(({ references }) => references)) as Record<string, string>,
    };
  }

  #implied(kind: ApiKind): ApiDeclaration {
    const id = IMPLICIT[kind];
    const known = this.#apis[kind].get(id);
    if (known) return known;
    const properties = { ...(kind === 'Api' && { StageName: 'Prod' }), ...this.#globals[kind] };
    const made = { id, declaration: {}, properties, routes: [] };
    this.#apis[kind].set(id, made);
    return made;
  }
}

function refOf(value: Json): string | undefined {
  const intrinsic = asIntrinsic(value);
  return intrinsic?.name === 'Ref' && typeof intrinsic.argument === 'string' ? intrinsic.argument : undefined;
}
