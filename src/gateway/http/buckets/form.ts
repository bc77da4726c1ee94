/*
 * Browsers' forms (multipart/form-data): the fields, then one file as a stream. What stands behind the file is not looked at, as by S3.
 *
 *     --BOUNDARY CRLF  headers CRLF CRLF  content CRLF  --BOUNDARY ... --BOUNDARY--
 *
 * @see RFC 7578, RFC 2046 section 5.1
 */
import { s3Error } from '../../../services/s3/index.ts';
import { HTTP_LIMITS } from '../limits.ts';

/** A form up to its file. */
export interface OpenedForm {
  /** By their names in lower case; of two of one name the first. */
  readonly fields: ReadonlyMap<string, string>;
  readonly file: {
    readonly name: string;
    readonly content: AsyncIterable<Uint8Array>;
  };
}

/** The boundary that a content type names. @throws DomainError `post-malformed` */
export function boundaryOf(contentType: string): string {
  const match = /;\s*boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))/i.exec(contentType);
  const boundary = match?.[1] ?? match?.[2];
  if (boundary) return boundary;
  throw malformed();
}

const HEAD_END = Buffer.from('\r\n\r\n');

/**
 * Reads the fields; the file's content is then read by the caller.
 * @throws DomainError `post-malformed`, `post-fields-too-large`, `argument-invalid`: there is no file
 */
export async function openForm(body: AsyncIterable<Uint8Array>, boundary: string): Promise<OpenedForm> {
  const source = new Source(body);
  // The first boundary may stand at the very beginning, where no line ends before it.
  source.unread(Buffer.from('\r\n'));
  const delimiter = Buffer.from(`\r\n--${boundary}`);
  await source.until(delimiter, HTTP_LIMITS.formFieldsBytesMax);
  const fields = new Map<string, string>();
  for (let left: number = HTTP_LIMITS.formFieldsBytesMax; ; ) {
    const end = await source.take(2);
    if (end.toString('latin1') === '--') {
      throw s3Error('argument-invalid', {
        message: 'POST requires exactly one file upload per request.',
        fields: { ArgumentName: 'file', ArgumentValue: '0' },
      });
    }
    if (end.toString('latin1') !== '\r\n') throw malformed();
    source.unread(end);
    const head = (await source.until(HEAD_END, left)).toString('utf8');
    const { name, fileName } = partOf(head);
    if (name.toLowerCase() === 'file') {
      return { fields, file: { name: fileName ?? '', content: source.stream(delimiter) } };
    }
    const value = await source.until(delimiter, left);
    left -= head.length + value.length;
    if (left < 0) throw tooLarge();
    const key = name.toLowerCase();
    if (!fields.has(key)) fields.set(key, value.toString('utf8'));
  }
}

function partOf(head: string): { name: string; fileName: string | undefined } {
  const headers = new Map(
    head
      .split('\r\n')
      .filter((line) => line.includes(':'))
      .map((line) => [line.slice(0, line.indexOf(':')).trim().toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
  );
  const disposition = headers.get('content-disposition') ?? '';
  const name = parameter(disposition, 'name');
  if (!/^form-data\s*;/i.test(disposition) || name === undefined) throw malformed();
  return { name, fileName: parameter(disposition, 'filename') };
}

/** Browsers write quotes and ends of lines in names as `%22`, `%0D%0A`. */
function parameter(disposition: string, wanted: string): string | undefined {
  const match = new RegExp(`;\\s*${wanted}=(?:"((?:[^"\\\\]|\\\\.)*)"|([^\\s;"]*))`, 'i').exec(disposition);
  if (!match) return undefined;
  return (match[1] ?? match[2] ?? '').replace(/\\(["\\])/g, '$1').replaceAll('%22', '"');
}

/** A body that is read piece by piece. */
class Source {
  readonly #iterator: AsyncIterator<Uint8Array>;
  #held: Buffer = Buffer.alloc(0);

  constructor(body: AsyncIterable<Uint8Array>) {
    this.#iterator = body[Symbol.asyncIterator]();
  }

  unread(bytes: Buffer): void {
    this.#held = Buffer.concat([bytes, this.#held]);
  }

  async take(count: number): Promise<Buffer> {
    while (this.#held.length < count) await this.#more();
    const taken = this.#held.subarray(0, count);
    this.#held = this.#held.subarray(count);
    return taken;
  }

  /** What stands before the mark, which is taken too. */
  async until(mark: Buffer, bytesMax: number): Promise<Buffer> {
    for (let from = 0; ; ) {
      const at = this.#held.indexOf(mark, from);
      if (at >= 0) {
        const before = this.#held.subarray(0, at);
        this.#held = this.#held.subarray(at + mark.length);
        return before;
      }
      if (this.#held.length > bytesMax) throw tooLarge();
      from = Math.max(0, this.#held.length - mark.length + 1);
      await this.#more();
    }
  }

  /** The same as a stream, and the rest of the body read and let go behind it. */
  async *stream(mark: Buffer): AsyncGenerator<Uint8Array> {
    for (;;) {
      const at = this.#held.indexOf(mark);
      if (at >= 0) {
        if (at > 0) yield this.#held.subarray(0, at);
        break;
      }
      // What may be the beginning of the mark waits for what follows.
      const certain = this.#held.length - mark.length + 1;
      if (certain > 0) {
        yield this.#held.subarray(0, certain);
        this.#held = this.#held.subarray(certain);
      }
      await this.#more();
    }
    let behind = 0;
    for (;;) {
      const { done, value } = await this.#iterator.next();
      if (done) return;
      behind += value.length;
      if (behind > HTTP_LIMITS.formFieldsBytesMax) throw malformed();
    }
  }

  async #more(): Promise<void> {
    const { done, value } = await this.#iterator.next();
    if (done) throw malformed();
    this.#held = this.#held.length === 0 ? Buffer.from(value) : Buffer.concat([this.#held, value]);
  }
}

function malformed() {
  return s3Error('post-malformed');
}

function tooLarge() {
  return s3Error('post-fields-too-large');
}
