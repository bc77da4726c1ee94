/**
 * Makes a checkout ready: installs the pinned packages when they are not there yet, says what it does, and is quick when there
 * is nothing to do. Plain JavaScript for any Node, since it runs before Node 24 is there: npm then finds that one first.
 *
 *   node scripts/setup.mjs             what it takes to run
 *   node scripts/setup.mjs --clients   also the real clients that the tests drive (mosquitto, boto3, aws, Chromium)
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';

const STAMP = 'node_modules/.millrace-setup';

/** Debian packages of the clients, by a file that shows they are there. */
const CLIENTS = {
  mosquitto: '/usr/sbin/mosquitto',
  'mosquitto-clients': '/usr/bin/mosquitto_pub',
  awscli: '/usr/bin/aws',
  'python3-boto3': '/usr/lib/python3/dist-packages/boto3/__init__.py',
  chromium: '/usr/bin/chromium',
};

/**
 * AWS's own runtime client for Node, unmodified: it builds a native part when it is installed, so that only the tests have it. Not in
 * package.json, which everybody installs.
 */
const RUNTIME_CLIENT = { name: 'aws-lambda-ric', version: '4.0.2', needs: ['cmake', 'make', 'g++', 'xz'] };

installPackages();
if (process.argv.includes('--clients')) {
  installClients();
  installRuntimeClient();
}

function installPackages() {
  const wanted = createHash('sha256').update(readFileSync('package-lock.json')).digest('hex');
  if (existsSync(STAMP) && readFileSync(STAMP, 'utf8') === wanted) return;
  say('installing the pinned npm packages (once, about 500 MB on disk, half a minute) ...');
  // Not `npm ci`: it wants the native packages of every platform in the lock, and a mirror may lack those of other machines.
  run('npm', ['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error']);
  writeFileSync(STAMP, wanted);
  say('packages are in place');
}

function installClients() {
  const missing = Object.entries(CLIENTS)
    .filter(([, file]) => !existsSync(file))
    .map(([name]) => name);
  if (missing.length === 0) return;
  if (!existsSync('/usr/bin/apt-get')) {
    say(`tests that drive ${missing.join(', ')} are skipped by name: install them with your package manager`);
    return;
  }
  const sudo = process.getuid() === 0 ? [] : ['sudo', '-n'];
  const apt = [...sudo, 'env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get'];
  say(`installing the clients that the tests drive: ${missing.join(', ')} ...`);
  run(apt[0], [...apt.slice(1), 'update', '-qq']);
  run(apt[0], [...apt.slice(1), 'install', '-y', '-qq', '--no-install-recommends', ...missing]);
}

function installRuntimeClient() {
  const { name, version, needs } = RUNTIME_CLIENT;
  const folder = `node_modules/.millrace-clients/${name}-${version}`;
  if (existsSync(`${folder}/node_modules/${name}/rapid-client.node`)) return;
  const missing = needs.filter((tool) => spawnSync('which', [tool]).status !== 0);
  if (missing.length > 0) {
    say(`tests that drive ${name} are skipped by name: building it needs ${missing.join(', ')}`);
    return;
  }
  say(`building ${name} ${version} for the tests (once, a minute) ...`);
  mkdirSync(folder, { recursive: true });
  const packages = ['install', '--prefix', folder, '--no-save', '--no-audit', '--no-fund', '--loglevel=error'];
  const { status, stderr } = spawnSync('npm', [...packages, `${name}@${version}`], { encoding: 'utf8' });
  if (status !== 0) say(`tests that drive ${name} are skipped by name: it could not be built\n${stderr}`);
}

function run(command, args) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
  if (status === 0) return;
  process.stderr.write(`${stdout ?? ''}${stderr ?? ''}`);
  say(`failed: ${command} ${args.join(' ')}${error ? ` (${error.message})` : ''}`);
  process.exit(1);
}

function say(text) {
  process.stderr.write(`millrace: ${text}\n`);
}
