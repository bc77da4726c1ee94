/**
 * Makes a checkout ready: installs the pinned packages when they are not there yet, says what it does, and is quick when there
 * is nothing to do. Plain JavaScript for any Node, since it runs before Node 24 is there: npm then finds that one first.
 *
 *   node scripts/setup.mjs             what it takes to run
 *   node scripts/setup.mjs --clients   also the real clients that the tests drive (mosquitto, boto3, aws, Chromium, CDK)
 *   node scripts/setup.mjs --pictures  also what examples/image-pipeline imports
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';

/** Debian packages of the sandbox, likewise; functions are isolated with them, and run without. */
const SANDBOX = {
  bubblewrap: '/usr/bin/bwrap',
  slirp4netns: '/usr/bin/slirp4netns',
  iproute2: '/usr/bin/ip',
};

const STAMP = 'node_modules/.millrace-setup';
const SANDBOX_STAMP = 'node_modules/.millrace-setup-sandbox';
/** A mirror that does not answer must not hold up the start for longer. */
const INSTALL_MS_MAX = 120_000;

/** What the functions of examples/image-pipeline import, for all Pythons of the machine. */
const PICTURES = {
  'python3-boto3': '/usr/lib/python3/dist-packages/boto3/__init__.py',
  'python3-pil': '/usr/lib/python3/dist-packages/PIL/__init__.py',
};

/** Debian packages of the clients, by a file that shows they are there. */
const CLIENTS = {
  mosquitto: '/usr/sbin/mosquitto',
  'mosquitto-clients': '/usr/bin/mosquitto_pub',
  awscli: '/usr/bin/aws',
  ...PICTURES,
  'python3-paho-mqtt': '/usr/lib/python3/dist-packages/paho/mqtt/client.py',
  // Chromium without windows: less to load, and to start. The whole one does where it is there already.
  ...(!existsSync('/usr/bin/chromium') && { 'chromium-headless-shell': '/usr/bin/chromium-headless-shell' }),
  curl: '/usr/bin/curl',
  // What builds AWS's runtime client, and the runtime in C of the tests.
  cmake: '/usr/bin/cmake',
  'g++': '/usr/bin/g++',
  make: '/usr/bin/make',
  'xz-utils': '/usr/bin/xz',
};

/**
 * AWS's own runtime client for Node, unmodified: it builds a native part when it is installed, so that only the tests have it. Not in
 * package.json, which everybody installs.
 */
const RUNTIME_CLIENT = { name: 'aws-lambda-ric', version: '4.0.2', needs: ['cmake', 'make', 'g++', 'xz'] };

/** CDK: a CLI with the library that it matches, for the tests that deploy with it. Large, so not in package.json either. */
const CDK = { 'aws-cdk': '2.1148.1', 'aws-cdk-lib': '2.276.0', constructs: '10.8.1' };

installPackages();
installSandbox();
if (process.argv.includes('--clients')) {
  installDebian(CLIENTS, 'the clients that the tests drive', 'tests that drive them are skipped by name');
  installRuntimeClient();
  installCdk();
} else if (process.argv.includes('--pictures')) {
  installDebian(PICTURES, 'what the example imports', 'the example cannot run');
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

/** Only where it takes no password, and never in the way of a start. */
function installSandbox() {
  const missing = missingOf(SANDBOX);
  if (process.platform !== 'linux' || missing.length === 0) return;
  const apt = aptGet();
  const allowed = apt && spawnSync(apt[0], [...apt.slice(1), '--version'], { stdio: 'ignore' }).status === 0;
  if (!allowed || existsSync(SANDBOX_STAMP)) {
    say(`functions run without isolation: install ${missing.join(', ')} (millrace doctor says more)`);
    return;
  }
  say(`installing what isolates functions: ${missing.join(', ')} ...`);
  // Tried once: a machine without a mirror must not wait for it at every start.
  writeFileSync(SANDBOX_STAMP, '');
  for (const step of [
    ['update', '-qq'],
    ['install', '-y', '-qq', '--no-install-recommends', ...missing],
  ]) {
    const { status, stderr } = spawnSync(apt[0], [...apt.slice(1), ...step], {
      encoding: 'utf8',
      timeout: INSTALL_MS_MAX,
    });
    if (status === 0) continue;
    say(`not installed, so functions run without isolation: ${stderr?.trim().split('\n')[0] ?? 'apt-get failed'}`);
    return;
  }
}

/** `apt-get` as whoever may install; nothing where there is none. */
function aptGet() {
  if (!existsSync('/usr/bin/apt-get')) return undefined;
  const sudo = process.getuid() === 0 ? [] : ['sudo', '-n'];
  return [...sudo, 'env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get'];
}

function missingOf(packages) {
  return Object.entries(packages)
    .filter(([, file]) => !existsSync(file))
    .map(([name]) => name);
}

function installDebian(packages, what, without) {
  const missing = missingOf(packages);
  if (missing.length === 0) return;
  const apt = aptGet();
  if (!apt) {
    say(`${without}: install ${missing.join(', ')} with your package manager`);
    return;
  }
  say(`installing ${what}: ${missing.join(', ')} ...`);
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
  const failure = installInto(folder, { [name]: version });
  if (failure !== undefined) say(`tests that drive ${name} are skipped by name: it could not be built\n${failure}`);
}

function installCdk() {
  const folder = 'node_modules/.millrace-clients/aws-cdk';
  if (Object.entries(CDK).every(([name, version]) => installedVersion(folder, name) === version)) return;
  say(`installing aws-cdk ${CDK['aws-cdk']} with aws-cdk-lib ${CDK['aws-cdk-lib']} for the tests (once, 214 MB) ...`);
  const failure = installInto(folder, CDK);
  say(failure === undefined ? 'aws-cdk is in place' : `tests that deploy with aws-cdk are skipped by name\n${failure}`);
}

function installedVersion(folder, name) {
  const manifest = `${folder}/node_modules/${name}/package.json`;
  return existsSync(manifest) ? JSON.parse(readFileSync(manifest, 'utf8')).version : undefined;
}

/** @returns why it failed, if it has */
function installInto(folder, packages) {
  mkdirSync(folder, { recursive: true });
  const install = ['install', '--prefix', folder, '--no-save', '--no-audit', '--no-fund', '--loglevel=error'];
  const wanted = Object.entries(packages).map(([name, version]) => `${name}@${version}`);
  const { status, stderr, error } = spawnSync('npm', [...install, ...wanted], { encoding: 'utf8' });
  return status === 0 ? undefined : (error?.message ?? stderr);
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
