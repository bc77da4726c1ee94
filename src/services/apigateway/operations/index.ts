import type { HttpApis } from '../../apigatewayv2/index.ts';
import { lazyOperations, type Operation } from '../../index.ts';
import type { RestApis } from '../apis.ts';
import { apiOperations } from './apis.ts';
import { contentOperations } from './contents.ts';
import { domainOperations } from './domains.ts';
import { keyOperations, planOperations } from './keys.ts';
import { methodOperations } from './methods.ts';
import { otherOperations } from './others.ts';
import { resourceOperations } from './resources.ts';
import { deploymentOperations, stageOperations } from './stages.ts';

/** Those that read and write OpenAPI, with a reader of YAML of their own. */
const DEFINITIONS = ['ImportRestApi', 'PutRestApi', 'GetExport'];

/** All operations, by their names. @param domains  where domain names are kept */
export function restApiOperations(apis: RestApis, domains: HttpApis): Record<string, Operation> {
  return {
    ...apiOperations(apis),
    ...contentOperations(apis),
    ...lazyOperations(DEFINITIONS, async () => (await import('./definitions.ts')).definitionOperations(apis)),
    ...deploymentOperations(apis),
    ...domainOperations(apis, domains),
    ...keyOperations(apis),
    ...methodOperations(apis),
    ...otherOperations(apis),
    ...planOperations(apis),
    ...resourceOperations(apis),
    ...stageOperations(apis),
  };
}
