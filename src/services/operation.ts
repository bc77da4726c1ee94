import type { TraceContext } from '../telemetry/index.ts';

/** Who calls, as the wire has established it from the signature. */
export interface Caller {
  readonly accountId: string;
  /** `arn:aws:iam::000000000000:root`, a user, or an assumed role session. */
  readonly arn: string;
  /** Absent where `dev` lets an unsigned request through. */
  readonly accessKeyId?: string;
  /** Nobody has signed the request: `dev` let it through, or the operation is {@link Service.open}. */
  readonly unsigned?: true;
  /** A device that has proved who it is with its certificate or a token, and has signed nothing: what it may publish. */
  readonly device?: DeviceCaller;
  /** What the temporary credentials were given with; absent for keys that last. */
  readonly session?: CallerSession;
  /** Another service of this node calls, in its own name. */
  readonly service?: ServiceCaller;
}

/** Temporary credentials as policies see them. */
export interface CallerSession {
  readonly kind: 'role' | 'user' | 'federated-user';
  /** Whose policies count: ARN of a role or a user, with its path. */
  readonly principalArn: string;
  /** `AROA...:session`, `AIDA...`, `ACCOUNT:name`. */
  readonly userId: string;
  /** Epoch milliseconds; absent for a role that a service of this node takes on for what it does now. */
  readonly issuedAt?: number;
  /** Documents that limit the session; absent does not limit. */
  readonly policies?: readonly string[];
  readonly tags?: Readonly<Record<string, string>>;
  /** Those of {@link tags} that a session which is made of this one keeps. */
  readonly transitiveTags?: readonly string[];
  readonly sourceIdentity?: string;
  /** The identity provider whose token was shown: an ARN, or a host name. */
  readonly federatedProvider?: string;
}

/** A service that acts for one of its resources: what `aws:SourceArn` of resource policies is compared with. */
export interface ServiceCaller {
  /** `sns.amazonaws.com` */
  readonly principal: string;
  readonly sourceArn: string;
}

/** What a device may do over HTTPS. */
export interface DeviceCaller {
  /** Certificate id, user name ...: what `principal()` of rules gives. */
  readonly principal: string | undefined;
  mayPublish(topic: string): boolean;
  /** Beside {@link mayPublish}, for a message with the retain flag. */
  mayRetain(topic: string): boolean;
}

/** What is known of a request beside who has signed it. */
export interface CallOrigin {
  readonly sourceIp: string;
  /** Nobody listens on the way. */
  readonly isEncrypted: boolean;
  readonly userAgent: string | undefined;
  readonly referer: string | undefined;
}

/** What an operation knows beside its input. */
export interface OperationContext {
  /** Goes out in the answer and into every log line about it. */
  readonly requestId: string;
  /** From the credential scope; DESIGN §7. */
  readonly region: string;
  readonly caller: Caller;
  /** Address that the call came from; absent for calls within the node, and out of sandboxes, whose door has none. */
  readonly sourceIp?: string | undefined;
  /** The same and more of the request, as conditions of policies may ask; absent for calls within the node. */
  readonly origin?: CallOrigin | undefined;
  /** How the client reached us, `http://host:port`: the base of URLs in answers (queue URLs). */
  readonly endpoint: string;
  /** Fires when the client goes away or the node drains: long polls and streams end. */
  readonly signal: AbortSignal;
  readonly trace: TraceContext;
  /** Entries that are not to be carried out, of operations whose rights are asked for entry by entry ({@link Permission.entry}). */
  readonly refusedEntries?: ReadonlyMap<EntryKey, RefusedEntry> | undefined;
  /** `X-Amzn-Trace-Id` of a caller that is a function's invocation: it tells which functions have run; absent otherwise. */
  readonly lineageHeader?: string | undefined;
}

/** A streaming blob as the wire gives it, where it is not there whole. */
export interface StreamedBody extends AsyncIterable<Uint8Array> {
  /** What the head says will follow the body, in lower case. */
  readonly trailerNames: readonly string[];
  /** What did follow it, once it has ended. */
  readonly trailers: ReadonlyMap<string, string>;
  /** Tells that a piece is needed no longer: its memory is given back at once, and no collection waited for. */
  release(piece: Uint8Array): void;
}

/**
 * One operation of a service. Input and output have the member names of AWS's model: blobs are `Uint8Array`, timestamps
 * `Date`, longs `number`, streaming blobs {@link StreamedBody} or, when they are short, `Uint8Array`, event streams `AsyncIterable` of one-member unions.
 * The wire has checked the input against the model's constraints before it calls.
 *
 * Types may be taken from AWS's clients (`import type { PutRecordInput } from '@aws-sdk/client-kinesis'`).
 */
export type Operation<Input = any, Output = any> = (
  input: Input,
  context: OperationContext,
) => Promise<Output> | Output;

/** One right that a call needs: an action on resources, as the Service Authorization Reference lists them. */
export interface Permission {
  /** `s3:GetObject`. */
  readonly action: string;
  /** ARNs, or `['*']` for actions without resource types; every one of them must be allowed. */
  readonly resources: readonly string[];
  /**
   * Condition keys of this call (`s3:prefix`), beside the global ones that the decider adds: `aws:SourceIp`,
   * `aws:PrincipalArn`, `aws:username`, `aws:CurrentTime`, `aws:SecureTransport` and so on.
   */
  readonly context?: Readonly<Record<string, string | readonly string[]>>;
  /** JSON text of the policy that is attached to the resource. */
  readonly resourcePolicy?: string;
  /**
   * The entry of a batch that needs it: where it is refused, that entry alone is, and the operation answers for it
   * ({@link OperationContext.refusedEntries}). Absent: the whole call is.
   */
  readonly entry?: EntryKey;
}

/** How an operation knows the entries of a batch: their place, or what they name. */
export type EntryKey = string | number;

/** What is said to the caller of an entry that policies refuse. */
export interface RefusedEntry {
  readonly message: string;
}

/** Where a call goes: the parts of ARNs that its input does not name. */
export interface CallPlace {
  readonly region: string;
  readonly accountId: string;
  /** Who calls: for operations that mean the caller where they name nobody. */
  readonly caller?: Caller;
}

/**
 * The rights that one call of an operation needs, from its decoded input; none where AWS asks for none. What the input names
 * wrongly (a queue that does not exist) is the operation's to refuse: give the ARN that it would have.
 */
export type PermissionsOf<Input = any> = (
  input: Input,
  place: CallPlace,
) => readonly Permission[] | Promise<readonly Permission[]>;

/** How one wire API answers one domain error: the code clients match on, and the HTTP status. */
export interface WireAnswer {
  readonly type: string;
  readonly status: number;
}

/** A service as the wire sees it. */
export interface Service {
  /** Key of its schema table, the folder's name: `kinesis`, `lambda`, `iot`, ... */
  readonly name: string;
  /** Built operations by their AWS name; what is missing answers 501 `NotImplemented`. */
  readonly operations: Readonly<Record<string, Operation>>;
  /** What each of {@link operations} needs the right to; kept in the service's `permissions.ts`. */
  readonly permissions?: Readonly<Record<string, PermissionsOf>>;
  /** Operations that a link may call, by GET and without a signature: what they are given proves enough. */
  readonly open?: ReadonlySet<string>;
  /** Callers who have signed nothing are decided on too: a policy of the resource may let anybody in. */
  readonly anonymous?: true;
  /** Operations of the query protocol that nobody signs: what they are given proves who calls. */
  readonly unsigned?: ReadonlySet<string>;
  /** Bodies that AWS answers with though the model knows no output: members of a JSON object, by operation. */
  readonly receipts?: Readonly<Record<string, (requestId: string) => Readonly<Record<string, string>>>>;
  /** Total over the domain's error codes; an error without an entry is an internal failure (500). */
  readonly errors: Readonly<Record<string, WireAnswer>>;
}
