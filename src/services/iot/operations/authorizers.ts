import { type Random, uuid } from '../../../base/index.ts';
import type { Operation, OperationContext } from '../../index.ts';
import { type Authorizer, authorizerArn } from '../authorizers/authorizer.ts';
import type { Authorizers } from '../authorizers/authorizers.ts';
import type { AuthorizerOutcome, CustomAuthentication } from '../authorizers/custom-authentication.ts';
import type { Proof } from '../authorizers/request.ts';
import { IotError } from '../errors.ts';
import { markedPage } from '../pagination.ts';
import type { Tag, Tags } from '../tags.ts';
import type { Marked } from './policies.ts';

interface Named {
  readonly authorizerName: string;
}

interface UpdateInput extends Named {
  readonly authorizerFunctionArn?: string;
  readonly tokenKeyName?: string;
  readonly tokenSigningPublicKeys?: Readonly<Record<string, string>>;
  readonly status?: Authorizer['status'];
  readonly enableCachingForHttp?: boolean;
}

interface CreateInput extends UpdateInput {
  readonly authorizerFunctionArn: string;
  readonly signingDisabled?: boolean;
  readonly tags?: readonly Tag[];
}

interface TestInput extends Named {
  readonly token?: string;
  readonly tokenSignature?: string;
  readonly httpContext?: { readonly headers?: Readonly<Record<string, string>>; readonly queryString?: string };
  readonly mqttContext?: { readonly username?: string; readonly password?: Uint8Array; readonly clientId?: string };
  readonly tlsContext?: { readonly serverName?: string };
}

/** CreateAuthorizer and its family, the default one, and TestInvokeAuthorizer. */
export function authorizerOperations(parts: {
  readonly authorizers: Authorizers;
  readonly authentication: CustomAuthentication;
  readonly tags: Tags;
  readonly random: Random;
}) {
  const { authorizers, authentication, tags, random } = parts;
  return {
    CreateAuthorizer: async (input: CreateInput, { region }: OperationContext) => {
      const { authorizerName, signingDisabled = false, tags: given = [] } = input;
      const definition = {
        ...changeOf(input),
        functionArn: input.authorizerFunctionArn,
        publicKeys: input.tokenSigningPublicKeys ?? {},
        status: input.status ?? 'ACTIVE',
        signingDisabled,
        enableCachingForHttp: input.enableCachingForHttp ?? false,
      } as const;
      const authorizer = await authorizers.create(authorizerName, definition, region);
      if (given.length > 0) await tags.add(authorizerArn(authorizer), given);
      return listItem(authorizer);
    },
    UpdateAuthorizer: async (input: UpdateInput) =>
      listItem(await authorizers.update(input.authorizerName, changeOf(input))),
    DescribeAuthorizer: ({ authorizerName }: Named) => described(authorizers.get(authorizerName)),
    ListAuthorizers: ({ status, ascendingOrder = false, ...page }: Marked & Pick<UpdateInput, 'status'>) => {
      const wanted = authorizers.list().filter((one) => status === undefined || one.status === status);
      const { items, nextMarker } = markedPage(wanted, ({ name }) => name, { ...page, ascendingOrder });
      return { authorizers: items.map(listItem), ...(nextMarker !== undefined && { nextMarker }) };
    },
    DeleteAuthorizer: async ({ authorizerName }: Named) => {
      const arn = authorizerArn(authorizers.get(authorizerName));
      await authorizers.delete(authorizerName);
      await tags.drop(arn);
      return {};
    },
    SetDefaultAuthorizer: async ({ authorizerName }: Named) => listItem(await authorizers.setDefault(authorizerName)),
    ClearDefaultAuthorizer: async () => {
      await authorizers.clearDefault();
      return {};
    },
    DescribeDefaultAuthorizer: () => {
      const authorizer = authorizers.default();
      if (!authorizer) throw new IotError('resource-not-found', 'There is no default authorizer.');
      return described(authorizer);
    },
    TestInvokeAuthorizer: async (input: TestInput) => {
      const authorizer = authorizers.get(input.authorizerName);
      const outcome = await authentication.ask(authorizer, proofOf(input, authorizer), uuid(random));
      return testAnswer(outcome);
    },
  } satisfies Record<string, Operation>;
}

function changeOf(input: UpdateInput) {
  const { authorizerFunctionArn, tokenKeyName, tokenSigningPublicKeys, status, enableCachingForHttp } = input;
  return {
    ...(authorizerFunctionArn !== undefined && { functionArn: authorizerFunctionArn }),
    ...(tokenKeyName !== undefined && { tokenKeyName }),
    ...(tokenSigningPublicKeys && { publicKeys: tokenSigningPublicKeys }),
    ...(status && { status }),
    ...(enableCachingForHttp !== undefined && { enableCachingForHttp }),
  };
}

function listItem(authorizer: Authorizer) {
  return { authorizerName: authorizer.name, authorizerArn: authorizerArn(authorizer) };
}

function described(authorizer: Authorizer) {
  const { functionArn, tokenKeyName, publicKeys, status, signingDisabled, enableCachingForHttp } = authorizer;
  const { createdAt, modifiedAt } = authorizer;
  return {
    authorizerDescription: {
      ...listItem(authorizer),
      authorizerFunctionArn: functionArn,
      ...(tokenKeyName !== undefined && { tokenKeyName }),
      tokenSigningPublicKeys: publicKeys,
      ...{ status, signingDisabled, enableCachingForHttp },
      creationDate: new Date(createdAt),
      lastModifiedDate: new Date(modifiedAt),
    },
  };
}

/** A test as if a client came so. Its token and signature come where a client's would. */
function proofOf(input: TestInput, { tokenKeyName }: Authorizer): Proof {
  const { token, tokenSignature, httpContext, mqttContext, tlsContext } = input;
  const headers = {
    ...Object.fromEntries(
      Object.entries(httpContext?.headers ?? {}).map(([name, value]) => [name.toLowerCase(), value]),
    ),
    ...(token !== undefined && tokenKeyName !== undefined && { [tokenKeyName.toLowerCase()]: token }),
    ...(tokenSignature !== undefined && { 'x-amz-customauthorizer-signature': tokenSignature }),
  };
  const hasHttp = httpContext !== undefined || token !== undefined || tokenSignature !== undefined;
  return {
    remoteAddress: undefined,
    isEncrypted: tlsContext !== undefined,
    ...(tlsContext?.serverName !== undefined && { serverName: tlsContext.serverName }),
    ...(hasHttp && { upgrade: { headers, queryString: httpContext?.queryString?.replace(/^\?/, '') ?? '' } }),
    ...(mqttContext && { clientId: mqttContext.clientId ?? '', username: mqttContext.username }),
    ...(mqttContext?.password && { password: Buffer.from(mqttContext.password) }),
  };
}

function testAnswer(outcome: AuthorizerOutcome) {
  switch (outcome.kind) {
    case 'granted':
      return {
        isAuthenticated: true,
        principalId: outcome.principalId,
        policyDocuments: outcome.documents,
        refreshAfterInSeconds: outcome.refreshAfterSeconds,
        disconnectAfterInSeconds: outcome.disconnectAfterSeconds,
      };
    case 'denied':
      return { isAuthenticated: false };
    case 'unsigned':
      throw new IotError('request-invalid', 'The token is missing or not signed by a key of the authorizer.');
    default:
      throw new IotError('invalid-response', `The authorizer's function has failed: ${outcome.reason}.`);
  }
}
