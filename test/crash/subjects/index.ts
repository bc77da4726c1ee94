import type { CrashSubject } from '../subject.ts';
import { deliverySubject } from './delivery.ts';
import { dynamodbSubject } from './dynamodb.ts';
import { eventsSubject } from './events.ts';
import { logSubject } from './log.ts';
import { mqttSubject } from './mqtt.ts';
import { objectsSubject } from './objects.ts';
import { pollersSubject } from './pollers.ts';
import { recordsSubject } from './records.ts';
import { s3Subject } from './s3.ts';
import { secretsSubject } from './secrets.ts';
import { seriesSubject } from './series.ts';
import { snsSubject } from './sns.ts';
import { sqsSubject } from './sqs.ts';
import { stacksSubject } from './stacks.ts';
import { tablesSubject } from './tables.ts';

/** Everything durable that the crash tests run. */
export const SUBJECTS: readonly CrashSubject[] = [
  logSubject,
  recordsSubject,
  objectsSubject,
  seriesSubject,
  deliverySubject,
  eventsSubject,
  sqsSubject,
  snsSubject,
  pollersSubject,
  mqttSubject,
  dynamodbSubject,
  s3Subject,
  secretsSubject,
  stacksSubject,
  tablesSubject,
];
