import type { TestInvokeAuthorizerCommandInput, TestInvokeMethodCommandInput } from '@aws-sdk/client-api-gateway';
import type { Operation } from '../../index.ts';
import type { RestApis } from '../apis.ts';
import { partOf } from '../checks.ts';
import { badRequest } from '../errors.ts';
import type { ApiTester, TestRequest } from '../testing.ts';

type Tester = () => Promise<ApiTester>;

/** TestInvokeMethod, TestInvokeAuthorizer. */
export function testOperations(apis: RestApis, tester: Tester): Record<string, Operation> {
  return {
    TestInvokeMethod: async (input: TestInvokeMethodCommandInput, { region }) => {
      const { restApiId = '', resourceId = '', httpMethod = '', clientCertificateId } = input;
      const api = apis.get(region, restApiId);
      const resource = partOf(api.content.resources, resourceId, 'Resource');
      const method = resource.methods[httpMethod] ?? partOf(resource.methods, 'ANY', 'Method');
      if (!method.methodIntegration) throw badRequest('No integration defined for method');
      if (clientCertificateId !== undefined) apis.certificates.get(region, clientCertificateId);
      const { status, headers, body, log, latencyMs } = await (await tester()).method({
        ...{ api, resource, method, httpMethod, clientCertificateId },
        ...requestOf(input, resource.path),
      });
      const all = [...headers].map(([name, value]) => [name, [value].flat()] as const);
      return {
        ...{ status, body, log, latency: Math.round(latencyMs) },
        headers: Object.fromEntries(all.map(([name, values]) => [name, values.at(-1)!])),
        multiValueHeaders: Object.fromEntries(all),
      };
    },
    TestInvokeAuthorizer: async (input: TestInvokeAuthorizerCommandInput, { region }) => {
      const { restApiId = '', authorizerId = '', additionalContext = {} } = input;
      const api = apis.get(region, restApiId);
      const authorizer = partOf(api.content.authorizers, authorizerId, 'Authorizer');
      const { status, log, latencyMs, context, ...found } = await (await tester()).authorizer({
        ...{ api, authorizer, context: additionalContext },
        ...requestOf(input, '/'),
      });
      const values = context && Object.entries(context).map(([name, value]) => [name, [String(value)]]);
      return {
        ...{ clientStatus: status, log, latency: Math.round(latencyMs), ...found },
        ...(values && { authorization: Object.fromEntries(values) }),
      };
    },
  };
}

function requestOf(
  input: Pick<
    TestInvokeMethodCommandInput,
    'pathWithQueryString' | 'headers' | 'multiValueHeaders' | 'body' | 'stageVariables'
  >,
  otherwise: string,
): TestRequest {
  const { pathWithQueryString: whole = otherwise, headers = {}, multiValueHeaders = {}, body = '' } = input;
  const mark = whole.indexOf('?');
  const path = mark < 0 ? whole : whole.slice(0, mark);
  // What stands in both is given by the list.
  const single = Object.entries(headers).filter(([name]) => !Object.hasOwn(multiValueHeaders, name));
  const many = Object.entries(multiValueHeaders).flatMap(([name, values]) => values.map((value) => [name, value]));
  return {
    path: path.startsWith('/') ? path : `/${path}`,
    query: mark < 0 ? '' : whole.slice(mark + 1),
    fields: [...single, ...many].flat(),
    body,
    stageVariables: input.stageVariables ?? {},
  };
}
