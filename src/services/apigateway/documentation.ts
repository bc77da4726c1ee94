/* What REST APIs are documented with: parts, each of an entity of an API, and versions, which are pictures of them. */
import { type Clock, Turns } from '../../base/index.ts';
import { type Records, Registry } from '../../store/index.ts';
import { badRequest, conflict, limitExceeded, RestApiError } from './errors.ts';
import { REST_API_LIMITS } from './limits.ts';

const TYPES = [
  ...['API', 'AUTHORIZER', 'MODEL', 'RESOURCE', 'METHOD', 'PATH_PARAMETER', 'QUERY_PARAMETER', 'REQUEST_HEADER'],
  ...['REQUEST_BODY', 'RESPONSE', 'RESPONSE_HEADER', 'RESPONSE_BODY'],
] as const;

type LocationType = (typeof TYPES)[number];

/** The entity that a part is of. */
export interface DocumentationLocation {
  readonly type: LocationType;
  readonly path?: string;
  readonly method?: string;
  readonly statusCode?: string;
  readonly name?: string;
}

export interface DocumentationPart {
  readonly id: string;
  readonly location: DocumentationLocation;
  /** JSON text of an object. */
  readonly properties: string;
}

export interface DocumentationVersion {
  readonly version: string;
  readonly description?: string;
  /** Epoch milliseconds. */
  readonly createdAt: number;
  readonly parts: readonly DocumentationPart[];
}

/** All of one API. */
interface Documentation {
  readonly parts: Readonly<Record<string, DocumentationPart>>;
  readonly versions: Readonly<Record<string, DocumentationVersion>>;
}

const NONE: Documentation = { parts: {}, versions: {} };

/** Members of a location that its type has, beside the type. */
const MEMBERS: Readonly<Record<LocationType, readonly (keyof DocumentationLocation)[]>> = {
  API: [],
  AUTHORIZER: ['name'],
  MODEL: ['name'],
  RESOURCE: ['path'],
  METHOD: ['path', 'method'],
  PATH_PARAMETER: ['path', 'method', 'name'],
  QUERY_PARAMETER: ['path', 'method', 'name'],
  REQUEST_HEADER: ['path', 'method', 'name'],
  REQUEST_BODY: ['path', 'method'],
  RESPONSE: ['path', 'method', 'statusCode'],
  RESPONSE_HEADER: ['path', 'method', 'statusCode', 'name'],
  RESPONSE_BODY: ['path', 'method', 'statusCode'],
};

const DEFAULTS = { path: '/', method: '*', statusCode: '*' } as const;

/** Documentation of all REST APIs, beside the APIs: in memory, every change durable when it resolves. */
export class Documentations {
  readonly #clock: Clock;
  readonly #kept: Registry<Documentation>;
  readonly #turns = new Turns();

  private constructor(kept: Registry<Documentation>, clock: Clock) {
    this.#kept = kept;
    this.#clock = clock;
  }

  static async open({ records, clock }: { readonly records: Records; readonly clock: Clock }): Promise<Documentations> {
    return new Documentations(await Registry.open(records, 'apigateway-documentation'), clock);
  }

  parts(apiId: string): readonly DocumentationPart[] {
    return Object.values(this.#of(apiId).parts);
  }

  /** @throws not-found */
  part(apiId: string, id: string): DocumentationPart {
    const { parts } = this.#of(apiId);
    if (!Object.hasOwn(parts, id)) {
      throw new RestApiError('not-found', 'Invalid Documentation part identifier specified');
    }
    return parts[id]!;
  }

  /**
   * Adds parts, all or none.
   * @param mode  `new` refuses what is documented already, `merge` lays over it, `overwrite` leaves nothing else
   * @throws conflict, limit-exceeded, bad-request
   */
  add(apiId: string, added: readonly DocumentationPart[], mode: 'new' | 'merge' | 'overwrite'): Promise<void> {
    return this.#change(apiId, (before) => {
      const parts = mode === 'overwrite' ? {} : { ...before.parts };
      const ids = new Map(Object.values(parts).map(({ id, location }) => [keyOf(location), id]));
      for (const part of added) {
        const known = ids.get(keyOf(part.location));
        if (known !== undefined && mode === 'new') throw alreadyDocumented(part.location);
        if (known !== undefined) delete parts[known];
        parts[part.id] = part;
        ids.set(keyOf(part.location), part.id);
      }
      return { ...before, parts };
    });
  }

  /** @throws not-found, bad-request */
  async changePart(apiId: string, id: string, decide: (part: DocumentationPart) => DocumentationPart): Promise<void> {
    await this.#change(apiId, (before) => ({
      ...before,
      parts: { ...before.parts, [id]: decide(this.part(apiId, id)) },
    }));
  }

  /** @throws not-found */
  async deletePart(apiId: string, id: string): Promise<void> {
    await this.#change(apiId, (before) => {
      this.part(apiId, id);
      const { [id]: _gone, ...parts } = before.parts;
      return { ...before, parts };
    });
  }

  versions(apiId: string): readonly DocumentationVersion[] {
    return Object.values(this.#of(apiId).versions);
  }

  /** @throws not-found */
  version(apiId: string, version: string): DocumentationVersion {
    const { versions } = this.#of(apiId);
    if (!Object.hasOwn(versions, version)) {
      throw new RestApiError('not-found', `Invalid Documentation version specified: ${version}`);
    }
    return versions[version]!;
  }

  /** Takes a picture of all parts. @throws conflict, limit-exceeded */
  async publish(apiId: string, version: string, description: string | undefined): Promise<void> {
    await this.#change(apiId, (before) => {
      if (Object.hasOwn(before.versions, version)) throw conflict(`Version ${version} already exists`);
      if (Object.keys(before.versions).length >= REST_API_LIMITS.documentationVersionsMax) {
        throw limitExceeded('documentation versions', REST_API_LIMITS.documentationVersionsMax);
      }
      const made = {
        version,
        createdAt: this.#clock.now(),
        parts: Object.values(before.parts),
        ...(description !== undefined && { description }),
      };
      return { ...before, versions: { ...before.versions, [version]: made } };
    });
  }

  /** @throws not-found */
  async changeVersion(
    apiId: string,
    version: string,
    decide: (version: DocumentationVersion) => DocumentationVersion,
  ): Promise<void> {
    await this.#change(apiId, (before) => ({
      ...before,
      versions: { ...before.versions, [version]: decide(this.version(apiId, version)) },
    }));
  }

  /** @throws not-found */
  async deleteVersion(apiId: string, version: string): Promise<void> {
    await this.#change(apiId, (before) => {
      this.version(apiId, version);
      const { [version]: _gone, ...versions } = before.versions;
      return { ...before, versions };
    });
  }

  /** The API is gone. */
  async forget(apiId: string): Promise<void> {
    await this.#turns.run(apiId, () => this.#kept.delete(apiId));
  }

  #of(apiId: string): Documentation {
    return this.#kept.get(apiId) ?? NONE;
  }

  #change(apiId: string, decide: (before: Documentation) => Documentation): Promise<void> {
    return this.#turns.run(apiId, async () => {
      const after = decide(this.#of(apiId));
      const { documentationPartsMax, documentationBytesMax } = REST_API_LIMITS;
      if (Object.keys(after.parts).length > documentationPartsMax) {
        throw limitExceeded('documentation parts', documentationPartsMax);
      }
      if (JSON.stringify(after).length > documentationBytesMax) {
        throw badRequest(`Documentation and its versions may have ${documentationBytesMax} characters in all`);
      }
      await this.#kept.put(apiId, after);
    });
  }
}

/** A location with what its type has by default. @throws bad-request */
export function locationOf(given: Readonly<Record<string, unknown>>): DocumentationLocation {
  const type = TYPES.find((one) => one === given.type);
  if (type === undefined) throw badRequest(`Invalid documentation part type specified: ${given.type}`);
  const members = MEMBERS[type];
  const odd = Object.keys(given).find((name) => {
    const isMember = name === 'type' || members.includes(name as keyof DocumentationLocation);
    return given[name] !== undefined && !isMember;
  });
  if (odd !== undefined) throw badRequest(`Location field '${odd}' is not allowed for type '${type}'`);
  const named = members.map((name) => [name, given[name] ?? DEFAULTS[name as keyof typeof DEFAULTS]] as const);
  if (named.some(([, value]) => value === undefined || value === '')) {
    throw badRequest(`Location field 'name' is required for type '${type}'`);
  }
  return { type, ...Object.fromEntries(named.map(([name, value]) => [name, String(value)])) };
}

/** @throws bad-request  no JSON object */
export function checkProperties(properties: string | undefined): void {
  try {
    const value: unknown = JSON.parse(properties ?? '');
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return;
  } catch {
    // Said below.
  }
  throw badRequest('Invalid documentation properties: they must be a JSON object');
}

function keyOf({ type, path = '', method = '', statusCode = '', name = '' }: DocumentationLocation): string {
  return JSON.stringify([type, path, method, statusCode, name]);
}

function alreadyDocumented(location: DocumentationLocation): RestApiError {
  const shown = Object.entries(location).map(([name, value]) => `${name} '${value}'`);
  return conflict(`Documentation part already exists for the specified location: ${shown.join(', ')}.`);
}
