import type { CrashSubject } from '../subject.ts';
import { deliverySubject } from './delivery.ts';
import { logSubject } from './log.ts';
import { sqsSubject } from './sqs.ts';

/** Every store that the crash tests run. */
export const SUBJECTS: readonly CrashSubject[] = [logSubject, deliverySubject, sqsSubject];
