import { useState } from 'preact/hooks';
import { bytes, nameOf } from '../format.ts';
import { FactList, WideTable } from '../parts.tsx';
import type { FunctionDetail } from './functions-api.ts';
import { changedWords } from './words.ts';

/** What a function is: code, limits, role, variables, tags. */
export function Configuration(props: { readonly detail: FunctionDetail }) {
  const { configuration, tags, reservedConcurrency } = props.detail;
  const { Environment, Layers = [], Role } = configuration;
  const snapStart = configuration.SnapStart?.ApplyOn;
  return (
    <div class="definition">
      <FactList
        facts={[
          ['handler', configuration.Handler],
          ['architecture', configuration.Architectures?.join(', ')],
          ['code', bytes(configuration.CodeSize), `SHA-256 ${configuration.CodeSha256}`],
          ['last changed', changedWords(configuration.LastModified)],
          ['/tmp', configuration.EphemeralStorage && `${configuration.EphemeralStorage.Size} MB`],
          ['reserved concurrency', reservedConcurrency === undefined ? 'none' : String(reservedConcurrency)],
          ['SnapStart', snapStart === 'PublishedVersions' ? 'published versions' : undefined],
          ['tracing', configuration.TracingConfig?.Mode],
          ['log format', configuration.LoggingConfig?.LogFormat],
          ['log group', configuration.LoggingConfig?.LogGroup],
          ['dead letters go to', configuration.DeadLetterConfig?.TargetArn],
          ['key', configuration.KMSKeyArn],
          ['ARN', configuration.FunctionArn],
        ]}
      />
      <p>
        It runs with the rights of <a href={`#identities/role/${encodeURIComponent(nameOf(Role))}`}>{nameOf(Role)}</a>.
      </p>
      <Variables variables={Environment?.Variables ?? {}} />
      {Layers.length > 0 && (
        <>
          <h3>Layers</h3>
          <ul>
            {Layers.map(({ Arn, CodeSize }) => (
              <li key={Arn}>
                <code>{Arn}</code> {CodeSize !== undefined && bytes(CodeSize)}
              </li>
            ))}
          </ul>
        </>
      )}
      {Object.keys(tags).length > 0 && (
        <WideTable label="Tags" headings={['Tag', 'Value']}>
          {Object.entries(tags).map(([name, value]) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td class="wraps">{value}</td>
            </tr>
          ))}
        </WideTable>
      )}
    </div>
  );
}

/** Environment variables; values are shown when they are asked for, since people keep secrets in them. */
function Variables(props: { readonly variables: Readonly<Record<string, string>> }) {
  const [isShown, setIsShown] = useState(false);
  const entries = Object.entries(props.variables);
  return (
    <>
      <div class="query-line">
        <h3>Environment variables</h3>
        {entries.length > 0 && (
          <button type="button" class="plain" aria-pressed={isShown} onClick={() => setIsShown(!isShown)}>
            {isShown ? 'Hide values' : 'Show values'}
          </button>
        )}
      </div>
      {entries.length === 0 ? (
        <p class="quiet-note">None.</p>
      ) : (
        <WideTable label="Environment variables" headings={['Name', 'Value']}>
          {entries.map(([name, value]) => (
            <tr key={name}>
              <th scope="row" class="mono">
                {name}
              </th>
              <td class="mono wraps">{isShown ? value : '••••••'}</td>
            </tr>
          ))}
        </WideTable>
      )}
    </>
  );
}
