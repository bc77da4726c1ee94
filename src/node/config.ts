import type { Connection, SmtpOptions } from '../delivery/index.ts';
import type { SandboxEngine } from '../runtime/index.ts';
import type { BridgeRoute, ForeignBroker, TokenIssuer } from '../services/iot/index.ts';
import type { LogLevel } from '../telemetry/index.ts';
import type { AuditedEvents } from './auditing.ts';

/** What a node needs to know before it starts; checked by who makes it (the command line, a configuration file). */
export interface NodeConfig {
  /** Where everything durable lives; made when it is not there, and locked against a second node. */
  readonly dataDirectory: string;
  /** Address to listen on. MQTT in the clear stays on loopback whatever it says, unless {@link plainMqtt} says otherwise. */
  readonly host: string;
  /** Where the keys stand that secrets are sealed with on disk, and what the keys themselves are sealed with. */
  readonly encryption?: { readonly keyFile?: string; readonly passphrase?: string };
  /** 0 means any free TCP port; {@link Node.endpoint} tells which. */
  readonly httpPort: number;
  readonly mqttPort: number;
  /** Where MQTT in the clear may come from: this machine, or wherever the listener is reached from; `loopback` unless said. */
  readonly plainMqtt?: 'loopback' | 'any';
  /** MQTT over TLS; absent does not listen. */
  readonly mqttsPort?: number;
  /** What AWS has on 443 and 8443: over TLS, MQTT by ALPN, WebSockets, and publishing by HTTPS; absent does not listen. */
  readonly deviceHttpsPort?: number;
  /** Who the node is over TLS. Without files its own authority signs a certificate for this machine's names and those that are given. */
  readonly tls?: {
    /** PEM files; read again when they change. */
    readonly files?: { readonly cert: string; readonly key: string };
    /** Further DNS names and addresses that devices reach the node under. */
    readonly names?: readonly string[];
  };
  /** Addresses and networks of proxies that tell by PROXY protocol (version 2) where devices come from. */
  readonly proxies?: readonly string[];
  /** Limits of MQTT clients that differ from the gateway's own, by their names. */
  readonly mqttLimits?: Readonly<Record<string, number>>;
  /** Where MQTT 5 clients are told to go when the node stops, `host:port`. */
  readonly mqttSuccessor?: string;
  /** `dev` accepts any credentials on loopback; `secured` proves every caller. */
  readonly mode: 'dev' | 'secured';
  /** `off` holds nobody to the policies of users and roles, in `dev` only; `on` unless said. */
  readonly authorization?: 'on' | 'off';
  /** Which calls the audit log keeps, and in how many files; absent keeps none. */
  readonly audit?: { readonly events: AuditedEvents; readonly files: number };
  /** The release, for those who ask which it is. */
  readonly version?: string;
  readonly logLevel?: LogLevel;
  /** Keys of the account's root user; `secured` cannot start without. */
  readonly rootCredentials?: { readonly accessKeyId: string; readonly secretAccessKey: string };
  /** Base address of an OpenTelemetry collector (OTLP over HTTP) that gets the spans of sampled traces; absent sends none. */
  readonly tracesEndpoint?: string;
  /** The walls that functions run in; `auto`, the strongest that the machine runs, unless said. */
  readonly sandboxEngine?: SandboxEngine | 'auto';
  /** Blank environments kept ready of each runtime in use, 0 to 100; 2 in `dev`, else by memory and processors unless said. */
  readonly blankEnvironments?: number;
  /** HTTP targets: what may be called of this machine and its link, and authorities (PEM) that are trusted besides. */
  readonly webhooks?: { readonly allow: readonly string[]; readonly ca?: string };
  /** Mail server; without it mail waits in the outbox. */
  readonly smtp?: SmtpOptions;
  /** How HTTP targets are called that name a connection. */
  readonly connections?: readonly Connection[];
  /** Whose JSON Web Tokens devices may prove themselves with. */
  readonly tokenIssuers?: readonly TokenIssuer[];
  /** MQTT brokers of somebody else, and what is forwarded to and from them. */
  readonly foreign?: { readonly brokers: readonly ForeignBroker[]; readonly routes: readonly BridgeRoute[] };
  /** URLs that take what goes to phones: text messages, mobile push; and the base of links in notifications, without a `/` at its end. */
  readonly notifications?: { readonly sms?: string; readonly push?: string; readonly url?: string };
}

/** Where a listener is. */
export interface ListenerPlace {
  readonly host: string;
  readonly port: number;
}

/** A running node. Disposing drains it: gateways first, stores last. */
export interface Node extends AsyncDisposable {
  /** `http://127.0.0.1:4566` */
  readonly endpoint: string;
  readonly mqtt: ListenerPlace;
  /** The listeners over TLS, where there are any. */
  readonly mqtts?: ListenerPlace;
  readonly deviceHttps?: ListenerPlace;
  /**
   * Starts an environment of a function (`$LATEST`, in the default region) for a debugger to attach to: see
   * `runtime/inspection/`. Again after each change of the function. In `dev` only.
   *
   * @param port  TCP port of loopback
   * @throws function-not-found
   */
  inspect(functionName: string, port: number): Promise<void>;
}
