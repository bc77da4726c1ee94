import { lazyOperations, type Operation } from '../../index.ts';
import type { HttpApis } from '../apis.ts';
import { apiOperations } from './apis.ts';
import { contentOperations } from './contents.ts';
import { domainOperations, mappingOperations } from './domains.ts';
import { responseOperations } from './responses.ts';
import { deploymentOperations, stageOperations } from './stages.ts';
import { tagOperations } from './tags.ts';

/** Those that read and write OpenAPI, with a reader of YAML of their own. */
const DEFINITIONS = ['ImportApi', 'ReimportApi', 'ExportApi'];

/** All operations, by their names. */
export function httpApiOperations(apis: HttpApis): Record<string, Operation> {
  return {
    ...apiOperations(apis),
    ...contentOperations(apis),
    ...lazyOperations(DEFINITIONS, async () => (await import('./definitions.ts')).definitionOperations(apis)),
    ...domainOperations(apis),
    ...mappingOperations(apis),
    ...responseOperations(apis),
    ...deploymentOperations(apis),
    ...stageOperations(apis),
    ...tagOperations(apis),
  };
}
