import type { Operation } from '../../index.ts';
import { invalid } from '../errors.ts';
import { CLOUDFORMATION_LIMITS } from '../limits.ts';
import type { ResourceDrift, Stack } from '../stacks/model.ts';
import type { Stacks } from '../stacks/stacks.ts';
import { page } from './paging.ts';

const PAGE = 100;

export function driftOperations(stacks: Stacks): Readonly<Record<string, Operation>> {
  return {
    DetectStackDrift: async (input, { region, caller }) => {
      const { LogicalResourceIds: only } = input;
      const { id } = await stacks.detectDrift(region, input.StackName, { caller, ...(only && { only }) });
      return { StackDriftDetectionId: id };
    },

    DetectStackResourceDrift: async (input, { region, caller }) => {
      const id = input.LogicalResourceId;
      const stack = stacks.get(region, input.StackName);
      if (!stack.resources[id]) throw invalid(`Resource ${id} does not exist for stack ${input.StackName}`);
      const { resources } = await stacks.detectDrift(region, input.StackName, { caller, only: [id] });
      const drift = resources.find(({ logicalId }) => logicalId === id);
      if (!drift) throw invalid(`Resource ${id} does not exist yet`);
      return { StackResourceDrift: shapeOf(stacks, stack, drift) };
    },

    DescribeStackDriftDetectionStatus: (input, { region }) => {
      const found = stacks.list(region).find(({ drift }) => drift?.id === input.StackDriftDetectionId);
      if (!found) throw invalid(`Stack drift detection with id ${input.StackDriftDetectionId} does not exist`);
      const { id, at, status, drifted } = found.drift!;
      return {
        StackId: found.id,
        StackDriftDetectionId: id,
        StackDriftStatus: status,
        DetectionStatus: 'DETECTION_COMPLETE',
        DriftedStackResourceCount: drifted,
        Timestamp: new Date(at),
      };
    },

    DescribeStackResourceDrifts: (input, { region }) => {
      const stack = stacks.get(region, input.StackName);
      const filter: readonly string[] | undefined = input.StackResourceDriftStatusFilters;
      const found = (stack.drift?.resources ?? []).filter(({ status }) =>
        filter?.length ? filter.includes(status) : status !== 'NOT_CHECKED',
      );
      const { items, next } = page(found, input.NextToken, PAGE);
      return {
        StackResourceDrifts: items.map((drift) => shapeOf(stacks, stack, drift)),
        ...(next && { NextToken: next }),
      };
    },

    DescribeAccountLimits: () => ({
      AccountLimits: [
        { Name: 'StackLimit', Value: CLOUDFORMATION_LIMITS.stacksMax },
        { Name: 'StackOutputsLimit', Value: CLOUDFORMATION_LIMITS.outputsMax },
      ],
    }),
  };
}

function shapeOf(stacks: Stacks, stack: Stack, drift: ResourceDrift): object {
  const { logicalId, at, status, differences, actual } = drift;
  const shown = (value: object) => stacks.masked(stack, JSON.stringify(value));
  const { type, physicalId, properties } = stack.resources[logicalId] ?? { type: '', physicalId: '', properties: {} };
  return {
    StackId: stack.id,
    LogicalResourceId: logicalId,
    PhysicalResourceId: physicalId,
    ResourceType: type,
    ...(status !== 'NOT_CHECKED' && { ExpectedProperties: shown(properties) }),
    ...(actual && { ActualProperties: shown(actual) }),
    PropertyDifferences: differences.map((one) => ({
      PropertyPath: one.path,
      ExpectedValue: one.expected,
      ActualValue: one.actual,
      DifferenceType: one.kind,
    })),
    StackResourceDriftStatus: status,
    Timestamp: new Date(at),
  };
}
