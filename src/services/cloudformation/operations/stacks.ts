import type { Operation } from '../../index.ts';
import { invalid } from '../errors.ts';
import type { Stack } from '../stacks/model.ts';
import { shownParameters } from '../stacks/preparation.ts';
import type { Stacks } from '../stacks/stacks.ts';
import type { ReadObjectAs } from '../template/location.ts';
import { page } from './paging.ts';
import { checkStackName, policiesOf, stackRequest, templateBodyOf } from './requests.ts';

const PAGE = 100;

export function stackOperations(stacks: Stacks, readAs: ReadObjectAs): Readonly<Record<string, Operation>> {
  return {
    CreateStack: async (input, context) => {
      checkStackName(input.StackName);
      const templateBody = await templateBodyOf(input, readAs(context));
      const { id } = await stacks.create({
        ...stackRequest(input, templateBody, context),
        ...(await policiesOf(input, readAs(context))),
        terminationProtection: input.EnableTerminationProtection ?? false,
        ...(input.TimeoutInMinutes !== undefined && { timeoutMinutes: input.TimeoutInMinutes }),
      });
      await stacks.prompt(id);
      return { StackId: id };
    },

    UpdateStack: async (input, context) => {
      const templateBody = await templateBodyOf(input, readAs(context));
      const policies = await policiesOf(input, readAs(context));
      const { id } = await stacks.update({ ...stackRequest(input, templateBody, context), ...policies });
      await stacks.prompt(id);
      return { StackId: id };
    },

    DeleteStack: async (input, { region, caller }) => {
      const { RetainResources: retain = [], DeletionMode: mode, ClientRequestToken: token } = input;
      const stack = stacks.find(region, input.StackName);
      const force = mode === 'FORCE_DELETE_STACK';
      await stacks.delete(region, input.StackName, { retain, force, caller, ...(token !== undefined && { token }) });
      if (stack) await stacks.prompt(stack.id);
      return {};
    },

    CancelUpdateStack: async (input, { region }) => {
      const { id } = await stacks.cancelUpdate(region, input.StackName);
      await stacks.prompt(id);
      return {};
    },

    RollbackStack: async (input, { region, caller }) => {
      const { id } = await stacks.rollback(region, input.StackName, caller, input.ClientRequestToken);
      await stacks.prompt(id);
      return { StackId: id };
    },

    ContinueUpdateRollback: async (input, { region, caller }) => {
      const { ResourcesToSkip: skip = [], ClientRequestToken: token } = input;
      const { id } = stacks.get(region, input.StackName);
      await stacks.continueRollback(region, input.StackName, { skip, caller, ...(token !== undefined && { token }) });
      await stacks.prompt(id);
      return {};
    },

    SetStackPolicy: async (input, context) => {
      const { policy } = await policiesOf(input, readAs(context));
      if (policy === undefined) throw invalid('You must specify either a stack policy or its URL');
      await stacks.setPolicy(context.region, input.StackName, policy);
      return {};
    },

    GetStackPolicy: (input, { region }) => {
      const { policy } = stacks.get(region, input.StackName);
      return policy === undefined ? {} : { StackPolicyBody: policy };
    },

    SignalResource: async (input, { region }) => {
      await stacks.signal(region, input.StackName, input.LogicalResourceId, input.UniqueId, input.Status);
      return {};
    },

    UpdateTerminationProtection: async (input, { region }) => {
      const { id } = await stacks.setTerminationProtection(region, input.StackName, input.EnableTerminationProtection);
      return { StackId: id };
    },

    DescribeStacks: (input, { region }) => {
      const live = () => stacks.list(region).filter(({ status }) => status !== 'DELETE_COMPLETE');
      const found = input.StackName === undefined ? live() : [stacks.get(region, input.StackName)];
      const { items, next } = page(found, input.NextToken, PAGE);
      return { Stacks: items.map((stack) => describe(stacks, stack)), ...(next && { NextToken: next }) };
    },

    ListStacks: (input, { region }) => {
      const filter: readonly string[] | undefined = input.StackStatusFilter;
      const found = stacks.list(region).filter(({ status }) => !filter?.length || filter.includes(status));
      const { items, next } = page(found, input.NextToken, PAGE);
      return { StackSummaries: items.map((stack) => summarize(stacks, stack)), ...(next && { NextToken: next }) };
    },

    ListExports: (input, { region }) => {
      const { items, next } = page(stacks.exports.list(region), input.NextToken, PAGE);
      return {
        Exports: items.map(({ stackId, name, value }) => ({ ExportingStackId: stackId, Name: name, Value: value })),
        ...(next && { NextToken: next }),
      };
    },

    ListImports: (input, { region }) => {
      const importers = stacks.exports.importers(region, input.ExportName);
      if (importers.length === 0) throw invalid(`Export '${input.ExportName}' is not imported by any stack.`);
      const { items, next } = page(importers, input.NextToken, PAGE);
      return { Imports: items, ...(next && { NextToken: next }) };
    },
  };
}

function describe(stacks: Stacks, stack: Stack): object {
  const definition = stacks.definition(stack);
  return {
    ...summary(stack),
    ...(stack.changeSetId !== undefined && { ChangeSetId: stack.changeSetId }),
    ...(definition?.processed.Description !== undefined && { Description: definition.processed.Description }),
    Parameters: definition ? shownParameters(definition) : [],
    Capabilities: definition?.capabilities ?? [],
    NotificationARNs: definition?.notificationArns ?? [],
    ...(definition?.roleArn !== undefined && { RoleARN: definition.roleArn }),
    Tags: definition?.tags ?? [],
    Outputs: stack.outputs.map(({ key, value, description, exportName }) => ({
      OutputKey: key,
      OutputValue: value,
      ...(description !== undefined && { Description: description }),
      ...(exportName !== undefined && { ExportName: exportName }),
    })),
    DisableRollback: stack.disableRollback,
    ...(stack.timeoutMinutes !== undefined && { TimeoutInMinutes: stack.timeoutMinutes }),
    EnableTerminationProtection: stack.terminationProtection,
    RollbackConfiguration: {},
  };
}

function summarize(stacks: Stacks, stack: Stack): object {
  const description = stacks.definition(stack)?.processed.Description;
  return { ...summary(stack), ...(description !== undefined && { TemplateDescription: description }) };
}

function summary(stack: Stack): object {
  return {
    StackId: stack.id,
    StackName: stack.name,
    CreationTime: new Date(stack.createdAt),
    ...(stack.updatedAt !== undefined && { LastUpdatedTime: new Date(stack.updatedAt) }),
    ...(stack.deletedAt !== undefined && { DeletionTime: new Date(stack.deletedAt) }),
    StackStatus: stack.status,
    ...(stack.reason !== undefined && { StackStatusReason: stack.reason }),
    ...(stack.parentId !== undefined && { ParentId: stack.parentId, RootId: stack.rootId }),
    DriftInformation: stack.drift
      ? { StackDriftStatus: stack.drift.status, LastCheckTimestamp: new Date(stack.drift.at) }
      : { StackDriftStatus: 'NOT_CHECKED' },
  };
}
