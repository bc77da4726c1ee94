import { join } from 'node:path';
import type { Rig, Scenario } from '../scenario.ts';
import { authorizers } from './iot/authorizers.ts';
import { authorities, certificates } from './iot/certificates.ts';
import { attachments, policies } from './iot/policies.ts';
import { provisioning } from './iot/provisioning.ts';
import { deprecateTypes, registry } from './iot/registry.ts';
import { rules } from './iot/rules.ts';

const ONE_ACCOUNT = 'a node has one account: no certificate is ever on its way to another';

/** The control plane of IoT Core: registry, certificates, policies, authorizers, rules, provisioning. */
export const iot: Scenario = {
  service: 'iot',
  refused: {
    TransferCertificate: ONE_ACCOUNT,
    AcceptCertificateTransfer: ONE_ACCOUNT,
    RejectCertificateTransfer: ONE_ACCOUNT,
    CancelCertificateTransfer: ONE_ACCOUNT,
  },
  configure: async (directory) => {
    const dataDirectory = join(directory, 'older');
    await deprecateTypes(dataDirectory);
    return { dataDirectory };
  },
  async run(rig: Rig) {
    await registry(rig);
    await certificates(rig);
    await authorities(rig);
    await policies(rig);
    await attachments(rig);
    await authorizers(rig);
    await rules(rig);
    await provisioning(rig);
  },
};
