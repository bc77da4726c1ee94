/**
 * `/api/v3/configure/database`: databases and their policies.
 *
 *     POST    {"db": "plant", "retention_period": "30d", "downsample": [...]}    makes it; 409 when it is there
 *     PUT     the same                                                           makes it, or replaces its policy
 *     GET     ?db=plant                                                          one, or without db all of them
 *     DELETE  ?db=plant                                                          removes it with its points
 *
 * `downsample` is a list of `{"from": "m", "into": "m_1m", "every": "1m", "retention_period": "365d"}`. What is absent is kept for
 * ever, or not rolled up. POST, GET and DELETE are InfluxDB 3's; PUT and `downsample` are ours.
 */
import { hasCode } from '../../base/index.ts';
import type { RetentionPolicy, Series } from '../../store/index.ts';
import { formatDuration, parseDuration } from './durations.ts';
import { fault } from './errors.ts';
import { type Call, json, type Reply, readText, required } from './http.ts';

type Rollup = NonNullable<RetentionPolicy['downsample']>[number];

const ROLLUPS_MAX = 20;

export async function configure(series: Series, call: Call): Promise<Reply> {
  switch (call.method) {
    case 'POST':
      return create(series, call);
    case 'PUT':
      return put(series, call);
    case 'DELETE':
      await series.dropDatabase(required(call.parameters, 'db'));
      return { status: 204 };
    default:
      return list(series, call.parameters.get('db'));
  }
}

async function create(series: Series, { request }: Call): Promise<Reply> {
  const { name, policy } = readConfiguration(await readText(request));
  await series.createDatabase(name, policy);
  return json(200, describe(name, policy));
}

async function put(series: Series, { request }: Call): Promise<Reply> {
  const { name, policy } = readConfiguration(await readText(request));
  await series.createDatabase(name, policy).catch((error) => {
    if (!hasCode(error, 'database-exists')) throw error;
    return series.setPolicy(name, policy);
  });
  return json(200, describe(name, policy));
}

async function list(series: Series, wanted: string | null): Promise<Reply> {
  const databases = await series.databases();
  if (wanted === null)
    return json(
      200,
      databases.map(({ name, policy }) => describe(name, policy)),
    );
  const found = databases.find(({ name }) => name === wanted);
  if (!found) throw fault('database-not-found', `no database ${wanted}`);
  return json(200, describe(found.name, found.policy));
}

function describe(name: string, { keepMs, downsample = [] }: RetentionPolicy) {
  return {
    'iox::database': name,
    db: name,
    ...(keepMs !== undefined && { retention_period: formatDuration(keepMs) }),
    downsample: downsample.map(({ from, into, everyMs, keepMs: kept }) => ({
      from,
      into,
      every: formatDuration(everyMs),
      ...(kept !== undefined && { retention_period: formatDuration(kept) }),
    })),
  };
}

function readConfiguration(text: string): { readonly name: string; readonly policy: RetentionPolicy } {
  const body = objectOf(parse(text));
  const { db, retention_period: retention, downsample = [], ...unknown } = body;
  if (typeof db !== 'string') throw fault('parameter-invalid', 'db names the database');
  refuseUnknown(unknown);
  if (!Array.isArray(downsample) || downsample.length > ROLLUPS_MAX) {
    throw fault('parameter-invalid', `downsample is a list of at most ${ROLLUPS_MAX}`);
  }
  const rollups = downsample.map(readRollup);
  const targets = new Set(rollups.map(({ into }) => into));
  if (targets.size < rollups.length || rollups.some(({ from }) => targets.has(from))) {
    throw fault('parameter-invalid', 'each rollup goes into a measurement of its own, and is not made of another');
  }
  return { name: db, policy: { ...keepOf(retention), ...(rollups.length > 0 && { downsample: rollups }) } };
}

function readRollup(value: unknown): Rollup {
  const { from, into, every, retention_period: retention, ...unknown } = objectOf(value);
  refuseUnknown(unknown);
  if (typeof from !== 'string' || typeof into !== 'string' || typeof every !== 'string' || !from || !into) {
    throw fault('parameter-invalid', 'a rollup has from, into and every');
  }
  return { from, into, everyMs: parseDuration(every), ...keepOf(retention) };
}

function keepOf(retention: unknown): { readonly keepMs?: number } {
  if (retention === undefined || retention === null) return {};
  if (typeof retention !== 'string') throw fault('parameter-invalid', 'retention_period is a duration such as 30d');
  return { keepMs: parseDuration(retention) };
}

function refuseUnknown(unknown: object): void {
  const [name] = Object.keys(unknown);
  if (name !== undefined) throw fault('parameter-invalid', `${name} is not known here`);
}

function objectOf(value: unknown): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw fault('parameter-invalid', 'an object is expected');
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw fault('parameter-invalid', 'the body is not JSON');
  }
}
