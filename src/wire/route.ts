/* Which service and operation a request is for (DESIGN §6), before anything is proven or read but the head. */
import { TextMemo } from '../base/index.ts';
import type { AwsProtocol } from '../codec/aws/index.ts';
import { serviceCatalog } from '../schemas/index.ts';
import { hostName } from './http.ts';

/** The head of a request. */
export interface RequestHead {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly authority: string;
}

/** Where a request goes. `operation` is open where the path or the form tells it later. */
export type Destination =
  | {
      readonly kind: 'service';
      readonly service: string;
      readonly protocol: AwsProtocol;
      readonly operation?: string;
      /** The path as the service's URIs have it, when it stood behind a prefix or the bucket in the host. */
      readonly path: string;
    }
  /** A form whose `Version` and `Action` tell. */
  | { readonly kind: 'form' }
  /** A service that AWS has and we have no table of. */
  | { readonly kind: 'unknown'; readonly service: string; readonly operation?: string; readonly protocol: AwsProtocol };

interface Index {
  /** By what stands before the dot of `X-Amz-Target`, which is also the service's name in rpcv2Cbor paths. */
  readonly byTarget: ReadonlyMap<string, string>;
  readonly bySigningName: ReadonlyMap<string, readonly string[]>;
  readonly byVersion: ReadonlyMap<string, string>;
}

let made: Index | undefined;

function index(): Index {
  made ??= makeIndex();
  return made;
}

function makeIndex(): Index {
  const byTarget = new Map<string, string>();
  const bySigningName = new Map<string, string[]>();
  const byVersion = new Map<string, string>();
  for (const [name, entry] of Object.entries(serviceCatalog())) {
    byTarget.set(entry.target, name);
    bySigningName.set(entry.signingName, [...(bySigningName.get(entry.signingName) ?? []), name]);
    if (entry.protocols.includes('awsQuery')) byVersion.set(entry.apiVersion, name);
  }
  return { byTarget, bySigningName, byVersion };
}

const CBOR_PATH = /\/service\/([^/]+)\/operation\/([^/]+)$/;

/** Finds the destination of a request; there always is one, S3 where nothing else fits. */
export function findDestination(head: RequestHead): Destination {
  return (
    byCborPath(head) ??
    byTarget(head) ??
    byScope(head) ??
    // Forms go to `/` or a queue; what looks like one elsewhere is a payload that `curl -d` has sent.
    byPath(head) ??
    byForm(head) ??
    toRest('s3', s3Path(head))
  );
}

/**
 * The destination of a request that has come by a door for devices, by its path alone: what they publish may look like a form (`curl -d`).
 * Devices write `/topics/a/b` where the model has one segment, `/topics/a%2Fb`; AWS takes both.
 */
export function findDeviceDestination({ path }: RequestHead): Destination | undefined {
  if (!IOT_DATA_PATH.test(path)) return undefined;
  const [, first, ...levels] = path.split('/');
  return toRest('iotdata', first === 'topics' ? `/topics/${levels.join('%2F')}` : path);
}

/** Actions of links that AWS sends out without a version. */
const LINKS: ReadonlyMap<string, string> = new Map([
  ['ConfirmSubscription', 'sns'],
  ['Unsubscribe', 'sns'],
]);

/** The service and operation of a form, for requests that only that tells. */
export function findFormDestination(fields: ReadonlyMap<string, string>, head: RequestHead): Destination {
  const operation = fields.get('Action');
  const service = index().byVersion.get(fields.get('Version') ?? '') ?? LINKS.get(operation ?? '');
  if (service)
    return { kind: 'service', service, protocol: 'awsQuery', path: head.path, ...(operation ? { operation } : {}) };
  return { kind: 'unknown', service: 'the service', protocol: 'awsQuery', ...(operation ? { operation } : {}) };
}

function byCborPath({ path, headers }: RequestHead): Destination | undefined {
  if (headers['smithy-protocol'] !== 'rpc-v2-cbor') return undefined;
  const match = CBOR_PATH.exec(path);
  if (!match) return undefined;
  const [, target, operation] = match as unknown as [string, string, string];
  const service = speaking('rpcv2', target);
  if (!service) return { kind: 'unknown', service: target, operation, protocol: 'rpcv2Cbor' };
  return { kind: 'service', service, operation, protocol: 'rpcv2Cbor', path };
}

/** The service of a target, when it speaks a protocol of that family: what others answer is not made to be written in it. */
function speaking(family: string, target: string): string | undefined {
  const service = index().byTarget.get(target);
  return service && serviceCatalog()[service]!.protocols.some((protocol) => protocol.startsWith(family))
    ? service
    : undefined;
}

function byTarget({ headers, path }: RequestHead): Destination | undefined {
  const target = headers['x-amz-target'];
  if (typeof target !== 'string') return undefined;
  const contentType = headers['content-type'];
  const protocol = typeof contentType === 'string' && contentType.includes('json-1.0') ? 'awsJson1_0' : 'awsJson1_1';
  const { kind, service, operation } = targets.get(target);
  return kind === 'unknown' ? { kind, service, operation, protocol } : { kind, service, operation, protocol, path };
}

/** What is meant by `X-Amz-Target`: `DynamoDB_20120810.PutItem`. */
const targets = new TextMemo(
  (target) => {
    const dot = target.lastIndexOf('.');
    const operation = target.slice(dot + 1);
    const named = target.slice(0, Math.max(dot, 0));
    const service = speaking('awsJson', named);
    return service
      ? ({ kind: 'service', service, operation } as const)
      : ({ kind: 'unknown', service: named, operation } as const);
  },
  { entriesMax: 1000, charactersMax: 200 },
);

function byScope(head: RequestHead): Destination | undefined {
  const signingName = signedFor(head);
  if (signingName === undefined) return undefined;
  const services = index().bySigningName.get(signingName);
  if (!services) return { kind: 'unknown', service: signingName, protocol: hasForm(head) ? 'awsQuery' : 'awsJson1_1' };
  const service =
    services.length === 1 && signingName !== 'execute-api' ? services[0]! : amongScope(head, signingName, services);
  const { protocols } = serviceCatalog()[service]!;
  if (protocols.includes('awsQuery')) return { kind: 'service', service, protocol: 'awsQuery', path: head.path };
  if (service === 's3') return toRest('s3', s3Path(head));
  if (service === 'apigatewaymanagementapi') return toRest(service, connectionsPath(head.path));
  return toRest(service, head.path);
}

/** Several services share a signing name: the path tells which is meant. */
function amongScope({ path }: RequestHead, signingName: string, services: readonly string[]): string {
  if (signingName === 'execute-api') {
    if (path.includes('/@connections/')) return 'apigatewaymanagementapi';
    // Both planes of IoT may be signed so: botocore signs the control plane with it, the JS client the data plane.
    return IOT_DATA_PATH.test(path) ? 'iotdata' : 'iot';
  }
  if (signingName === 'apigateway') return path.startsWith('/v2/') ? 'apigatewayv2' : 'apigateway';
  return services[0]!;
}

function byForm(head: RequestHead): Destination | undefined {
  return hasForm(head) ? { kind: 'form' } : undefined;
}

function hasForm({ method, path, query, headers }: RequestHead): boolean {
  const contentType = headers['content-type'];
  if (method === 'POST' && typeof contentType === 'string')
    return contentType.startsWith('application/x-www-form-urlencoded');
  return method === 'GET' && /(^|&)Action=/.test(query) && (path === '/' || QUEUE_URL.test(path));
}

const QUEUE_URL = /^\/\d{12}\/[^/]+\/?$/;

const IOT_DATA_PATH = /^\/(topics|retainedMessage)(\/|$)|^\/things\/[^/]+\/shadow$|^\/api\/things\/shadow\//;

/** Paths that only one service has, for requests without a signature. */
const PATHS: readonly (readonly [pattern: RegExp, service: string])[] = [
  [/^\/20\d\d-\d\d-\d\d\//, 'lambda'],
  [/\/@connections\/[^/]/, 'apigatewaymanagementapi'],
  [IOT_DATA_PATH, 'iotdata'],
  [/^\/schedule(s|-groups)(\/|$)/, 'scheduler'],
  [/^\/v2\/(apis|domainnames|vpclinks)(\/|$)/, 'apigatewayv2'],
  [/^\/restapis(\/|$)/, 'apigateway'],
];

function byPath(head: RequestHead): Destination | undefined {
  const found = PATHS.find(([pattern]) => pattern.test(head.path));
  if (!found) return undefined;
  return toRest(found[1], found[1] === 'apigatewaymanagementapi' ? connectionsPath(head.path) : head.path);
}

function toRest(service: string, path: string): Destination {
  return { kind: 'service', service, protocol: serviceCatalog()[service]!.protocols[0]!, path };
}

/** The management API of a WebSocket stage stands behind the stage's own path. */
function connectionsPath(path: string): string {
  return path.slice(Math.max(path.indexOf('/@connections'), 0));
}

/** Hosts whose first part is a bucket: `b.localhost`, `b.s3.localhost`, `b.s3.us-east-1.amazonaws.com`. */
const BUCKET_HOST = /^(.+?)\.(?:s3[.-](?:[a-z0-9-]+\.)*)?(?:localhost|localhost\.localstack\.cloud|amazonaws\.com)$/;

/** Longest name of a host (RFC 1035): the pattern above takes its time with longer ones. */
const HOST_NAME_MAX = 253;

/** The path with the bucket in front, wherever it was. */
function s3Path({ path, authority }: RequestHead): string {
  const host = hostName(authority);
  const bucket = host.length > HOST_NAME_MAX ? undefined : BUCKET_HOST.exec(host)?.[1];
  if (bucket === undefined || /^s3([.-]|$)/.test(bucket)) return path;
  return `/${bucket}${path === '/' ? '' : path}`;
}

/** The signing name in the credential scope, as a hint for routing; nothing is proven by it. */
function signedFor({ headers, query }: RequestHead): string | undefined {
  const { authorization } = headers;
  const text =
    typeof authorization === 'string' ? authorization : query.includes('X-Amz-Credential=') ? safeDecode(query) : '';
  return /Credential=[^/\s,=]+\/\d{8}\/[^/\s,]*\/([^/\s,]+)\/aws4_request/.exec(text)?.[1];
}

function safeDecode(text: string): string {
  return text.replaceAll('%2F', '/').replaceAll('%2f', '/');
}
