import { ACCOUNT_ID, formatArn } from '../../../base/index.ts';
import {
  anything,
  type CallPlace,
  type Conditions,
  each,
  madeWithTags,
  type PermissionsOf,
  type Target,
  type TargetOf,
} from '../../index.ts';
import { functionArn, parseReference } from '../names.ts';
import type { Mappings } from './mappings.ts';

/** Which rights the operations on event source mappings need; `lambda:FunctionArn` is the function that one calls. */
export function mappingPermissions(mappings: Pick<Mappings, 'list'>): Readonly<Record<string, PermissionsOf>> {
  const calling = (text: string, { region }: CallPlace): Conditions => {
    try {
      const named = parseReference(text);
      return { 'lambda:FunctionArn': functionArn(named.region ?? region, named.name, named.qualifier) };
    } catch {
      return {};
    }
  };
  const mapping: TargetOf = ({ UUID }, { region }): Target => {
    const found = mappings.list().find(({ mapping: { uuid } }) => uuid === UUID)?.mapping;
    return {
      resources: [formatArn('lambda', region, ACCOUNT_ID, `event-source-mapping:${UUID}`)],
      ...(found && { context: { 'lambda:FunctionArn': found.functionArn } }),
    };
  };
  const made: TargetOf = ({ FunctionName }, place) => ({ resources: ['*'], context: calling(FunctionName, place) });
  return {
    CreateEventSourceMapping: madeWithTags(
      'lambda:CreateEventSourceMapping',
      'lambda:TagResource',
      made,
      ({ Tags }) => Tags,
    ),
    ...each('lambda', mapping, [...['DeleteEventSourceMapping', 'GetEventSourceMapping', 'UpdateEventSourceMapping']]),
    ...each('lambda', anything, ['ListEventSourceMappings']),
  };
}
