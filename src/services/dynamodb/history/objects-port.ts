import type { Objects } from '../../../store/index.ts';
import type { Caller } from '../../index.ts';

/** Where tables are exported to and imported from: the buckets of the node. */
export type Buckets = Pick<Objects, 'get' | 'put' | 'list'>;

/** Asks whether somebody may read an object, now. @throws DomainError `access-denied`  (rejects) they may not */
export type CheckRead = (by: Caller, bucket: string, key: string) => Promise<void>;
