import type { Operation } from '../../index.ts';
import { parameterInvalid } from '../errors.ts';
import { SQS_LIMITS } from '../limits.ts';
import { formatTaskHandle, type MoveTask } from '../move-task.ts';
import type { MoveTasks } from '../move-tasks.ts';

/** StartMessageMoveTask, ListMessageMoveTasks, CancelMessageMoveTask. */
export function moveTaskOperations(tasks: MoveTasks): Record<string, Operation> {
  return {
    StartMessageMoveTask: async ({ SourceArn, DestinationArn, MaxNumberOfMessagesPerSecond }) => {
      const task = await tasks.start(SourceArn, {
        destinationArn: DestinationArn,
        rateMax: MaxNumberOfMessagesPerSecond,
      });
      return { TaskHandle: formatTaskHandle(task) };
    },

    ListMessageMoveTasks: ({ SourceArn, MaxResults = 1 }) => {
      if (MaxResults < 1 || MaxResults > SQS_LIMITS.moveTasksKept) {
        throw parameterInvalid(MaxResults, 'MaxResults', `Must be between 1 and ${SQS_LIMITS.moveTasksKept}.`);
      }
      const Results = tasks.list(SourceArn, MaxResults).map(shapeOf);
      return Results.length === 0 ? {} : { Results };
    },

    CancelMessageMoveTask: async ({ TaskHandle }) => ({
      ApproximateNumberOfMessagesMoved: (await tasks.cancel(TaskHandle)).moved,
    }),
  };
}

/** A task has a handle as long as there is something to cancel. */
function shapeOf(task: MoveTask) {
  const { sourceArn, destinationArn, rateMax, startedAt, status, moved, toMove, failureReason } = task;
  return {
    ...(status === 'RUNNING' && { TaskHandle: formatTaskHandle(task) }),
    Status: status,
    SourceArn: sourceArn,
    ...(destinationArn !== undefined && { DestinationArn: destinationArn }),
    ...(rateMax !== undefined && { MaxNumberOfMessagesPerSecond: rateMax }),
    ApproximateNumberOfMessagesMoved: moved,
    ApproximateNumberOfMessagesToMove: toMove,
    ...(failureReason !== undefined && { FailureReason: failureReason }),
    StartedTimestamp: startedAt,
  };
}
