import type { CrashSubject } from '../subject.ts';
import { logSubject } from './log.ts';
import { objectsSubject } from './objects.ts';
import { recordsSubject } from './records.ts';
import { seriesSubject } from './series.ts';

/** Every store that the crash tests run. */
export const SUBJECTS: readonly CrashSubject[] = [logSubject, recordsSubject, objectsSubject, seriesSubject];
