import type { Operation } from '../../index.ts';
import { changeOidcProvider, createOidcProvider, deleteOidcProvider, oidcProviderByArn } from '../oidc-providers.ts';
import type { IamState } from '../state.ts';
import { toTagsIfAny, withTags } from '../tags.ts';

/** OpenID Connect providers, whose tokens roles may be assumed with. */
export function oidcProviderOperations(state: IamState): Record<string, Operation> {
  return {
    CreateOpenIDConnectProvider: async ({ Url, ClientIDList = [], ThumbprintList = [], Tags }) => {
      const tags = withTags({}, Tags);
      const given = { url: Url, clientIds: ClientIDList, thumbprints: ThumbprintList, tags };
      const provider = await createOidcProvider(state, given);
      return { OpenIDConnectProviderArn: provider.arn, Tags: toTagsIfAny(provider.tags) };
    },
    GetOpenIDConnectProvider: ({ OpenIDConnectProviderArn }) => {
      const { url, clientIds, thumbprints, createdAt, tags } = oidcProviderByArn(state, OpenIDConnectProviderArn);
      return {
        Url: url,
        ClientIDList: clientIds,
        ThumbprintList: thumbprints,
        CreateDate: new Date(createdAt),
        Tags: toTagsIfAny(tags),
      };
    },
    ListOpenIDConnectProviders: () => ({
      OpenIDConnectProviderList: state.providers.list().map(({ arn }) => ({ Arn: arn })),
    }),
    AddClientIDToOpenIDConnectProvider: ({ OpenIDConnectProviderArn, ClientID }) =>
      changeOidcProvider(state, OpenIDConnectProviderArn, ({ clientIds }) => ({
        clientIds: [...new Set([...clientIds, ClientID])],
      })),
    RemoveClientIDFromOpenIDConnectProvider: ({ OpenIDConnectProviderArn, ClientID }) =>
      changeOidcProvider(state, OpenIDConnectProviderArn, ({ clientIds }) => ({
        clientIds: clientIds.filter((id) => id !== ClientID),
      })),
    UpdateOpenIDConnectProviderThumbprint: ({ OpenIDConnectProviderArn, ThumbprintList }) =>
      changeOidcProvider(state, OpenIDConnectProviderArn, () => ({ thumbprints: ThumbprintList })),
    DeleteOpenIDConnectProvider: ({ OpenIDConnectProviderArn }) => deleteOidcProvider(state, OpenIDConnectProviderArn),
  };
}
