// Compiles the product to dist/ and copies what is not TypeScript (rules, pages, manifests) beside it.
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const folders = [
  'core',
  'queue',
  'store',
  'ingest',
  'analytics',
  'clipper',
  'worker',
  'scaling',
  'control',
  'web',
  'cli',
];
const assetPattern = /\.(ya?ml|json|html|css|svg|js|mjs|txt|sql)$/;

rmSync(join(root, 'dist'), { recursive: true, force: true });
const tsc = spawnSync(
  process.execPath,
  [join(root, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.build.json'],
  {
    cwd: root,
    stdio: ['ignore', 2, 2],
  },
);
if (tsc.status !== 0) {
  process.stderr.write(
    'build: the TypeScript compiler found problems (above); nothing can run before they are mended\n',
  );
  process.exit(1);
}

for (const folder of folders)
  if (existsSync(join(root, folder))) copyAssets(join(root, folder), join(root, 'dist', folder));
await buildConsole();
const main = join(root, 'dist/cli/main.js');
if (statSync(main, { throwIfNoEntry: false })) chmodSync(main, 0o755);

/** The page is bundled, not copied: browsers fetch a few small files. */
async function buildConsole() {
  const { build } = await import('vite');
  await build({ configFile: join(root, 'web/console/vite.config.ts'), logLevel: 'warn' });
}

function copyAssets(from, to) {
  if (from === join(root, 'web/console')) return;
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    if (entry.isDirectory()) copyAssets(join(from, entry.name), join(to, entry.name));
    else if (assetPattern.test(entry.name))
      cpSync(join(from, entry.name), join(to, entry.name), { recursive: true });
  }
}
