import { type ExtraRoute, foreignTo, type HttpRequest, isLoopbackPeer } from '../wire/index.ts';

/**
 * A route that has no login yet, for this machine only. What a request says of itself can close the route and never opens it:
 * one that a proxy passes on comes from somewhere else, and so does one of another site's page.
 */
export function localOnly({ handlePlain: _plain, ...route }: ExtraRoute): ExtraRoute {
  return {
    ...route,
    handle: (request, response, next) => {
      const refusal = refusalOf(request);
      if (refusal === undefined) return route.handle(request, response, next);
      const body = JSON.stringify({ message: refusal });
      response.writeHead(403, { 'content-type': 'application/json', 'cache-control': 'no-store' }).end(body);
      request.resume();
    },
  };
}

/** Why a request is not one of this machine's own; `undefined` when it is. */
function refusalOf(request: HttpRequest): string | undefined {
  if (isFromHere(request)) return foreignTo(request);
  return 'This path is served to loopback clients only: it has no login yet. Connect from the machine of the node.';
}

/** The peer is on this machine, and says of no other that it passes the request on for it. */
export function isFromHere({ headers, socket }: HttpRequest): boolean {
  const passedOn = headers.forwarded ?? headers['x-forwarded-for'] ?? headers['x-real-ip'];
  return isLoopbackPeer(socket.remoteAddress) && passedOn === undefined;
}
