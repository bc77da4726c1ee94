import { useState } from 'preact/hooks';
import { bytes, compact } from '../format.ts';
import { useReading } from '../hooks.ts';
import { Empty, Failure, WideTable } from '../parts.tsx';
import {
  type Alias,
  type FunctionConfiguration,
  listAliases,
  listProvisioned,
  listVersions,
  type Provisioned,
} from './functions-api.ts';
import { FunctionState } from './state.tsx';
import { changedWords } from './words.ts';

const REFRESH_MS = 5_000;

interface Parts {
  readonly versions: readonly FunctionConfiguration[];
  readonly aliases: readonly Alias[];
  /** By version or alias. */
  readonly provisioned: ReadonlyMap<string, Provisioned>;
}

/** What was published of a function, and what names point to it. */
export function Versions(props: { readonly name: string }) {
  const { name } = props;
  const [parts, setParts] = useState<Parts>();
  const error = useReading(
    async (signal) => {
      const [versions, aliases, provisioned] = await Promise.all([
        listVersions(name, signal),
        listAliases(name, signal),
        listProvisioned(name, signal),
      ]);
      const byQualifier = new Map(provisioned.map((one) => [one.FunctionArn.split(':')[7] ?? '', one]));
      setParts({ versions, aliases, provisioned: byQualifier });
    },
    REFRESH_MS,
    [name],
  );
  if (error !== undefined) return <Failure what="Versions and aliases cannot be read." error={error} />;
  if (!parts) return null;
  const { versions, aliases, provisioned } = parts;
  return (
    <div class="definition">
      <h3>Aliases</h3>
      {aliases.length === 0 ? (
        <Empty title="No alias yet.">
          <p>
            <code>aws lambda create-alias --function-name {name} --name live --function-version VERSION</code> gives a
            version a name that can be moved to the next one.
          </p>
        </Empty>
      ) : (
        <WideTable label="Aliases" headings={['Name', 'Version', 'Provisioned', 'Description']}>
          {aliases.map((alias) => (
            <tr key={alias.Name}>
              <th scope="row">{alias.Name}</th>
              <td>{versionWords(alias)}</td>
              <td>{provisionedWords(provisioned.get(alias.Name))}</td>
              <td class="wraps">{alias.Description}</td>
            </tr>
          ))}
        </WideTable>
      )}
      <h3>Versions</h3>
      <WideTable
        label="Versions"
        headings={['Version', 'State', 'Runtime', 'Memory', 'Code', 'Changed', 'Provisioned', 'Description']}
      >
        {versions.map((version) => (
          <tr key={version.Version}>
            <th scope="row">{version.Version}</th>
            <td>
              <FunctionState configuration={version} />
            </td>
            <td>{version.Runtime}</td>
            <td class="number">{version.MemorySize} MB</td>
            <td title={version.CodeSha256}>
              {bytes(version.CodeSize)} <code>{version.CodeSha256.slice(0, 8)}</code>
            </td>
            <td>{changedWords(version.LastModified)}</td>
            <td>{provisionedWords(provisioned.get(version.Version))}</td>
            <td class="wraps">{version.Description}</td>
          </tr>
        ))}
      </WideTable>
    </div>
  );
}

/** `7`, or `7 (90 %), 8 (10 %)` where it splits its traffic. */
function versionWords({ FunctionVersion, RoutingConfig }: Alias): string {
  const others = Object.entries(RoutingConfig?.AdditionalVersionWeights ?? {});
  if (others.length === 0) return FunctionVersion;
  const rest = 1 - others.reduce((sum, [, weight]) => sum + weight, 0);
  const parts = [[FunctionVersion, rest] as const, ...others];
  return parts.map(([version, weight]) => `${version} (${compact(weight * 100)} %)`).join(', ');
}

function provisionedWords(config: Provisioned | undefined): string {
  if (!config) return '–';
  const { AvailableProvisionedConcurrentExecutions: ready, RequestedProvisionedConcurrentExecutions: wanted } = config;
  return `${ready} of ${wanted} ready${config.Status === 'FAILED' ? `: ${config.StatusReason ?? 'failed'}` : ''}`;
}
