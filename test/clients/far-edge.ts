import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A server on loopback that keeps what it is sent. */
export interface FarEdge extends AsyncDisposable {
  readonly url: string;
  /**
   * Body of the first request to `url` that matches: of those that have come, or the next that does. Each is given once.
   *
   * @throws Error  none has come for half a minute
   */
  received(url: string, pattern: RegExp): Promise<string>;
}

interface Request {
  readonly path: string;
  readonly body: string;
}

interface Waiter {
  wants(request: Request): boolean;
  give(body: string): void;
}

export async function startFarEdge(): Promise<FarEdge> {
  const kept: Request[] = [];
  const waiters: Waiter[] = [];
  const take = (request: Request) => {
    const at = waiters.findIndex((waiter) => waiter.wants(request));
    if (at >= 0) waiters.splice(at, 1)[0]!.give(request.body);
    else kept.push(request);
  };
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request.setEncoding('utf8')) body += chunk;
    take({ path: request.url!, body });
    response.end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received: (url, pattern) => {
      const path = new URL(url).pathname;
      const wants = (request: Request) => request.path === path && pattern.test(request.body);
      const at = kept.findIndex(wants);
      if (at >= 0) return Promise.resolve(kept.splice(at, 1)[0]!.body);
      return new Promise((give, reject) => {
        waiters.push({ wants, give });
        const late = () => reject(new Error(`nothing has come to ${url} that is like ${pattern}`));
        AbortSignal.timeout(30_000).addEventListener('abort', late);
      });
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
