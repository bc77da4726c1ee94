import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A certificate with its key, PEM, and the files that have them. */
export interface TestCertificate {
  readonly cert: string;
  readonly key: string;
  readonly certFile: string;
  readonly keyFile: string;
  /** AWS's certificate id: SHA-256 of the DER, hex. */
  readonly id: string;
}

/** An authority of openssl's making, for certificates that have nothing to do with our own code. */
export class TestAuthority implements Disposable {
  readonly directory = mkdtempSync(join(tmpdir(), 'millrace-ca-'));
  readonly authority: TestCertificate;

  constructor() {
    const base = join(this.directory, 'ca');
    openssl(
      `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ${base}.key -out ${base}.pem -days 2`,
      ['-subj', '/CN=Test CA'],
    );
    this.authority = read(base);
  }

  /** @param names  `DNS:localhost`, `IP:127.0.0.1`; none makes a client's certificate */
  issue(commonName: string, names: readonly string[] = []): TestCertificate {
    const base = join(this.directory, commonName);
    const ca = join(this.directory, 'ca');
    const alternative = names.length > 0 ? ['-addext', `subjectAltName=${names.join(',')}`] : [];
    openssl(`req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ${base}.key -out ${base}.csr`, [
      '-subj',
      `/CN=${commonName}`,
      ...alternative,
    ]);
    openssl(`x509 -req -in ${base}.csr -CA ${ca}.pem -CAkey ${ca}.key -CAcreateserial -days 2 -copy_extensions copy`, [
      '-out',
      `${base}.pem`,
    ]);
    return read(base);
  }

  [Symbol.dispose](): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}

function openssl(words: string, more: readonly string[]): void {
  execFileSync('openssl', [...words.split(' '), ...more], { stdio: ['ignore', 'ignore', 'pipe'] });
}

function read(base: string): TestCertificate {
  const [certFile, keyFile] = [`${base}.pem`, `${base}.key`];
  const cert = readFileSync(certFile, 'utf8');
  const id = new X509Certificate(cert).fingerprint256.replaceAll(':', '').toLowerCase();
  return { cert, key: readFileSync(keyFile, 'utf8'), certFile, keyFile, id };
}
