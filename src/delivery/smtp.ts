import type { Transporter } from 'nodemailer';
import { DomainError, messageOf } from '../base/index.ts';
import type { SmtpOptions } from './connection.ts';
import type { Delivery, Target, TargetOptions } from './delivery.ts';

/** Numbers of the mail target (S5). */
export const SMTP_LIMITS = {
  connectionsMax: 4,
  /** Messages over one connection before it is closed. */
  messagesPerConnectionMax: 100,
  connectMsMax: 10_000,
  /** Without a byte from the server. */
  silenceMsMax: 30_000,
  /** Characters of a subject; what is longer is cut. */
  subjectMax: 200,
  /** Of an address: local part and domain. */
  addressMax: 320,
} as const;

/**
 * Sends deliveries as mail through one server, over a few connections that are kept.
 *
 * What the server refuses for good (5xx to a recipient or a message) is given up; 4xx, a server that is away, and one that does
 * not let us in are tried again: an operator can put the last right.
 */
export class SmtpTarget implements Target, Disposable {
  /**
   * All addresses share the server, and so the edge. One mail for each connection: one that waits for a connection would use up its
   * attempt by that.
   */
  static readonly options: TargetOptions = {
    concurrencyMax: SMTP_LIMITS.connectionsMax,
    edge: 'mailto:',
  };
  readonly attemptMsMax = 2 * SMTP_LIMITS.silenceMsMax;
  readonly #options: SmtpOptions | undefined;
  #transporter: Promise<Transporter> | undefined;

  constructor(options: SmtpOptions | undefined) {
    this.#options = options;
  }

  async deliver(delivery: Delivery, _attempt: number, signal: AbortSignal): Promise<void> {
    const address = readAddress(delivery.arn);
    if (!this.#options) {
      const fields = { unavailable: true };
      const message = 'no mail server is configured: set smtp.host and smtp.from in millrace.yaml';
      throw new DomainError('smtp-not-configured', message, { remedy: 'retry', fields });
    }
    this.#transporter ??= connect(this.#options);
    const transporter = await this.#transporter;
    try {
      // A server that trickles its answers is never silent: at the end of the attempt its connection is closed.
      await transporter.sendMail({ ...mailOf(delivery, address, this.#options.from), signal });
    } catch (error) {
      throw readable(error);
    }
  }

  [Symbol.dispose](): void {
    void this.#transporter?.then(
      (transporter) => transporter.close(),
      () => {},
    );
  }
}

/** Loaded when there is mail: most nodes send none. */
async function connect({ host, port, security, user, password, ca }: SmtpOptions): Promise<Transporter> {
  const { createTransport } = await import('nodemailer');
  return createTransport({
    pool: true,
    maxConnections: SMTP_LIMITS.connectionsMax,
    maxMessages: SMTP_LIMITS.messagesPerConnectionMax,
    host,
    port,
    secure: security === 'tls',
    requireTLS: security === 'starttls',
    ignoreTLS: security === 'none',
    ...(user !== undefined && { auth: { user, pass: password ?? '' } }),
    ...(ca !== undefined && { tls: { ca } }),
    connectionTimeout: SMTP_LIMITS.connectMsMax,
    greetingTimeout: SMTP_LIMITS.connectMsMax,
    socketTimeout: SMTP_LIMITS.silenceMsMax,
    // What comes from messages must never name files or addresses to be read.
    disableFileAccess: true,
    disableUrlAccess: true,
  });
}

function mailOf(delivery: Delivery, address: string, from: string) {
  const { subject, contentType = 'text/plain', from: given, fromName } = (delivery.attributes ?? {}) as MailAttributes;
  const text = Buffer.from(delivery.payload).toString();
  const sender = given === undefined ? from : line(given, SMTP_LIMITS.addressMax);
  return {
    from: fromName === undefined ? sender : { name: line(fromName, SMTP_LIMITS.subjectMax), address: bare(sender) },
    to: { name: '', address },
    subject: line(subject ?? '', SMTP_LIMITS.subjectMax),
    // The same at every attempt, so that a mailbox can tell a repetition.
    ...(delivery.id !== undefined && { messageId: `<${delivery.id}.${delivery.trace.traceId}@millrace>` }),
    headers: { 'Auto-Submitted': 'auto-generated' },
    ...(contentType.startsWith('text/html') ? { html: text } : { text }),
  };
}

interface MailAttributes {
  readonly subject?: string;
  readonly contentType?: string;
  readonly from?: string;
  /** Name of the sender, where the address stays that of the node. */
  readonly fromName?: string;
}

/** The address in `Name <address>`. */
function bare(sender: string): string {
  return /<([^<>]*)>\s*$/.exec(sender)?.[1] ?? sender;
}

/** One line, whatever comes: a line break would begin another header. */
function line(text: string, lengthMax: number): string {
  return String(text)
    .replace(/[\p{Cc}\u2028\u2029]+/gu, ' ')
    .trim()
    .slice(0, lengthMax);
}

/** One address and nothing else: no list, no comment, no control character. */
function readAddress(arn: string): string {
  const address = decoded(arn.slice('mailto:'.length));
  const isOne = /^[^\s@<>(),;:"[\]\\\p{Cc}]+@[^\s@<>(),;:"\\\p{Cc}]+$/u.test(address);
  if (isOne && address.length <= SMTP_LIMITS.addressMax) return address;
  throw new DomainError('address-invalid', `${JSON.stringify(address.slice(0, 100))} is no mail address`);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

interface SmtpFailure {
  readonly code?: string;
  readonly responseCode?: number;
}

/** Answers to a message or its envelope are about the message; all else is about the server. */
function readable(error: unknown): DomainError {
  const { code, responseCode = 0 } = error as SmtpFailure;
  const message = messageOf(error).slice(0, 500);
  const isAboutMail = code === 'EENVELOPE' || code === 'EMESSAGE';
  if (isAboutMail && responseCode >= 500) return new DomainError('smtp-rejected', message, { cause: error });
  if (isAboutMail && responseCode >= 400 && responseCode !== 421) {
    return new DomainError('smtp-deferred', message, { remedy: 'retry', cause: error });
  }
  const name = code === 'EAUTH' ? 'smtp-not-authenticated' : 'smtp-unreachable';
  return new DomainError(name, message, { remedy: 'retry', fields: { unavailable: true }, cause: error });
}
