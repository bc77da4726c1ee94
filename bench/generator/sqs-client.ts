import { createHash, createHmac } from 'node:crypto';
import { connect, type Socket } from 'node:net';

/** Credentials that the node under test knows. */
export const KEY = { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secret: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' };

/** A lean SQS client: one connection, one call at a time, each signed with SigV4. */
export class SqsClient {
  readonly #socket: Socket;
  readonly #host: string;
  #received: Buffer = Buffer.alloc(0);
  #waiting: PromiseWithResolvers<any> | undefined;

  private constructor(socket: Socket, host: string) {
    this.#socket = socket;
    this.#host = host;
    socket.setNoDelay(true);
    socket.on('data', (chunk) => this.#receive(chunk));
    socket.on('error', (error) => this.#waiting?.reject(error));
  }

  static async connect(port: number): Promise<SqsClient> {
    const socket = connect(port, '127.0.0.1');
    await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    return new SqsClient(socket, `127.0.0.1:${port}`);
  }

  /** One call of the JSON protocol. @throws Error with the answer, where it is not 200 */
  call(operation: string, input: object): Promise<any> {
    this.#waiting = Promise.withResolvers();
    this.#socket.write(signed(this.#host, operation, JSON.stringify(input)));
    return this.#waiting.promise;
  }

  close(): void {
    this.#socket.destroy();
  }

  #receive(chunk: Buffer): void {
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
    const head = this.#received.indexOf('\r\n\r\n');
    if (head < 0) return;
    const headText = this.#received.toString('latin1', 0, head);
    const length = Number(/\r\ncontent-length: (\d+)/i.exec(headText)?.[1]);
    if (this.#received.length < head + 4 + length) return;
    const body = this.#received.toString('utf8', head + 4, head + 4 + length);
    this.#received = Buffer.alloc(0);
    if (headText.startsWith('HTTP/1.1 200')) this.#waiting!.resolve(JSON.parse(body));
    else this.#waiting!.reject(new Error(`${headText}\n${body}`));
  }
}

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
const mac = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text).digest();
const keys = new Map<string, Buffer>();

function signed(host: string, operation: string, body: string): string {
  const at = `${new Date().toISOString().slice(0, 19).replace(/[-:]/g, '')}Z`;
  const target = `AmazonSQS.${operation}`;
  const names = 'content-type;host;x-amz-date;x-amz-target';
  const headers = `content-type:application/x-amz-json-1.0\nhost:${host}\nx-amz-date:${at}\nx-amz-target:${target}\n`;
  const canonical = `POST\n/\n\n${headers}\n${names}\n${sha256(body)}`;
  const scope = `${at.slice(0, 8)}/us-east-1/sqs/aws4_request`;
  const signature = mac(signingKey(scope), `AWS4-HMAC-SHA256\n${at}\n${scope}\n${sha256(canonical)}`).toString('hex');
  const authorization = `AWS4-HMAC-SHA256 Credential=${KEY.accessKeyId}/${scope}, SignedHeaders=${names}, Signature=${signature}`;
  return (
    `POST / HTTP/1.1\r\nhost: ${host}\r\ncontent-type: application/x-amz-json-1.0\r\nx-amz-date: ${at}\r\n` +
    `x-amz-target: ${target}\r\nauthorization: ${authorization}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
  );
}

function signingKey(scope: string): Buffer {
  const found = keys.get(scope) ?? (scope.split('/').reduce<string | Buffer>(mac, `AWS4${KEY.secret}`) as Buffer);
  keys.set(scope, found);
  return found;
}
