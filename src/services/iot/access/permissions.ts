import type { Dated } from '../../../base/index.ts';
import type { DeviceAction } from '../policies/document.ts';
import { CompiledPolicies, type EffectivePolicy, type PolicyContext } from '../policies/evaluate.ts';
import type { ClientPermissions, LastingProof, PermissionsListener } from './access.ts';
import { ClientContext, type ClientFacts, thingOfClient } from './context.ts';
import type { Identity } from './identity.ts';
import type { LiveClients } from './live.ts';
import type { AttachedThing } from './ports.ts';

/** Where the permissions of a client come from, now. */
export interface PermissionSource {
  readonly live: LiveClients;
  readonly now: () => number;
  thingsOf(arns: readonly string[]): readonly AttachedThing[];
  policiesOf(arns: readonly string[]): readonly EffectivePolicy[];
  /** Told of what a client was refused. */
  refused(permissions: LivePermissions, action: DeviceAction, name: string): void;
}

/** What is known of a client besides its identity and its things. */
export type ClientOrigin = Omit<ClientFacts, 'thing' | 'proof' | 'region'>;

/** All that decides about a client at one moment. */
export interface Standing {
  readonly thing: AttachedThing | undefined;
  readonly policies: readonly EffectivePolicy[];
  readonly context: PolicyContext;
}

/** The permissions of one client: compiled when they are asked for, and anew after a change. */
export class LivePermissions implements ClientPermissions, Dated {
  tendAt = Number.POSITIVE_INFINITY;
  readonly #identity: Identity;
  readonly #origin: ClientOrigin;
  readonly #source: PermissionSource;
  #current: (Standing & { readonly compiled: CompiledPolicies }) | undefined;
  #listener: PermissionsListener | undefined;
  /** The topic that was published to last and may be again: devices have few. */
  #lastTopic: string | undefined;

  constructor(identity: Identity, origin: ClientOrigin, source: PermissionSource) {
    this.#identity = identity;
    this.#origin = origin;
    this.#source = source;
  }

  get principal(): string {
    return this.#identity.principal;
  }

  get thingName(): string | undefined {
    return this.#standing.thing?.name;
  }

  get exclusiveThing(): string | undefined {
    const { thing } = this.#standing;
    return thing?.isExclusive ? thing.name : undefined;
  }

  get clientId(): string | undefined {
    return this.#origin.clientId;
  }

  get remoteAddress(): string | undefined {
    return this.#origin.sourceIp;
  }

  get arns(): readonly string[] {
    return this.#identity.arns;
  }

  /** ARNs of which a change may concern it. */
  get watchedArns(): readonly string[] {
    const { arns, certificateArn } = this.#identity;
    return certificateArn === undefined ? arns : [...arns, certificateArn];
  }

  /** When its proof lapses by itself, epoch milliseconds. */
  get endsAt(): number | undefined {
    return this.#identity.endsAt;
  }

  get standing(): Standing {
    return this.#standing;
  }

  /** Whether the client may be connected, under the id that it has. */
  get mayConnect(): boolean {
    const { clientId } = this.#origin;
    return clientId !== undefined && this.#standing.compiled.allows('Connect', clientId);
  }

  mayPublish(topic: string): boolean {
    if (topic === this.#lastTopic && this.#current) return true;
    if (!this.#ask('Publish', topic)) return false;
    // A condition on the time may change its mind; it is asked each time.
    if (this.#standing.compiled.isSteady) this.#lastTopic = topic;
    return true;
  }

  mayRetain(topic: string): boolean {
    return this.#ask('RetainPublish', topic);
  }

  maySubscribe(filter: string): boolean {
    return this.#ask('Subscribe', filter);
  }

  mayReceive(topic: string): boolean {
    return this.#ask('Receive', topic);
  }

  get receivesAll(): boolean {
    return this.#standing.compiled.allowsAll('Receive');
  }

  get lasting(): LastingProof | undefined {
    const { clientId, sourceIp, serverName, isEncrypted, connectAttributes } = this.#origin;
    if (!this.#identity.isLasting || clientId === undefined) return undefined;
    const address = { ...(sourceIp !== undefined && { sourceIp }), ...(serverName !== undefined && { serverName }) };
    return { arn: this.#identity.arns[0], clientId, ...address, isEncrypted, connectAttributes };
  }

  /** Who might not connect any more has nothing to say either. */
  mayLeaveWill({ topic, retain }: { readonly topic: string; readonly retain: boolean }): boolean {
    this.forget();
    if (this.#identity.lapsed() !== undefined || !this.mayConnect) return false;
    return this.mayPublish(topic) && (!retain || this.mayRetain(topic));
  }

  watch(listener: PermissionsListener): () => void {
    this.#listener = listener;
    this.#source.live.add(this);
    // Something may have changed between the decision and now: a session was opened meanwhile.
    this.forget();
    queueMicrotask(() => {
      if (this.#listener === listener) this.refresh();
    });
    const unwatch = this.#identity.watch?.({
      changed: () => this.refresh(),
      ended: (reason, as) => listener.revoked(reason, as),
    });
    return () => {
      this.#listener = undefined;
      this.#source.live.remove(this);
      unwatch?.();
    };
  }

  /** Something about the client has changed: answers anew from now on. */
  forget(): void {
    this.#current = undefined;
    this.#lastTopic = undefined;
  }

  /** The same, and a client that may not be connected any more is told so. */
  refresh(): void {
    this.forget();
    const lapsed = this.#identity.lapsed();
    if (lapsed !== undefined) return this.#listener?.revoked(lapsed);
    if (!this.mayConnect) this.#listener?.revoked('its policies no longer allow iot:Connect');
  }

  get #standing(): Standing & { readonly compiled: CompiledPolicies } {
    this.#current ??= this.#look();
    return this.#current;
  }

  #look(): Standing & { readonly compiled: CompiledPolicies } {
    const { arns, region, values, policies: own } = this.#identity;
    const things = this.#source.thingsOf(arns);
    const thing = thingOfClient(things, this.#origin.clientId);
    const groups = things.flatMap(({ groupArns }) => groupArns);
    const policies = [...this.#source.policiesOf([...arns, ...groups]), ...own];
    const context = new ClientContext({ ...this.#origin, region, thing, proof: values }, this.#source.now);
    return { thing, policies, context, compiled: new CompiledPolicies(policies, context) };
  }

  #ask(action: DeviceAction, name: string): boolean {
    if (this.#standing.compiled.allows(action, name)) return true;
    // Before it is watched nobody has subscribed: the gateway asks what it may offer.
    if (this.#listener || action !== 'Subscribe') this.#source.refused(this, action, name);
    return false;
  }
}
