import { type Clock, DomainError } from '../base/index.ts';
import type { Outgoing } from './outgoing.ts';

/** Numbers of small documents that are read from other servers: discovery, key sets (S5). */
export const DOCUMENT_LIMITS = {
  /** From the beginning of the call to the end of the answer. */
  answerMsMax: 1_500,
  bytesMax: 64 * 1024,
} as const;

/**
 * Reads a small document by GET; follows no redirect.
 * @throws  nobody answers, or not in time; DomainError `egress-refused`, `document-too-large`
 */
export async function readDocument(
  outgoing: Outgoing,
  clock: Clock,
  url: URL,
): Promise<{ readonly status: number; readonly text: string }> {
  const late = new AbortController();
  const timer = clock.timer(DOCUMENT_LIMITS.answerMsMax, () => late.abort());
  try {
    return await new Promise((resolve, reject) => {
      const options = { method: 'GET', headers: { accept: 'application/json' }, signal: late.signal };
      const request = outgoing.request(url, options, (response) => {
        wholeText(response).then((text) => resolve({ status: response.statusCode ?? 0, text }), reject);
      });
      request.on('error', reject);
      request.end();
    });
  } finally {
    timer.cancel();
  }
}

async function wholeText(response: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response) {
    length += chunk.length;
    if (length > DOCUMENT_LIMITS.bytesMax) throw new DomainError('document-too-large', 'the document is too large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, length).toString();
}
