import type { HttpApis } from '../../apigatewayv2/index.ts';
import { lazyOperations, type Operation } from '../../index.ts';
import type { RestApis } from '../apis.ts';
import type { ApiTester } from '../testing.ts';
import { apiOperations } from './apis.ts';
import { certificateOperations } from './certificates.ts';
import { contentOperations } from './contents.ts';
import { documentationOperations } from './documentation.ts';
import { domainOperations } from './domains.ts';
import { keyOperations, planOperations } from './keys.ts';
import { methodOperations } from './methods.ts';
import { otherOperations } from './others.ts';
import { resourceOperations } from './resources.ts';
import { deploymentOperations, stageOperations } from './stages.ts';
import { testOperations } from './testing.ts';
import { usageOperations } from './usage.ts';

/** Those that read and write OpenAPI, with a reader of YAML of their own. */
const DEFINITIONS = ['ImportRestApi', 'PutRestApi', 'GetExport'];

/** All operations, by their names. @param domains  where domain names are kept; @param tester  who answers what is tried */
export function restApiOperations(
  apis: RestApis,
  domains: HttpApis,
  tester: () => Promise<ApiTester>,
): Record<string, Operation> {
  return {
    ...apiOperations(apis),
    ...certificateOperations(apis),
    ...contentOperations(apis),
    ...lazyOperations(DEFINITIONS, async () => (await import('./definitions.ts')).definitionOperations(apis)),
    ...deploymentOperations(apis),
    ...documentationOperations(apis),
    ...domainOperations(apis, domains),
    ...keyOperations(apis),
    ...methodOperations(apis),
    ...otherOperations(apis, domains),
    ...planOperations(apis),
    ...resourceOperations(apis),
    ...stageOperations(apis),
    ...testOperations(apis, tester),
    ...usageOperations(apis),
  };
}
