import { dateTime, nameOf } from '../format.ts';
import { Panel } from '../parts.tsx';
import type { DeviceDetail, DevicePrincipal } from './fleet-api.ts';

/** Who the device may come in as: its certificates and other principals. */
export function Principals(props: { readonly device: DeviceDetail }) {
  const { principals, isThing } = props.device;
  return (
    <Panel id="device-principals" title="Certificates">
      {principals.length === 0 && (
        <p class="quiet-note">
          {isThing
            ? 'No principal is attached to the thing: AttachThingPrincipal does that.'
            : 'It has come in without a certificate.'}
        </p>
      )}
      <ul class="principals">
        {principals.map((principal) => (
          <Principal key={principal.principal} principal={principal} />
        ))}
      </ul>
    </Panel>
  );
}

function Principal(props: { readonly principal: DevicePrincipal }) {
  const { principal, isAttached, isExclusive, certificate, policies } = props.principal;
  const isActive = certificate === undefined || certificate.status === 'ACTIVE';
  return (
    <li>
      <div class="principal-head">
        <code title={principal}>{shortened(nameOf(principal))}</code>
        {certificate && (
          <b class={isActive ? 'good' : 'bad'}>{certificate.status.toLowerCase().replaceAll('_', ' ')}</b>
        )}
        {isExclusive && <span class="quiet-note">has this thing and no other</span>}
        {!isAttached && <span class="quiet-note">in use, not attached to the thing</span>}
      </div>
      {certificate && (
        <dl class="facts">
          {certificate.subject !== undefined && (
            <div>
              <dt>subject</dt>
              <dd>{certificate.subject}</dd>
            </div>
          )}
          {certificate.issuer !== undefined && (
            <div>
              <dt>issuer</dt>
              <dd>{certificate.issuer}</dd>
            </div>
          )}
          {certificate.validTo !== undefined && (
            <div class={certificate.validTo < Date.now() ? 'bad' : ''}>
              <dt>{certificate.validTo < Date.now() ? 'expired' : 'valid until'}</dt>
              <dd>{dateTime(certificate.validTo)}</dd>
            </div>
          )}
        </dl>
      )}
      {policies && (
        <p class="quiet-note">
          {policies.length === 0 ? 'No policy is attached: it may do nothing.' : `Policies: ${policies.join(', ')}`}
        </p>
      )}
    </li>
  );
}

/** A certificate's id is 64 digits long; its ends tell it. */
function shortened(id: string): string {
  return id.length > 24 ? `${id.slice(0, 12)}…${id.slice(-8)}` : id;
}
