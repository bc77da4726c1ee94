/**
 * Clients that have signed for their WebSocket (Signature Version 4): what they may do is for the policies of the account to say.
 *
 * 1. Every question is decided by what holds now; what is kept of answers is the policies' own, and ends with every change of them.
 * 2. Who has no good key, or no right to connect, any more is disconnected in the turns after the change.
 */
import { ACCOUNT_ID, type Clock, DEFAULT_REGION, formatArn } from '../../../base/index.ts';
import * as mqtt from '../../../codec/mqtt/index.ts';
import type { DeviceAction } from '../policies/document.ts';
import { RESOURCE_KINDS } from '../policies/evaluate.ts';
import {
  type Arrival,
  type ClientPermissions,
  type ConnectDecision,
  EVERYTHING,
  type PermissionsListener,
  type SignedCaller,
} from './access.ts';
import { alarm } from './alarm.ts';
import { factsOf } from './context.ts';
import type { SignerFacts, Signers } from './ports.ts';
import type { Refusals } from './refusals.ts';
import { Sweep } from './sweep.ts';

const { Reason } = mqtt;

export class SignedClients {
  readonly #signers: Signers;
  readonly #clock: Clock;
  readonly #refusals: Refusals;
  readonly #live = new Set<SignedPermissions>();
  readonly #sweep = new Sweep<SignedPermissions>();
  readonly #stop: () => void;

  constructor(parts: { readonly signers: Signers; readonly clock: Clock; readonly refusals: Refusals }) {
    this.#signers = parts.signers;
    this.#clock = parts.clock;
    this.#refusals = parts.refusals;
    this.#stop = parts.signers.onChange(() => this.#sweep.start(this.#live));
  }

  /** @param clientId  absent for who publishes by HTTPS: nothing is connected then */
  async decide(caller: SignedCaller, arrival: Arrival, clientId: string | undefined): Promise<ConnectDecision> {
    if (!this.#signers.isHeld(caller)) return { kind: 'accepted', permissions: this.#everything(caller) };
    const facts = signerFactsOf(caller, arrival);
    const permissions = new SignedPermissions(caller, clientId, facts, {
      ...{ signers: this.#signers, live: this.#live, sweep: this.#sweep, clock: this.#clock, refusals: this.#refusals },
    });
    // Asked first of all: from then on policies answer at once.
    const refusal = await permissions.connecting();
    if (refusal === undefined) return { kind: 'accepted', permissions };
    return { kind: 'refused', reasonCode: Reason.notAuthorized, reason: refusal, permissions };
  }

  close(): void {
    this.#sweep.close();
    this.#stop();
  }

  #everything({ arn, expiresAt }: SignedCaller): ClientPermissions {
    const everything = { ...EVERYTHING, principal: arn };
    if (expiresAt === undefined) return everything;
    return { ...everything, watch: (listener) => untilExpired(this.#clock, expiresAt, listener) };
  }
}

interface Surroundings {
  readonly signers: Signers;
  readonly live: Set<SignedPermissions>;
  readonly sweep: Sweep<SignedPermissions>;
  readonly clock: Clock;
  readonly refusals: Refusals;
}

/** What one client may do whose signer is held to policies. */
class SignedPermissions implements ClientPermissions {
  readonly thingName = undefined;
  /** Policies may tell topics apart. */
  readonly receivesAll = false;
  readonly #caller: SignedCaller;
  readonly #clientId: string | undefined;
  readonly #facts: SignerFacts;
  readonly #around: Surroundings;
  readonly #arnPrefix: string;
  #listener: PermissionsListener | undefined;

  constructor(caller: SignedCaller, clientId: string | undefined, facts: SignerFacts, around: Surroundings) {
    this.#caller = caller;
    this.#clientId = clientId;
    this.#facts = facts;
    this.#around = around;
    this.#arnPrefix = formatArn('iot', facts.region, ACCOUNT_ID, '');
  }

  get principal(): string {
    return this.#caller.arn;
  }

  /** Why the client may not be connected; `undefined` where it may. */
  async connecting(): Promise<string | undefined> {
    const lapsed = this.#lapsed();
    if (lapsed !== undefined) return lapsed;
    if (this.#clientId === undefined) return undefined;
    const refusal = await this.#refusal('Connect', this.#clientId);
    if (refusal !== undefined) this.#note('Connect', this.#clientId, refusal);
    return refusal;
  }

  mayPublish(topic: string): boolean {
    return this.#ask('Publish', topic);
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

  /** Who might not connect any more has nothing to say either. */
  mayLeaveWill({ topic, retain }: { readonly topic: string; readonly retain: boolean }): boolean {
    if (this.#ended() !== undefined) return false;
    return this.mayPublish(topic) && (!retain || this.mayRetain(topic));
  }

  watch(listener: PermissionsListener): () => void {
    const { live, sweep, clock } = this.#around;
    const { expiresAt } = this.#caller;
    this.#listener = listener;
    live.add(this);
    // Something may have changed between the decision and now.
    sweep.start([this]);
    const unwatch = expiresAt === undefined ? undefined : untilExpired(clock, expiresAt, listener);
    return () => {
      this.#listener = undefined;
      live.delete(this);
      sweep.forget(this);
      unwatch?.();
    };
  }

  /** Keys or policies have changed: who may not be connected any more is told so. */
  refresh(): void {
    const ended = this.#ended();
    if (ended !== undefined) this.#listener?.revoked(ended);
  }

  #ended(): string | undefined {
    const lapsed = this.#lapsed();
    if (lapsed !== undefined || this.#clientId === undefined) return lapsed;
    return this.#isAllowed('Connect', this.#clientId) ? undefined : 'its policies no longer allow iot:Connect';
  }

  #lapsed(): string | undefined {
    const { signers, clock } = this.#around;
    const { expiresAt } = this.#caller;
    if (!signers.isGood(this.#caller)) return 'its access key is inactive or deleted';
    return expiresAt !== undefined && expiresAt <= clock.now() ? 'its credentials have expired' : undefined;
  }

  #ask(action: DeviceAction, name: string): boolean {
    const refusal = this.#refusal(action, name);
    if (refusal === undefined) return true;
    // Before it is watched nobody has subscribed: the gateway asks what it may offer.
    if (this.#listener || action !== 'Subscribe') {
      this.#note(action, name, typeof refusal === 'string' ? refusal : `iot:${action} is not decided on yet`);
    }
    return false;
  }

  /** An answer that is not there yet is none: nobody is let through on it. */
  #isAllowed(action: DeviceAction, name: string): boolean {
    return this.#refusal(action, name) === undefined;
  }

  #refusal(action: DeviceAction, name: string): ReturnType<Signers['refusal']> {
    const resources = [this.#arnPrefix + RESOURCE_KINDS[action] + name];
    return this.#around.signers.refusal(this.#caller, { action: `iot:${action}`, resources }, this.#facts);
  }

  #note(action: DeviceAction, name: string, reason: string): void {
    const { sourceIp: remoteAddress } = this.#facts;
    this.#around.refusals.add({ clientId: this.#clientId ?? '', remoteAddress, action, name, reason });
  }
}

function untilExpired(clock: Clock, expiresAt: number, listener: PermissionsListener): () => void {
  return alarm(clock, expiresAt, () => listener.revoked('its credentials have expired', 'WEBSOCKET_TTL_EXPIRATION'));
}

function signerFactsOf({ region = DEFAULT_REGION }: SignedCaller, arrival: Arrival): SignerFacts {
  const { sourceIp, isEncrypted } = factsOf(arrival);
  const agent = arrival.upgrade?.headers['user-agent'];
  return { region, sourceIp, isEncrypted, userAgent: typeof agent === 'string' ? agent : undefined };
}
