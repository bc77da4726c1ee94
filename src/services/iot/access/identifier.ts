import { Reason } from '../../../codec/mqtt/index.ts';
import type { Authorizers } from '../authorizers/authorizers.ts';
import type { CustomAuthentication } from '../authorizers/custom-authentication.ts';
import { namedAuthorizer, type Proof } from '../authorizers/request.ts';
import { certificateIdentity } from './certificate-identity.ts';
import type { Identification, Identity } from './identity.ts';
import type { CertificateAdmission } from './ports.ts';
import { looksLikeToken, type TokenAuthentication } from './tokens.ts';
import type { DeviceUsers } from './users.ts';

/**
 * Finds out who a client is. A certificate must be good in any case; then
 *
 * 1. an authorizer that the client names decides;
 * 2. a JSON Web Token, in the password or in `Authorization: Bearer`, together with the certificate if there is one;
 * 3. the certificate alone;
 * 4. user name and password, where there is such a user;
 * 5. the default authorizer.
 */
export class Identifier {
  readonly #certificates: CertificateAdmission;
  readonly #authorizers: Authorizers;
  readonly #custom: CustomAuthentication;
  readonly #tokens: TokenAuthentication;
  readonly #users: DeviceUsers;

  constructor(parts: {
    readonly certificates: CertificateAdmission;
    readonly authorizers: Authorizers;
    readonly custom: CustomAuthentication;
    readonly tokens: TokenAuthentication;
    readonly users: DeviceUsers;
  }) {
    this.#certificates = parts.certificates;
    this.#authorizers = parts.authorizers;
    this.#custom = parts.custom;
    this.#tokens = parts.tokens;
    this.#users = parts.users;
  }

  identify(proof: Proof): Identification | Promise<Identification> {
    if (!proof.certificate) return this.#further(proof, undefined);
    const identification = certificateIdentity(proof.certificate, this.#certificates);
    const go = (one: Identification) => (one.kind === 'refused' ? one : this.#further(proof, one.identity));
    return identification instanceof Promise ? identification.then(go) : go(identification);
  }

  #further(proof: Proof, certified: Identity | undefined): Identification | Promise<Identification> {
    const named = namedAuthorizer(proof);
    if (named !== undefined) return this.#custom.identify(named, proof, certified);
    const token = this.#tokens.isUsed ? tokenIn(proof) : undefined;
    if (token !== undefined) return this.#tokens.identify(token, certified);
    if (certified) return { kind: 'identified', identity: certified };
    const { username, password } = proof;
    const fallback = this.#authorizers.default();
    if (username !== undefined && password !== undefined && (!fallback || this.#users.find(username))) {
      return this.#users.identify(username, password);
    }
    if (fallback) return this.#custom.identify(fallback.name, proof);
    return { kind: 'refused', reasonCode: Reason.notAuthorized, reason: 'the client has proved nothing of itself' };
  }
}

function tokenIn({ password, upgrade }: Proof): string | undefined {
  const header = upgrade?.headers.authorization;
  const bearer = typeof header === 'string' ? /^Bearer +(\S+)$/i.exec(header)?.[1] : undefined;
  const candidates = [bearer, password?.toString('latin1')];
  return candidates.find((one) => one !== undefined && looksLikeToken(one));
}
