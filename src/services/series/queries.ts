import type { QueryFormat, Series } from '../../store/index.ts';
import { fault } from './errors.ts';
import { type Call, type Reply, readText, required } from './http.ts';

const TYPES: Readonly<Record<QueryFormat, string>> = {
  json: 'application/json',
  jsonl: 'application/jsonl',
  csv: 'text/csv; charset=utf-8',
  parquet: 'application/vnd.apache.parquet',
};

interface Query {
  readonly db: string;
  readonly q: string;
  readonly format: QueryFormat;
  readonly params: Readonly<Record<string, string | number | boolean | null>>;
}

/** `/api/v3/query_sql`: the query in the URL, or as JSON in the body. */
export async function answerQuery(series: Series, call: Call): Promise<Reply> {
  const { db, q, format, params } = await readQuery(call);
  const body = await series.queryEncoded(db, q, format, { parameters: params, signal: call.signal });
  return { status: 200, type: TYPES[format], body };
}

async function readQuery({ request, method, parameters }: Call): Promise<Query> {
  if (method === 'GET') {
    const params = parameters.get('params');
    return {
      db: required(parameters, 'db'),
      q: required(parameters, 'q'),
      format: formatOf(parameters.get('format') ?? undefined),
      params: paramsOf(params === null ? undefined : parseJson(params)),
    };
  }
  const body = parseJson(await readText(request)) as Partial<Record<'db' | 'q' | 'format' | 'params', unknown>> | null;
  if (typeof body?.db !== 'string' || typeof body.q !== 'string') {
    throw fault('parameter-invalid', 'the body is JSON with db and q, and if you like format and params');
  }
  return { db: body.db, q: body.q, format: formatOf(body.format), params: paramsOf(body.params) };
}

function formatOf(format: unknown = 'json'): QueryFormat {
  if (typeof format === 'string' && Object.hasOwn(TYPES, format)) return format as QueryFormat;
  throw fault('parameter-invalid', `format ${format} is not given: json, jsonl, csv and parquet are`);
}

function paramsOf(params: unknown = {}): Query['params'] {
  const valid =
    typeof params === 'object' &&
    params !== null &&
    Object.values(params).every((value) => value === null || ['string', 'number', 'boolean'].includes(typeof value));
  if (!valid) throw fault('parameter-invalid', 'params is an object of texts, numbers, booleans and nulls');
  return params as Query['params'];
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw fault('parameter-invalid', 'the parameters are not JSON');
  }
}
