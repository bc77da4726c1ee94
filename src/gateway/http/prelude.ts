import { HTTP_LIMITS } from './limits.ts';
import { headerValue, preludeOf, ResponseMalformed, type UrlPrelude } from './response.ts';

/** What `HttpResponseStream` gives a stream as its type: metadata, eight zero bytes, then the body. */
const INTEGRATION_TYPE = 'application/vnd.awslambda.http-integration-response';
const DELIMITER = Buffer.alloc(8);
const STREAM_TYPE = 'application/octet-stream';

/** Finds where the body of a streamed response begins, as its pieces come. */
export class PreludeReader {
  #held: Buffer = Buffer.alloc(0);

  /**
   * @param contentType  as the handler has set it
   * @returns the prelude and the first of the body; `undefined` while more must come
   * @throws ResponseMalformed
   */
  take(contentType: string | undefined, chunk: Uint8Array): { prelude: UrlPrelude; rest: Uint8Array } | undefined {
    if (contentType !== INTEGRATION_TYPE) {
      // Nobody has looked at it: a handler writes it as it likes, and whoever has taken the function over any bytes.
      const type = headerValue('content-type', contentType ?? STREAM_TYPE);
      return { prelude: { status: 200, headers: new Map([['content-type', type]]) }, rest: chunk };
    }
    this.#held = Buffer.concat([this.#held, chunk]);
    const end = this.#held.indexOf(DELIMITER);
    if (end < 0 && this.#held.length <= HTTP_LIMITS.preludeBytesMax) return undefined;
    if (end < 0 || end > HTTP_LIMITS.preludeBytesMax) throw new ResponseMalformed('its metadata has no end');
    const prelude = preludeOf(json(this.#held.toString('utf8', 0, end)), STREAM_TYPE);
    return { prelude, rest: this.#held.subarray(end + DELIMITER.length) };
  }
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new ResponseMalformed('its metadata is no JSON');
  }
}
