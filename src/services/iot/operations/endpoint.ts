import type { Operation, OperationContext } from '../../index.ts';
import { IotError } from '../errors.ts';

const TYPES = ['iot:Data', 'iot:Data-ATS', 'iot:CredentialProvider', 'iot:Jobs'];

/** DescribeEndpoint: where the caller has reached us, without the scheme, as AWS gives a host. */
export const endpointOperations = {
  DescribeEndpoint: ({ endpointType = 'iot:Data' }: { endpointType?: string }, { endpoint }: OperationContext) => {
    if (!TYPES.includes(endpointType)) {
      throw new IotError('request-invalid', `endpointType must be one of ${TYPES.join(', ')}`);
    }
    return { endpointAddress: new URL(endpoint).host };
  },
} satisfies Record<string, Operation>;
