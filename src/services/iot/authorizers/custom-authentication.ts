/**
 * Asks a function who a client is and what it may do. The answer holds for a while: then the function is asked again for the same
 * client, and after a longer while the client must come anew.
 */
import { type Clock, isAbort, messageOf, type Random, uuid } from '../../../base/index.ts';
import { Reason } from '../../../codec/mqtt/index.ts';
import type { Logger } from '../../../telemetry/index.ts';
import { certificateValues } from '../access/certificate-values.ts';
import { type Identification, type Identity, type IdentityListener, NO_VALUES } from '../access/identity.ts';
import { IOT_LIMITS } from '../limits.ts';
import type { InvokeFunction } from '../ports.ts';
import { type AuthorizerAnswer, type AuthorizerGrant, readAnswer } from './answer.ts';
import { type Authorizer, authorizerArn, isSigned } from './authorizer.ts';
import type { Authorizers } from './authorizers.ts';
import { authorizerEvent, type Proof, tokenOf } from './request.ts';

/** What comes of asking an authorizer. */
export type AuthorizerOutcome =
  | AuthorizerAnswer
  | { readonly kind: 'unsigned' }
  | { readonly kind: 'failed'; readonly reason: string };

export class CustomAuthentication {
  readonly #authorizers: Authorizers;
  readonly #invoke: InvokeFunction;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #logger: Logger;
  #running = 0;

  constructor(parts: {
    readonly authorizers: Authorizers;
    readonly invoke: InvokeFunction;
    readonly clock: Clock;
    readonly random: Random;
    readonly logger: Logger;
  }) {
    this.#authorizers = parts.authorizers;
    this.#invoke = parts.invoke;
    this.#clock = parts.clock;
    this.#random = parts.random;
    this.#logger = parts.logger;
  }

  /**
   * @param name  of the authorizer, as the client gives it; it need not exist
   * @param certified  who the client is by its certificate, where it has one: it must stay good
   */
  async identify(name: string, proof: Proof, certified?: Identity): Promise<Identification> {
    const authorizer = this.#authorizers.find(name);
    if (authorizer?.status !== 'ACTIVE') return refused(`there is no active authorizer ${name}`);
    const connectionId = uuid(this.#random);
    const outcome = await this.ask(authorizer, proof, connectionId);
    if (outcome.kind === 'granted') {
      const identity = this.#identityOf(authorizer, { ...proof, certified }, connectionId, outcome);
      return { kind: 'identified', identity };
    }
    if (outcome.kind === 'denied') return refused(`authorizer ${name} has not authenticated the client`);
    if (outcome.kind === 'unsigned') return refused(`the token for authorizer ${name} is not signed by its keys`);
    this.#logger.warn('authorizer failed', { authorizer: name, kind: outcome.kind, reason: outcome.reason });
    return { kind: 'refused', reasonCode: Reason.serverUnavailable, reason: `authorizer ${name} has failed` };
  }

  /** Verifies the token and invokes the function. */
  async ask(authorizer: Authorizer, proof: Proof, connectionId: string): Promise<AuthorizerOutcome> {
    const { token, signature } = tokenOf(proof, authorizer);
    const isVerified = token !== undefined && signature !== undefined && isSigned(authorizer, token, signature);
    if (!authorizer.signingDisabled && !isVerified) return { kind: 'unsigned' };
    const event = authorizerEvent(proof, { token, signatureVerified: isVerified, connectionId });
    return this.#call(authorizer, event);
  }

  async #call(authorizer: Authorizer, event: unknown): Promise<AuthorizerOutcome> {
    if (this.#running >= IOT_LIMITS.authorizerInvocationsMax) {
      return { kind: 'failed', reason: 'too many authorizers are being asked' };
    }
    this.#running++;
    const abort = new AbortController();
    const timer = this.#clock.timer(IOT_LIMITS.authorizerTimeoutMs, () => abort.abort());
    try {
      const outcome = await this.#invoke(authorizer.functionArn, event, authorizerArn(authorizer), abort.signal);
      return outcome.kind === 'failed' ? outcome : readAnswer(outcome.value, authorizerArn(authorizer));
    } catch (error) {
      const isLate = isAbort(error) || abort.signal.aborted;
      return { kind: 'failed', reason: isLate ? 'the function takes too long' : messageOf(error) };
    } finally {
      timer.cancel();
      this.#running--;
    }
  }

  #identityOf(
    authorizer: Authorizer,
    { certified, ...proof }: Proof & { readonly certified: Identity | undefined },
    connectionId: string,
    first: AuthorizerGrant,
  ): Identity {
    const { name, region } = authorizer;
    const { certificate } = proof;
    const since = this.#clock.now();
    let grant = first;
    const again = async (listener: IdentityListener): Promise<void> => {
      const current = this.#authorizers.find(name);
      const outcome = current ? await this.ask(current, proof, connectionId) : undefined;
      if (outcome?.kind !== 'granted') return listener.ended(`authorizer ${name} does not renew it`, 'AUTH_ERROR');
      grant = outcome;
      listener.changed();
    };
    return {
      principal: first.principalId,
      arns: [authorizerArn({ name, region })],
      region,
      values: certificate ? certificateValues(certificate.certificateId, certificate.der) : NO_VALUES,
      get policies() {
        return grant.policies;
      },
      ...(certified && { certificateArn: certified.arns[0], endsAt: certified.endsAt }),
      lapsed: () => {
        if (this.#authorizers.find(name)?.status !== 'ACTIVE') return `authorizer ${name} is not active`;
        return certified?.lapsed();
      },
      watch: (listener) => this.#watch(since, () => grant, again, listener),
    };
  }

  #watch(
    since: number,
    grant: () => AuthorizerGrant,
    again: (listener: IdentityListener) => Promise<void>,
    listener: IdentityListener,
  ): () => void {
    let isOver = false;
    const told: IdentityListener = {
      changed: () => isOver || listener.changed(),
      ended: (reason, as) => isOver || listener.ended(reason, as),
    };
    const endsAt = since + grant().disconnectAfterSeconds * 1000;
    const end = this.#clock.timer(Math.max(0, endsAt - this.#clock.now()), () =>
      told.ended('its authorizer lets it stay no longer', 'CUSTOMAUTH_TTL_EXPIRATION'),
    );
    const refresh = () =>
      this.#clock.timer(grant().refreshAfterSeconds * 1000, () => {
        void again(told).then(() => {
          if (!isOver) next = refresh();
        });
      });
    let next = refresh();
    return () => {
      isOver = true;
      end.cancel();
      next.cancel();
    };
  }
}

function refused(reason: string): Identification {
  return { kind: 'refused', reasonCode: Reason.notAuthorized, reason };
}
