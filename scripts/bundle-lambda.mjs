// Makes one file of the Lambda that scales while no server does (docs/scaling.md): dist-lambda/index.cjs, or in the folder that is named.
// The AWS SDK is in it: what was tested is what runs, whatever the runtime of the day brings along.
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const outfile = join(resolve(process.argv[2] ?? join(root, 'dist-lambda')), 'index.cjs');
const { metafile } = await build({
  absWorkingDir: root,
  entryPoints: ['cli/lambda.ts'],
  outfile,
  bundle: true,
  platform: 'node',
  target: 'node20',
  // Some packages still ask for what they need in ways that only CommonJS has.
  format: 'cjs',
  // Of two editions of a package, the one that can be shaken.
  mainFields: ['module', 'main'],
  // Names stay, so that a stack trace says where.
  minifyWhitespace: true,
  minifySyntax: true,
  legalComments: 'eof',
  metafile: true,
  logLevel: 'warning',
});
const [output] = Object.values(metafile.outputs);
process.stdout.write(`${outfile} ${Math.round(output.bytes / 1024)} KB\n`);
