import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { startChild, type ProcessExit, type RunningChild } from '../../core/process.ts';
import { Changes } from './rtmp-changes.ts';

/** OBS Studio on a display of its own, with a profile that streams 320x180 at 25 fps from the moment it starts. */
export interface RunningObs {
  /** What it has logged. */
  lines: string[];
  /** Resolves when a line holds the text, or OBS has ended: then with false. */
  logs(text: string): Promise<boolean>;
  stop(): Promise<ProcessExit>;
}

export async function startObs(options: {
  folder: string;
  server: string;
  key: string;
}): Promise<RunningObs> {
  const display = await startDisplay();
  const { folder } = options;
  writeProfile(options);
  const child = await startChild({
    command: 'obs',
    args: [
      '--startstreaming',
      '--multi',
      '--disable-missing-files-check',
      '--profile',
      'test',
      '--collection',
      'test',
    ],
    env: {
      PATH: '/usr/bin:/bin',
      HOME: folder,
      XDG_CONFIG_HOME: folder,
      XDG_RUNTIME_DIR: folder,
      QT_QPA_PLATFORM: 'xcb',
      DISPLAY: display.name,
      LIBGL_ALWAYS_SOFTWARE: '1',
    },
    wallMsMax: 90_000,
  });
  const lines: string[] = [];
  const changes = new Changes();
  let isOver = false;
  void child.exit.then(() => {
    isOver = true;
    changes.note();
  });
  const [stdout] = child.outputs;
  if (stdout) {
    createInterface(stdout).on('line', (line) => {
      lines.push(line);
      changes.note();
    });
  }
  const isLogged = (text: string): boolean => lines.some((line) => line.includes(text));
  return {
    lines,
    logs: async (text) => {
      await changes.until(() => isOver || isLogged(text));
      return isLogged(text);
    },
    stop: async () => {
      // Asked politely while it streams, it opens a dialog.
      child.kill();
      const exit = await child.exit;
      display.xvfb.kill();
      await display.xvfb.exit;
      return exit;
    },
  };
}

async function startDisplay(): Promise<{ name: string; xvfb: RunningChild }> {
  const args = ['-displayfd', '1', '-screen', '0', '640x480x24', '-nolisten', 'tcp'];
  const xvfb = await startChild({ command: 'Xvfb', args, wallMsMax: 120_000 });
  const [stdout] = xvfb.outputs;
  if (!stdout) throw new Error('Xvfb has no stdout');
  for await (const line of createInterface(stdout)) return { name: `:${line.trim()}`, xvfb };
  throw new Error(`Xvfb did not start: ${(await xvfb.exit).stderrTail.join(' | ')}`);
}

function writeProfile(options: { folder: string; server: string; key: string }): void {
  const write = (path: string, text: string): void => {
    const whole = join(options.folder, 'obs-studio', path);
    mkdirSync(join(whole, '..'), { recursive: true });
    writeFileSync(whole, text);
  };
  write(
    'global.ini',
    `[General]\nFirstRun=true\nEnableAutoUpdates=false\n[Basic]\nProfile=test\nProfileDir=test\nSceneCollection=test\nSceneCollectionFile=test\n`,
  );
  write(
    'basic/profiles/test/basic.ini',
    `[General]\nName=test\n[Output]\nMode=Simple\nReconnect=true\nRetryDelay=1\nMaxRetries=5\n[SimpleOutput]\nVBitrate=500\nABitrate=96\nStreamEncoder=x264\nPreset=ultrafast\n[Video]\nBaseCX=320\nBaseCY=180\nOutputCX=320\nOutputCY=180\nFPSCommon=25 PAL\n`,
  );
  const settings = { server: options.server, key: options.key, bwtest: false, use_auth: false };
  write('basic/profiles/test/service.json', JSON.stringify({ type: 'rtmp_custom', settings }));
  write(
    'basic/scenes/test.json',
    JSON.stringify({
      name: 'test',
      current_scene: 'Scene',
      current_program_scene: 'Scene',
      scene_order: [{ name: 'Scene' }],
      sources: [{ id: 'scene', versioned_id: 'scene', name: 'Scene', settings: { items: [] } }],
    }),
  );
}
