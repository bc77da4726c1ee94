import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { TextMemo } from '../base/index.ts';
import type { Caller } from '../services/index.ts';
import type { CallRequest, CallResponse } from './call.ts';

/** A request over HTTP/1.1, or over HTTP/2 through Node's compatibility class, which has all that is used here. */
export type HttpRequest = IncomingMessage;

/** Its response, likewise. */
export type HttpResponse = ServerResponse;

/** A part of the port that speaks something else than AWS's protocols: health, metrics, console, time series. */
export interface ExtraRoute {
  /**
   * Paths that begin with it, whole segments: `/metrics` takes `/metrics` and `/metrics/x`, not `/metricsx`. One that ends with
   * `/` or `-` takes whatever follows.
   */
  readonly prefix: string;
  /** Takes only requests to such a host (without port); absent takes any. */
  readonly host?: Pick<RegExp, 'test'>;
  /** Whether functions reach it through the door of their sandbox; others are refused there (403). No unless said. */
  readonly forFunctions?: boolean;
  /** It says itself which pages of other sites may call it; of others all are refused in `dev`. No unless said. */
  readonly crossOrigin?: boolean;
  /** Takes only requests of which this says so, beside their path and host; it is asked at every request, and must be quick. */
  takes?(head: ClaimedHead): boolean;
  /**
   * Answers; what it throws becomes a 500. Bodies are not read yet, and no credentials were checked.
   * @param next  leaves the answer to the AWS APIs
   */
  handle(request: HttpRequest, response: HttpResponse, next: () => Promise<void>): void | Promise<void>;
  /** The same for plain requests, which Node's server has not read (decision 0082); absent leaves those to it too. */
  handlePlain?(request: CallRequest, response: CallResponse): void | Promise<void>;
}

/** What routes are chosen by. */
export type ClaimedHead = Pick<HttpRequest, 'url' | 'headers'> & { readonly method?: string | undefined };

/** Takes requests that ask to become WebSockets; those for other paths are answered as if they had not asked. */
export interface UpgradeRoute {
  readonly path: string;
  handle(request: HttpRequest, socket: Duplex, head: Buffer): void;
}

/**
 * Where devices come in: connections that another part of the node has accepted, and that reach the data plane of IoT alone, whatever
 * the mode of the port. Who has signed a call must prove it; who has not, is told by the door.
 */
export interface DeviceDoor {
  /** Who calls without a signature. @throws  an error of `iotdata` that says why nobody may */
  caller(request: HttpRequest): Promise<Caller>;
  /** A request to become a WebSocket. */
  upgrade(request: HttpRequest, socket: Duplex, head: Buffer): void;
}

/** The first route that claims the request. */
export function claimRoute(
  routes: readonly ExtraRoute[],
  path: string,
  host: string,
  head: ClaimedHead,
): ExtraRoute | undefined {
  for (const route of routes) {
    const { prefix } = route;
    if (!path.startsWith(prefix)) continue;
    const atSegment =
      prefix.endsWith('/') || prefix.endsWith('-') || path.length === prefix.length || path[prefix.length] === '/';
    if (!atSegment || (route.host !== undefined && !route.host.test(host))) continue;
    if (!route.takes || route.takes(head)) return route;
  }
  return undefined;
}

const UPGRADE_REASONS = { 400: 'Bad Request', 403: 'Forbidden', 404: 'Not Found', 503: 'Service Unavailable' } as const;

/**
 * Refuses a request to become a WebSocket. Nothing of HTTP looks after its socket any more, so that one whose peer does not close
 * would stay for ever: it is closed both ways.
 */
export function refuseUpgrade(socket: Duplex, status: keyof typeof UPGRADE_REASONS, message: string): void {
  const body = JSON.stringify({ message });
  socket.on('error', () => socket.destroy());
  socket.end(
    `HTTP/1.1 ${status} ${UPGRADE_REASONS[status]}\r\nconnection: close\r\ncontent-type: application/json\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    () => socket.destroy(),
  );
}

/** The `host` or `:authority` as it came, with port. */
export function authorityOf(request: Pick<HttpRequest, 'headers'>): string {
  const { headers } = request;
  return headers.host ?? (headers[':authority'] as string | undefined) ?? '';
}

/** The name without its port. */
export function hostName(authority: string): string {
  return hostNames.get(authority);
}

const hostNames = new TextMemo((authority) => /^(\[[^\]]*\]|[^:]*)/.exec(authority)![0].toLowerCase(), {
  entriesMax: 1000,
  charactersMax: 260,
});
