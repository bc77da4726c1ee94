/** A message move task as it is stored; registry key `source ARN/sequenceMax-id`, so that they are listed as they were started. */
export interface MoveTask {
  readonly id: string;
  readonly sourceArn: string;
  /** Absent: each message goes back to the queue that it came from. */
  readonly destinationArn?: string;
  /** Messages a second; as fast as it goes where it is absent. */
  readonly rateMax?: number;
  /** Epoch milliseconds. */
  readonly startedAt: number;
  /** Messages beyond it came after the task was started, and stay. */
  readonly sequenceMax: number;
  readonly status: 'RUNNING' | 'COMPLETED' | 'CANCELLING' | 'CANCELLED' | 'FAILED';
  readonly moved: number;
  readonly toMove: number;
  readonly failureReason?: string;
}

/** Opaque to clients: which task, and of which queue. */
export function formatTaskHandle({ id, sourceArn }: MoveTask): string {
  return Buffer.from(JSON.stringify({ taskId: id, sourceArn })).toString('base64');
}

/** `undefined` for what is no handle of ours. */
export function parseTaskHandle(handle: string): { readonly id: string; readonly sourceArn: string } | undefined {
  try {
    const { taskId: id, sourceArn } = JSON.parse(Buffer.from(handle, 'base64').toString()) as Record<string, unknown>;
    return typeof id === 'string' && typeof sourceArn === 'string' ? { id, sourceArn } : undefined;
  } catch {
    return undefined;
  }
}

/** A task that has begun and not ended. */
export function isActive({ status }: MoveTask): boolean {
  return status === 'RUNNING' || status === 'CANCELLING';
}
