/** Series, SQS and SNS at the far edge of the example: one small server over real sockets that keeps what it is sent. */
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface FarEdge extends AsyncDisposable {
  readonly url: string;
  /** Points by measurement, device and time, as a series database keeps them: the same key overwrites. */
  readonly points: Map<string, Record<string, string>>;
  /** Bodies of the dead letters. */
  readonly letters: { reason: string; device: string; sequenceNumber: string; data: string }[];
  readonly alerts: { alertId: string; device: string }[];
  readonly stateQueries: string[];
  /** Requests of these kinds fail while they are listed. */
  readonly broken: Set<'write' | 'query' | 'sqs' | 'sns'>;
  /** Bodies that the queue refuses, each entry by itself. */
  refuses: (body: string) => boolean;
}

export async function startFarEdge(): Promise<FarEdge> {
  const server = createServer(async (request, response) => {
    const body = await read(request);
    const kind = kindOf(request);
    if (edge.broken.has(kind)) return void response.writeHead(503).end('{"message":"broken on purpose"}');
    const [type, answer] = ANSWERS[kind](edge, body);
    response.writeHead(answer === '' ? 204 : 200, { 'content-type': type }).end(answer);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const edge: FarEdge = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    points: new Map(),
    letters: [],
    alerts: [],
    stateQueries: [],
    broken: new Set(),
    refuses: () => false,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
    },
  };
  return edge;
}

async function read(request: IncomingMessage): Promise<string> {
  let body = '';
  for await (const chunk of request) body += chunk;
  return body;
}

function kindOf({ url, headers }: IncomingMessage): 'write' | 'query' | 'sqs' | 'sns' {
  if (url!.startsWith('/api/v2/write')) return 'write';
  if (url!.startsWith('/api/v3/query_sql')) return 'query';
  return headers['x-amz-target'] === undefined ? 'sns' : 'sqs';
}

const JSON_TYPE = 'application/json';

const ANSWERS: Record<ReturnType<typeof kindOf>, (edge: FarEdge, body: string) => [type: string, body: string]> = {
  write(edge, body) {
    for (const line of body.split('\n')) {
      const [key, fields, time] = line.split(/ (?=(?:[^"]*"[^"]*")*[^"]*$)/) as [string, string, string];
      const values = fields.split(/,(?=(?:[^"]*"[^"]*")*[^"]*$)/).map((field) => field.split('=') as [string, string]);
      const name = `${key} ${time}`;
      edge.points.set(name, { ...edge.points.get(name), ...Object.fromEntries(values) });
    }
    return [JSON_TYPE, ''];
  },
  query(edge, body) {
    const { q } = JSON.parse(body) as { q: string };
    edge.stateQueries.push(q);
    const rows = [...q.matchAll(/'([^']+)'/g)].flatMap(([, device]) => latestState(edge, device!));
    return [JSON_TYPE, JSON.stringify(rows)];
  },
  sqs(edge, body) {
    const { Entries } = JSON.parse(body) as { Entries: { Id: string; MessageBody: string }[] };
    const refused = Entries.filter(({ MessageBody }) => edge.refuses(MessageBody));
    for (const entry of Entries) if (!refused.includes(entry)) edge.letters.push(JSON.parse(entry.MessageBody));
    const Failed = refused.map(({ Id }) => ({ Id, Code: 'InternalError', SenderFault: false, Message: 'no' }));
    return ['application/x-amz-json-1.0', JSON.stringify({ Successful: [], Failed })];
  },
  sns(edge, body) {
    for (const [name, value] of new URLSearchParams(body))
      if (name.endsWith('.Message')) edge.alerts.push(JSON.parse(JSON.parse(value).default));
    const answer =
      '<PublishBatchResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishBatchResult><Successful/><Failed/></PublishBatchResult></PublishBatchResponse>';
    return ['text/xml', answer];
  },
};

function latestState({ points }: FarEdge, device: string): Record<string, unknown>[] {
  const prefix = `detector_state,device=${device} `;
  const times = [...points.keys()]
    .filter((key) => key.startsWith(prefix))
    .map((key) => Number(key.slice(prefix.length)));
  if (times.length === 0) return [];
  const row = points.get(`${prefix}${Math.max(...times)}`)!;
  const plain = Object.entries(row).map(([name, value]) => [
    name,
    value === 'true' || value === 'false' ? value === 'true' : Number(value.replace(/i$/, '')),
  ]);
  return [{ device, ...Object.fromEntries(plain) }];
}
