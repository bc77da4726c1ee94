import type { Operation } from '../../index.ts';
import { invalid } from '../errors.ts';
import type { Stack, StackEvent, StackResource } from '../stacks/model.ts';
import type { Stacks } from '../stacks/stacks.ts';
import { page, readToken, writeToken } from './paging.ts';

const PAGE = 100;

export function resourceOperations(stacks: Stacks): Readonly<Record<string, Operation>> {
  return {
    DescribeStackEvents: async (input, { region }) => {
      const stack = stackOf(stacks, region, input.StackName, 'events');
      const before = input.NextToken === undefined ? undefined : readToken(input.NextToken);
      const events = await stacks.events(stack, before, PAGE);
      const oldest = (before ?? stack.eventsWritten) - events.length;
      const more = events.length === PAGE && oldest > 0;
      return { StackEvents: events.map(eventShape), ...(more && { NextToken: writeToken(oldest) }) };
    },

    DescribeStackResource: (input, { region }) => {
      const stack = stacks.get(region, input.StackName);
      const resource = stack.resources[input.LogicalResourceId];
      if (!resource) throw invalid(`Resource ${input.LogicalResourceId} does not exist for stack ${input.StackName}`);
      return { StackResourceDetail: detailShape(stack, resource) };
    },

    DescribeStackResources: (input, { region }) => {
      const found = input.StackName
        ? { stack: stacks.get(region, input.StackName), physicalId: undefined }
        : { stack: byPhysicalId(stacks, region, input.PhysicalResourceId), physicalId: input.PhysicalResourceId };
      const wanted = Object.values(found.stack.resources).filter(
        ({ logicalId }) => input.LogicalResourceId === undefined || logicalId === input.LogicalResourceId,
      );
      if (input.LogicalResourceId !== undefined && wanted.length === 0) {
        throw invalid(`Resource ${input.LogicalResourceId} does not exist for stack ${input.StackName}`);
      }
      return { StackResources: wanted.map((resource) => resourceShape(found.stack, resource)) };
    },

    ListStackResources: (input, { region }) => {
      const stack = stacks.get(region, input.StackName);
      const { items, next } = page(Object.values(stack.resources), input.NextToken, PAGE);
      return {
        StackResourceSummaries: items.map((resource) => summaryShape(stack, resource)),
        ...(next && { NextToken: next }),
      };
    },
  };
}

function stackOf(stacks: Stacks, region: string, name: string | undefined, what: string): Stack {
  if (name === undefined) throw invalid(`StackName is required to describe ${what}`);
  const stack = stacks.find(region, name);
  if (!stack) throw invalid(`Stack [${name}] does not exist`);
  return stack;
}

function byPhysicalId(stacks: Stacks, region: string, physicalId: string | undefined): Stack {
  const holds = (stack: Stack) => Object.values(stack.resources).some((resource) => resource.physicalId === physicalId);
  const stack = physicalId && stacks.list(region).find(holds);
  if (!stack) throw invalid(`Stack for ${physicalId} does not exist`);
  return stack;
}

function summaryShape({ drift }: Stack, resource: StackResource): object {
  const found = drift?.resources.find(({ logicalId }) => logicalId === resource.logicalId);
  return {
    LogicalResourceId: resource.logicalId,
    ...(resource.physicalId && { PhysicalResourceId: resource.physicalId }),
    ResourceType: resource.type,
    LastUpdatedTimestamp: new Date(resource.changedAt),
    ResourceStatus: resource.status,
    ...(resource.reason !== undefined && { ResourceStatusReason: resource.reason }),
    DriftInformation: {
      StackResourceDriftStatus: found?.status ?? 'NOT_CHECKED',
      ...(found && { LastCheckTimestamp: new Date(found.at) }),
    },
  };
}

function resourceShape(stack: Stack, resource: StackResource): object {
  const { LastUpdatedTimestamp: Timestamp, ...shape } = summaryShape(stack, resource) as Record<string, unknown>;
  return { StackName: stack.name, StackId: stack.id, ...shape, Timestamp };
}

function detailShape(stack: Stack, resource: StackResource): object {
  const metadata = resource.metadata;
  return {
    StackName: stack.name,
    StackId: stack.id,
    ...summaryShape(stack, resource),
    ...(metadata !== undefined && { Metadata: JSON.stringify(metadata) }),
  };
}

function eventShape(event: StackEvent): object {
  return {
    StackId: event.stackId,
    EventId: event.id,
    StackName: event.stackName,
    LogicalResourceId: event.logicalId,
    PhysicalResourceId: event.physicalId,
    ResourceType: event.type,
    Timestamp: new Date(event.at),
    ResourceStatus: event.status,
    ...(event.reason !== undefined && { ResourceStatusReason: event.reason }),
    ...(event.properties !== undefined && { ResourceProperties: event.properties }),
    ...(event.token !== undefined && { ClientRequestToken: event.token }),
  };
}
