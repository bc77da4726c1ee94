import type { HttpApis } from '../../apigatewayv2/index.ts';
import type { Operation } from '../../index.ts';
import type { RestApis } from '../apis.ts';
import { apiOperations } from './apis.ts';
import { contentOperations } from './contents.ts';
import { definitionOperations } from './definitions.ts';
import { domainOperations } from './domains.ts';
import { keyOperations, planOperations } from './keys.ts';
import { methodOperations } from './methods.ts';
import { otherOperations } from './others.ts';
import { resourceOperations } from './resources.ts';
import { deploymentOperations, stageOperations } from './stages.ts';

/** All operations, by their names. @param domains  where domain names are kept */
export function restApiOperations(apis: RestApis, domains: HttpApis): Record<string, Operation> {
  return {
    ...apiOperations(apis),
    ...contentOperations(apis),
    ...definitionOperations(apis),
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
