import type { Operation } from '../../index.ts';
import { invalid } from '../errors.ts';
import type { Change, ChangedProperty, ChangeSet } from '../stacks/model.ts';
import { shownParameters } from '../stacks/preparation.ts';
import type { Stacks } from '../stacks/stacks.ts';
import type { ReadObjectAs } from '../template/location.ts';
import { page } from './paging.ts';
import { checkStackName, stackRequest, templateBodyOf } from './requests.ts';

const PAGE = 100;

export function changeSetOperations(stacks: Stacks, readAs: ReadObjectAs): Readonly<Record<string, Operation>> {
  return {
    CreateChangeSet: async (input, context) => {
      checkStackName(input.StackName);
      const type = input.ChangeSetType ?? 'UPDATE';
      const resources: readonly Readonly<Record<string, any>>[] = input.ResourcesToImport ?? [];
      if (resources.length > 0 && type !== 'IMPORT')
        throw invalid('ResourcesToImport can only be specified for change sets of type IMPORT.');
      const templateBody = await templateBodyOf(input, readAs(context));
      const changeSet = await stacks.changeSets.create({
        ...stackRequest(input, templateBody, context),
        name: input.ChangeSetName,
        ...(input.Description !== undefined && { description: input.Description }),
        type,
        // Nothing but what is named changes in an import.
        ...(input.IncludeNestedStacks && type !== 'IMPORT' && { includesNested: true }),
        ...(type === 'IMPORT' && {
          resourcesToImport: resources.map((one) => ({
            logicalId: one.LogicalResourceId,
            type: one.ResourceType,
            identifier: one.ResourceIdentifier,
          })),
        }),
      });
      return { Id: changeSet.id, StackId: changeSet.stackId };
    },

    DescribeChangeSet: (input, { region }) => {
      const changeSet = stacks.changeSets.get(region, input.ChangeSetName, input.StackName);
      const { items, next } = page(changeSet.changes, input.NextToken, PAGE);
      const { definition } = changeSet;
      return {
        ...summaryShape(changeSet),
        Parameters: shownParameters(definition),
        NotificationARNs: definition.notificationArns,
        RollbackConfiguration: {},
        Capabilities: definition.capabilities,
        Tags: definition.tags,
        Changes: items.map(changeShape),
        OnStackFailure: changeSet.onStackFailure,
        ...(next && { NextToken: next }),
      };
    },

    ListChangeSets: (input, { region }) => {
      const stack = stacks.get(region, input.StackName);
      const { items, next } = page(stacks.changeSets.list(stack), input.NextToken, PAGE);
      return { Summaries: items.map(summaryShape), ...(next && { NextToken: next }) };
    },

    ExecuteChangeSet: async (input, { region, caller }) => {
      const { ClientRequestToken: token, DisableRollback: disableRollback = false } = input;
      const changeSet = stacks.changeSets.get(region, input.ChangeSetName, input.StackName);
      await stacks.changeSets.execute(changeSet, { disableRollback, caller, ...(token !== undefined && { token }) });
      await stacks.prompt(changeSet.stackId);
      return {};
    },

    DeleteChangeSet: async ({ ChangeSetName: name, StackName: stackName }, { region }) => {
      // What is not there needs no deleting: CDK asks for it before it makes its own.
      const isGone =
        stackName !== undefined && !stacks.changeSets.list(stacks.get(region, stackName)).some(isCalled(name));
      if (!isGone || name.startsWith('arn:')) {
        await stacks.changeSets.delete(stacks.changeSets.get(region, name, stackName));
      }
      return {};
    },
  };
}

const isCalled = (name: string) => (changeSet: ChangeSet) => changeSet.name === name;

function summaryShape(changeSet: ChangeSet): object {
  return {
    ChangeSetId: changeSet.id,
    ChangeSetName: changeSet.name,
    StackId: changeSet.stackId,
    StackName: changeSet.stackName,
    ...(changeSet.description !== undefined && { Description: changeSet.description }),
    CreationTime: new Date(changeSet.createdAt),
    ExecutionStatus: changeSet.executionStatus,
    Status: changeSet.status,
    ...(changeSet.reason !== undefined && { StatusReason: changeSet.reason }),
    IncludeNestedStacks: changeSet.includesNested ?? false,
    ...(changeSet.parentId !== undefined && { ParentChangeSetId: changeSet.parentId }),
    ...(changeSet.rootId !== undefined && { RootChangeSetId: changeSet.rootId }),
  };
}

function changeShape(change: Change): object {
  return {
    Type: 'Resource',
    ResourceChange: {
      Action: change.action,
      LogicalResourceId: change.logicalId,
      ...(change.physicalId !== undefined && { PhysicalResourceId: change.physicalId }),
      ResourceType: change.type,
      ...(change.changeSetId !== undefined && { ChangeSetId: change.changeSetId }),
      ...(change.replacement !== undefined && { Replacement: change.replacement }),
      Scope: change.scope,
      Details: change.properties.map(detailShape),
    },
  };
}

function detailShape({ name, requiresRecreation, evaluation, cause }: ChangedProperty): object {
  const tags = name === 'Tags';
  return {
    Target: {
      Attribute: tags ? 'Tags' : 'Properties',
      ...(!tags && { Name: name }),
      RequiresRecreation: requiresRecreation,
    },
    Evaluation: evaluation,
    ChangeSource:
      cause === undefined ? 'DirectModification' : cause.includes('.') ? 'ResourceAttribute' : 'ResourceReference',
    ...(cause !== undefined && { CausingEntity: cause }),
  };
}
