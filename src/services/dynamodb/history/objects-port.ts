import type { Objects } from '../../../store/index.ts';

/** Where tables are exported to and imported from: the buckets of the node. */
export type Buckets = Pick<Objects, 'get' | 'put' | 'list'>;
