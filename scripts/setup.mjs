// Makes a bare clone ready to run: packages, ffmpeg, compiled code. Does only what is missing and says what it does.
// Plain Node without dependencies, because it runs before there are any.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const say = (text) => process.stderr.write(`setup: ${text}\n`);

requireNode();
installPackages();
installFfmpeg();
if (process.argv.includes('--for-tests')) installChromium();
build();

function requireNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return;
  fail(
    `Node ${process.versions.node} is too old: touchline needs 20.19 or newer. Install it from https://nodejs.org/`,
  );
}

/** `npm ci`, once per lock file: the stamp holds the hash of the lock that was installed. */
function installPackages() {
  const lockHash = hashOf(['package-lock.json']);
  const stamp = join(root, 'node_modules/.touchline-lock');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lockHash) return;
  say('installing the packages named in package-lock.json (npm ci)');
  // onnxruntime-node would fetch CUDA libraries at install; the CPU ones are inside the package.
  const env = { ...process.env, ONNXRUNTIME_NODE_INSTALL: 'skip' };
  run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    env,
    shell: process.platform === 'win32',
  });
  writeFileSync(stamp, lockHash);
}

function installFfmpeg() {
  if (works('ffmpeg', ['-version']) && works('ffprobe', ['-version'])) return;
  const isDebianRoot = process.getuid?.() === 0 && works('apt-get', ['--version']);
  if (!isDebianRoot) {
    const line =
      process.platform === 'darwin'
        ? 'brew install ffmpeg'
        : 'sudo apt-get update && sudo apt-get install -y ffmpeg';
    fail(`ffmpeg and ffprobe are not on the PATH. Install them with: ${line}`);
  }
  say('installing ffmpeg from Debian (apt-get install ffmpeg)');
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  run('apt-get', ['update', '-qq'], { env });
  run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', 'ffmpeg'], { env });
}

/** The browser suite drives a real one. Without it the suite is counted as skipped, so this is no reason to stop. */
function installChromium() {
  if (works('/usr/bin/chromium', ['--version'])) return;
  const isDebianRoot = process.getuid?.() === 0 && works('apt-get', ['--version']);
  if (!isDebianRoot) {
    say('the browser tests will be skipped: they need Chromium (sudo apt-get install -y chromium)');
    return;
  }
  say('installing chromium from Debian for the browser tests (apt-get install chromium)');
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  run('apt-get', ['update', '-qq'], { env });
  run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', 'chromium'], { env });
}

/** Compiles when a source is newer than what was compiled. */
function build() {
  const built = join(root, 'dist/cli/main.js');
  if (existsSync(built) && statSync(built).mtimeMs > newestSourceMs()) return;
  say('compiling to dist/');
  run(process.execPath, ['scripts/build.mjs']);
}

function newestSourceMs() {
  const skipped = new Set(['node_modules', 'dist', '.git', '.touchline', 'test', 'bench', 'docs']);
  let newest = 0;
  const walk = (folder) => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      if (skipped.has(entry.name)) continue;
      const path = join(folder, entry.name);
      if (entry.isDirectory()) walk(path);
      else newest = Math.max(newest, statSync(path).mtimeMs);
    }
  };
  walk(root);
  return newest;
}

function hashOf(files) {
  const hash = createHash('sha256');
  for (const file of files) hash.update(readFileSync(join(root, file)));
  return hash.digest('hex');
}

function works(command, args) {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0;
}

function run(command, args, options = {}) {
  const done = spawnSync(command, args, { cwd: root, stdio: ['ignore', 2, 2], ...options });
  if (done.status === 0) return;
  fail(
    `"${command} ${args.join(' ')}" ended with ${done.error?.message ?? `exit code ${done.status}`} (its output is above)`,
  );
}

function fail(text) {
  say(text);
  process.exit(69); // EX_UNAVAILABLE: something this program needs is missing
}
