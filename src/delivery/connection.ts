/** How an HTTP target is called, by the name that deliveries give in `attributes.connection`. Secrets are never in rows. */
export interface Connection {
  readonly name: string;
  readonly authorization: Authorization;
  /** Requests a second, all targets of the connection together: 0.1 to 10,000. Unlimited unless given. */
  readonly requestsPerSecond?: number;
}

export type Authorization =
  | { readonly kind: 'none' }
  | { readonly kind: 'basic'; readonly user: string; readonly password: string }
  /** @param header  for example `x-api-key` */
  | { readonly kind: 'api-key'; readonly header: string; readonly value: string }
  /** Client credentials (RFC 6749, 4.4), with the client's secret in HTTP Basic. */
  | {
      readonly kind: 'oauth';
      readonly tokenUrl: string;
      readonly clientId: string;
      readonly clientSecret: string;
      /** Scopes, separated by spaces. */
      readonly scope?: string;
    };

/** The port through which the outbox asks for connections: the node's settings now, EventBridge's later. */
export type Connections = (name: string) => Connection | undefined;

/**
 * Decides whether the node may call an address. Asked with each address that a name resolves to, just before it is connected
 * to, so that a name that changes in between does not help.
 */
export interface EgressGuard {
  /**
   * @param host  as the URL spells it
   * @param address  IPv4 or IPv6
   * @returns why it must not be called; `undefined` when it may
   */
  refuse(host: string, address: string, port: number): string | undefined;
}

/** The mail server that `mailto:` deliveries go through. */
export interface SmtpOptions {
  readonly host: string;
  readonly port: number;
  /** `starttls`: begun in plain and refused where the server does not offer it; `tls`: from the first byte; `none`: in plain. */
  readonly security: 'starttls' | 'tls' | 'none';
  readonly user?: string;
  readonly password?: string;
  /** Address of the sender: `Millrace <alerts@example.com>`. */
  readonly from: string;
  /** Certificates of authorities in PEM that are trusted besides the system's. */
  readonly ca?: string;
}
