import { ACCOUNT_ID, formatArn } from '../../base/index.ts';
import type { OidcProvider, Tags } from './entities.ts';
import { iamError, quotaExceeded } from './errors.ts';
import { IAM_LIMITS } from './limits.ts';
import type { IamState } from './state.ts';

/** @throws no-such-entity */
export function oidcProviderByArn({ providers }: IamState, arn: string): OidcProvider {
  const found = providers.list().find((provider) => provider.arn === arn);
  if (!found) throw iamError('no-such-entity', `OpenIDConnect Provider not found for arn ${arn}`);
  return found;
}

/** @throws entity-exists, limit-exceeded, validation for what is no `https` URL, invalid-input */
export function createOidcProvider(
  state: IamState,
  { url, clientIds, thumbprints, tags }: Omit<OidcProvider, 'arn' | 'createdAt'> & { readonly tags: Tags },
): Promise<OidcProvider> {
  const place = placeOf(url);
  checkClientIds(clientIds);
  checkThumbprints(thumbprints);
  return state.change(() => {
    if (state.providers.has(place)) {
      throw iamError('entity-exists', `Provider with url ${url} already exists.`);
    }
    const { oidcProvidersMax } = IAM_LIMITS;
    if (state.providers.size >= oidcProvidersMax)
      throw quotaExceeded('OpenIdConnectProvidersPerAccount', oidcProvidersMax);
    const arn = formatArn('iam', '', ACCOUNT_ID, `oidc-provider/${place}`);
    const provider = {
      arn,
      url: place,
      createdAt: state.clock.now(),
      clientIds: [...new Set(clientIds)],
      thumbprints,
      tags,
    };
    return { changes: [state.providers.change(place, provider)], result: provider };
  });
}

/** Replaces members of a provider as `decide` says, which sees all changes before its own. @throws no-such-entity */
export function changeOidcProvider(
  state: IamState,
  arn: string,
  decide: (provider: OidcProvider) => Partial<OidcProvider>,
): Promise<void> {
  return state.change(() => {
    const provider = oidcProviderByArn(state, arn);
    const changed = { ...provider, ...decide(provider) };
    checkClientIds(changed.clientIds);
    checkThumbprints(changed.thumbprints);
    return { changes: [state.providers.change(provider.url, changed)], result: undefined };
  });
}

/** Deleting what is not there is no error. */
export function deleteOidcProvider(state: IamState, arn: string): Promise<void> {
  return state.change(() => {
    const found = state.providers.list().find((provider) => provider.arn === arn);
    return { changes: found ? [state.providers.change(found.url, undefined)] : [], result: undefined };
  });
}

/** Host and path of a provider's URL. */
function placeOf(url: string): string {
  if (!url.startsWith('https://')) {
    throw iamError('validation', 'Invalid Open ID Connect Provider URL');
  }
  const { protocol, search, hash, username } = parsed(url);
  if (protocol !== 'https:' || search || hash || username) {
    throw iamError('validation', 'Invalid Open ID Connect Provider URL');
  }
  return url.slice('https://'.length).replace(/\/$/, '');
}

function parsed(url: string): URL {
  const parsed = URL.parse(url);
  if (!parsed) throw iamError('validation', 'Invalid Open ID Connect Provider URL');
  return parsed;
}

function checkClientIds(clientIds: readonly string[]): void {
  const { clientIdsPerProviderMax } = IAM_LIMITS;
  if (clientIds.length > clientIdsPerProviderMax) {
    throw quotaExceeded('ClientIdsPerOpenIdConnectProvider', clientIdsPerProviderMax);
  }
}

function checkThumbprints(thumbprints: readonly string[]): void {
  const { thumbprintsPerProviderMax } = IAM_LIMITS;
  if (thumbprints.length > thumbprintsPerProviderMax) {
    throw iamError('invalid-input', `Thumbprint list must contain fewer than ${thumbprintsPerProviderMax} entries.`);
  }
  if (thumbprints.some((thumbprint) => !/^[0-9a-fA-F]{40}$/.test(thumbprint))) {
    throw iamError('validation', 'Thumbprint must be a SHA-1 hash in hexadecimal.');
  }
}
