import type { Operation } from '../../index.ts';
import { invalidParameter } from '../errors.ts';
import type { Functions } from '../functions.ts';
import type { RuntimeManagement } from '../model.ts';
import { functionArn } from '../names.ts';
import { named } from './shapes.ts';

/** What is kept of a function beside how it runs: loops, updates of its runtime, code signing. */
export function managementOperations(functions: Functions): Record<string, Operation> {
  return { ...recursionOperations(functions), ...runtimeOperations(functions), ...signingOperations(functions) };
}

function recursionOperations(functions: Functions): Record<string, Operation> {
  return {
    PutFunctionRecursionConfig: async (input, context) => {
      const { region, name } = named(input, context);
      const allows = input.RecursiveLoop === 'Allow';
      await functions.update(region, name, ({ allowsLoops: _, ...record }) => ({
        ...record,
        ...(allows && { allowsLoops: true }),
      }));
      return { RecursiveLoop: input.RecursiveLoop };
    },
    GetFunctionRecursionConfig: (input, context) => {
      const { region, name } = named(input, context);
      return { RecursiveLoop: functions.get(region, name).allowsLoops ? 'Allow' : 'Terminate' };
    },
  };
}

function runtimeOperations(functions: Functions): Record<string, Operation> {
  const answer = (region: string, name: string, qualifier: string, kept: RuntimeManagement) => ({
    FunctionArn: functionArn(region, name, qualifier === '$LATEST' ? undefined : qualifier),
    UpdateRuntimeOn: kept.updateRuntimeOn,
    ...(kept.runtimeVersionArn !== undefined && { RuntimeVersionArn: kept.runtimeVersionArn }),
  });
  return {
    PutRuntimeManagementConfig: async (input, context) => {
      const { region, name, qualifier = '$LATEST' } = named(input, context);
      const { UpdateRuntimeOn, RuntimeVersionArn } = input;
      functions.version(region, name, qualifier);
      if ((UpdateRuntimeOn === 'Manual') !== (RuntimeVersionArn !== undefined)) {
        throw invalidParameter('RuntimeVersionArn must be specified if and only if UpdateRuntimeOn is Manual.');
      }
      const kept: RuntimeManagement = {
        updateRuntimeOn: UpdateRuntimeOn,
        ...(RuntimeVersionArn !== undefined && { runtimeVersionArn: RuntimeVersionArn }),
      };
      await functions.update(region, name, (record) => ({
        ...record,
        runtimeManagement: { ...record.runtimeManagement, [qualifier]: kept },
      }));
      return answer(region, name, qualifier, kept);
    },
    GetRuntimeManagementConfig: (input, context) => {
      const { region, name, qualifier = '$LATEST' } = named(input, context);
      functions.version(region, name, qualifier);
      const kept = functions.get(region, name).runtimeManagement?.[qualifier];
      return answer(region, name, qualifier, kept ?? { updateRuntimeOn: 'Auto' });
    },
  };
}

/** No function has a signing configuration: tools ask for it, and setting one is refused. */
function signingOperations(functions: Functions): Record<string, Operation> {
  return {
    GetFunctionCodeSigningConfig: (input, context) => {
      const { region, name } = named(input, context);
      functions.get(region, name);
      return { FunctionName: name };
    },
  };
}
