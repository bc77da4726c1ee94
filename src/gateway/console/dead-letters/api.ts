import { type Clock, DomainError } from '../../../base/index.ts';
import type { Logger, Spans } from '../../../telemetry/index.ts';
import {
  type AdminAnswer,
  type AdminApi,
  type AdminRequest,
  answering,
  type Fields,
  invalid,
  notAllowed,
  notFound,
  readJson,
  readLimit,
  refuseOthers,
  text,
} from '../admin.ts';
import { doWithAll } from './bulk.ts';
import type {
  DeadLetter,
  DeadLetterDetail,
  DeadLetterFilter,
  DeadLetterList,
  DeadLetterSummary,
  DeadLetters,
  Redrive,
  TraceSpan,
} from './letter.ts';
import { DEAD_LETTER_LIMITS } from './limits.ts';
import { decodeReference, encodeReference } from './reference.ts';
import { scan, timeOf } from './scan.ts';

const PREFIX = '/_millrace/dead-letters';

/** - `request-invalid`: a parameter or the body is not what it must be; - `cursor-invalid`: see {@link scan}. */
const STATUS: Readonly<Record<string, number>> = {
  'request-invalid': 400,
  'cursor-invalid': 400,
  'place-unknown': 404,
  'letter-unknown': 404,
  'target-needed': 409,
};

/** The dead letters over HTTP; docs/dead-letters.md has the contract. */
export function deadLetterApi(options: {
  readonly store: DeadLetters;
  readonly spans: Pick<Spans, 'recent'>;
  readonly clock: Clock;
  readonly logger: Logger;
}): AdminApi {
  const { store, spans, clock, logger } = options;
  const api = new DeadLetterApi(store, spans, clock, logger.child({ room: 'dead-letters' }));
  return { prefix: PREFIX, bodyBytesMax: DEAD_LETTER_LIMITS.bodyBytesMax, handle: (request) => api.handle(request) };
}

class DeadLetterApi {
  readonly #store: DeadLetters;
  readonly #spans: Pick<Spans, 'recent'>;
  readonly #clock: Clock;
  readonly #logger: Logger;

  constructor(store: DeadLetters, spans: Pick<Spans, 'recent'>, clock: Clock, logger: Logger) {
    this.#store = store;
    this.#spans = spans;
    this.#clock = clock;
    this.#logger = logger;
  }

  handle(request: AdminRequest): Promise<AdminAnswer> {
    return answering(STATUS, () => this.#route(request));
  }

  #route(request: AdminRequest): Promise<AdminAnswer> | AdminAnswer {
    const { method, path, query, caller } = request;
    const [id, verb, ...rest] = path.slice(PREFIX.length).split('/').filter(Boolean);
    const isRead = method === 'GET' || method === 'HEAD';
    if (id === undefined) return isRead ? this.#list(query) : notAllowed('GET, HEAD');
    if (rest.length > 0) return notFound(path);
    if (verb === undefined && (id === 'redrive' || id === 'discard')) {
      return method === 'POST' ? this.#bulk(id, readJson(request.body), caller) : notAllowed('POST');
    }
    if (verb === undefined && isRead) return this.#show(id);
    if (verb === undefined) return method === 'DELETE' ? this.#discard(id, caller) : notAllowed('GET, HEAD, DELETE');
    if (verb !== 'redrive') return notFound(path);
    return method === 'POST' ? this.#redrive(id, readRedrive(readJson(request.body)), caller) : notAllowed('POST');
  }

  async #list(query: URLSearchParams): Promise<AdminAnswer> {
    const fields = Object.fromEntries(query);
    refuseOthers(fields, LIST_FIELDS, 'a list');
    const limit = readLimit(fields.limit, DEAD_LETTER_LIMITS.listDefault, DEAD_LETTER_LIMITS.listMax);
    const places = await this.#store.places();
    const store = { places: () => places, browse: this.#store.browse.bind(this.#store) };
    const found = await scan(store, readFilter(fields), fields.after, limit);
    const body: DeadLetterList = {
      places,
      letters: found.letters.map(summaryOf),
      scanned: found.scanned,
      ...(found.next !== undefined && { next: found.next }),
    };
    return { status: 200, body };
  }

  async #show(id: string): Promise<AdminAnswer> {
    const { place, key } = letterOf(id);
    const { key: _, ...letter } = await this.#store.read(place, key);
    const body: DeadLetterDetail = { id, ...letter, spans: this.#spansOf(letter.traceId) };
    return { status: 200, body };
  }

  async #redrive(id: string, change: Redrive, caller: string): Promise<AdminAnswer> {
    const { place, key } = letterOf(id);
    const to = await this.#store.redrive(place, key, change);
    this.#logger.info('dead-letter-redriven', { place, key, to, edited: change.body !== undefined, caller });
    return { status: 200, body: { redriven: id, to } };
  }

  async #discard(id: string, caller: string): Promise<AdminAnswer> {
    const { place, key } = letterOf(id);
    await this.#store.discard(place, key);
    this.#logger.info('dead-letter-discarded', { place, key, caller });
    return { status: 200, body: { discarded: id } };
  }

  async #bulk(verb: 'redrive' | 'discard', fields: Fields, caller: string): Promise<AdminAnswer> {
    // A filter that is misspelled would mean all letters.
    refuseOthers(fields, verb === 'redrive' ? [...LIST_FIELDS, 'to'] : LIST_FIELDS, `a ${verb} of many`);
    const { after, limit, to } = fields;
    const filter = readFilter(fields);
    const count = readLimit(limit, DEAD_LETTER_LIMITS.bulkMax, DEAD_LETTER_LIMITS.bulkMax);
    const from = after === undefined ? undefined : text('after', after);
    const begunAt = (from === undefined ? undefined : decodeReference(from)?.begunAt) ?? this.#clock.now();
    const found = await scan(this.#store, filter, from, count, (letter) => this.#wasThere(letter, begunAt));
    const change = to === undefined ? {} : { to: text('to', to) };
    const body = await doWithAll(found, begunAt, ({ place, key }) =>
      verb === 'redrive' ? this.#store.redrive(place, key, change) : this.#store.discard(place, key),
    );
    const { done, failed } = body;
    this.#logger.info(`dead-letters-${verb === 'redrive' ? 'redriven' : 'discarded'}`, {
      filter,
      done,
      failed,
      caller,
    });
    return { status: 200, body };
  }

  /** What dies again meanwhile is left alone. A time that has not come yet is that of a clock that was ahead. */
  #wasThere(letter: DeadLetter, begunAt: number): boolean {
    const at = timeOf(letter);
    return at <= begunAt || at > this.#clock.now();
  }

  #spansOf(traceId: string | undefined): readonly TraceSpan[] {
    if (traceId === undefined) return [];
    return this.#spans
      .recent()
      .filter((span) => span.traceId === traceId)
      .sort((a, b) => a.startMs - b.startMs)
      .slice(0, DEAD_LETTER_LIMITS.spansMax)
      .map(({ spanId, parentSpanId, name, startMs, durationMs, error }) => ({
        ...{ spanId, name, startMs, durationMs },
        ...(parentSpanId !== undefined && { parentSpanId }),
        ...(error !== undefined && { error }),
      }));
  }
}

function summaryOf({ key, body, attributes: _, ...letter }: DeadLetter): DeadLetterSummary {
  const id = encodeReference({ place: letter.place, key });
  return { id, ...letter, preview: body.slice(0, DEAD_LETTER_LIMITS.previewMax) };
}

function letterOf(id: string): { readonly place: string; readonly key: string } {
  const { place, key } = decodeReference(id) ?? {};
  if (place === undefined || key === undefined)
    throw new DomainError('letter-unknown', `There is no dead letter ${id}.`);
  return { place, key };
}

const TEXT_FIELDS = ['place', 'target', 'source', 'reason', 'text'] as const;
const LIST_FIELDS = [...TEXT_FIELDS, 'before', 'after', 'limit'] as const;

function readFilter(fields: Fields): DeadLetterFilter {
  const texts = TEXT_FIELDS.filter((name) => fields[name] !== undefined && fields[name] !== '');
  const before = fields.before === undefined ? undefined : Number(fields.before);
  if (before !== undefined && !Number.isFinite(before)) throw invalid('"before" must be a time in epoch milliseconds');
  return {
    ...Object.fromEntries(texts.map((name) => [name, text(name, fields[name])])),
    ...(before !== undefined && { before }),
  };
}

function readRedrive(fields: Fields): Redrive {
  refuseOthers(fields, ['body', 'to'], 'a redrive');
  const { body, to } = fields;
  return { ...(body !== undefined && { body: text('body', body) }), ...(to !== undefined && { to: text('to', to) }) };
}
