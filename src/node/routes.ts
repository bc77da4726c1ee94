import type { Metrics } from '../telemetry/index.ts';
import type { ExtraRoute } from '../wire/index.ts';
import type { Node } from './config.ts';

/** What anyone may ask: whether the node is there. */
export const healthRoute: ExtraRoute = answer('/_millrace/health', 'application/json', () => '{"status":"ok"}');

/** What the node says about itself beside the AWS APIs: where it listens, metrics. */
export function nodeRoutes(node: () => Pick<Node, 'endpoint' | 'mqtt'>, metrics: Metrics): readonly ExtraRoute[] {
  return [
    answer('/_millrace/endpoints', 'application/json', () => {
      const { endpoint, mqtt } = node();
      return JSON.stringify({ http: endpoint, mqtt });
    }),
    answer('/metrics', 'text/plain; version=0.0.4; charset=utf-8', () => metrics.render()),
  ];
}

function answer(prefix: string, type: string, body: () => string): ExtraRoute {
  return {
    prefix,
    handle: (request, response) => {
      if (request.method !== 'GET' && request.method !== 'HEAD') {
        response.writeHead(405, { allow: 'GET, HEAD' }).end();
        return;
      }
      response.writeHead(200, { 'content-type': type, 'cache-control': 'no-store' }).end(body());
    },
  };
}
