import type { CrashSubject } from '../subject.ts';
import { logSubject } from './log.ts';

/** Every store that the crash tests run. */
export const SUBJECTS: readonly CrashSubject[] = [logSubject];
