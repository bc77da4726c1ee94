import type { GenerateClientCertificateCommandInput } from '@aws-sdk/client-api-gateway';
import type { Operation } from '../../index.ts';
import type { RestApis } from '../apis.ts';
import type { ClientCertificate } from '../certificates.ts';
import { checkTags } from '../checks.ts';
import { badRequest } from '../errors.ts';
import { type PatchOperation, patched } from '../patch.ts';
import { taken } from './changes.ts';
import { type PageInput, pageOf } from './paging.ts';

interface Input extends PageInput {
  readonly clientCertificateId: string;
  readonly patchOperations?: readonly PatchOperation[];
}

/** GenerateClientCertificate, and Get, list, Update and Delete of client certificates. */
export function certificateOperations(apis: RestApis): Record<string, Operation> {
  const { certificates } = apis;
  return {
    GenerateClientCertificate: async (input: GenerateClientCertificateCommandInput, { region }) => {
      const { tags = {} } = input;
      checkTags(tags);
      const described = taken({ ...input }, ['description']) as { description?: string };
      return shapeOf(await certificates.generate({ ...described, id: apis.newPartId(), region, tags }));
    },
    GetClientCertificate: ({ clientCertificateId }: Input, { region }) =>
      shapeOf(certificates.get(region, clientCertificateId)),
    GetClientCertificates: (input: Input, { region }) => {
      const { items, ...next } = pageOf(certificates.list(region), ({ id }) => id, input);
      return { items: items.map(shapeOf), ...next };
    },
    UpdateClientCertificate: async ({ clientCertificateId, patchOperations }: Input, { region }) =>
      shapeOf(
        await certificates.change(region, clientCertificateId, (before) =>
          patched(before, patchOperations, { description: 'text' }),
        ),
      ),
    DeleteClientCertificate: async ({ clientCertificateId }: Input, { region }) => {
      const user = apis.list(region).find(({ stages }) => {
        return Object.values(stages).some((stage) => stage.clientCertificateId === clientCertificateId);
      });
      if (user) throw badRequest(`Client certificate ${clientCertificateId} is used by a stage of API ${user.id}`);
      await certificates.delete(region, clientCertificateId);
    },
  };
}

function shapeOf({ id, description, tags, certificate, createdAt, expiresAt }: ClientCertificate) {
  return {
    ...{ clientCertificateId: id, pemEncodedCertificate: certificate, tags },
    ...(description !== undefined && { description }),
    createdDate: new Date(createdAt),
    expirationDate: new Date(expiresAt),
  };
}
