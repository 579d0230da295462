import { signal } from '@preact/signals';

import { type FrameClock, framesPerSecond, videoTimeOfFrame } from './frame-clock.ts';

interface Stretch {
  fromFrame: number;
  /** Not shown any more. */
  toFrame: number;
}

const speeds = [1, 2, 4, 8] as const;
/** What `R` plays of either end. */
const edgeS = 2;

/** Of a frame. Time stamps in whole ms lie at most 0.06 of one beside the grid at 60 frames a second. */
const gridErrorMax = 0.25;
/** One may be a picture at a seam. */
const besideGridMin = 3;

/**
 * Moves through a file frame by frame. Modes of `speed`: 0 stands still; 1 to 8 plays; -1 to -8 goes backwards by seeking, because
 * browsers have no reverse play. `#stretches` are played one after the other and then it stops.
 */
export class FileTransport {
  readonly #video: HTMLVideoElement;
  readonly #clock: FrameClock;
  readonly frame = signal(0);
  readonly speed = signal(0);
  /** The pictures do not lie on the grid that frames are counted by: the feed has no steady rate. */
  readonly isUneven = signal(false);
  #besideGrid = 0;
  #wanted: number | undefined;
  #stretches: Stretch[] = [];
  #loop: Stretch | undefined;
  #backwards: ReturnType<typeof setInterval> | undefined;
  #callback = 0;

  constructor(video: HTMLVideoElement, clock: FrameClock) {
    this.#video = video;
    this.#clock = clock;
    video.addEventListener('seeked', this.#onSeeked);
    video.addEventListener('loadedmetadata', this.#onSeeked);
    video.addEventListener('pause', this.#onPause);
    this.#watch();
  }

  seek(frame: number): void {
    this.stop();
    this.#show(frame);
  }

  step(byFrames: number): void {
    this.stop();
    this.#show((this.#wanted ?? this.frame.peek()) + byFrames);
  }

  togglePlay(): void {
    if (this.speed.peek() === 0) this.play(1);
    else this.stop();
  }

  /** J and L: the other direction begins at one, the same goes faster. */
  shuttle(direction: 1 | -1): void {
    const now = this.speed.peek();
    const isSame = Math.sign(now) === direction;
    const faster = speeds.find((speed) => speed > Math.abs(now)) ?? 8;
    this.play(direction * (isSame ? faster : 1));
  }

  play(speed: number): void {
    this.#endBackwards();
    this.#stretches = [];
    this.speed.value = speed;
    if (speed > 0) {
      this.#video.playbackRate = speed;
      this.#video.play().catch(() => {
        // Browsers play nothing aloud before somebody has touched the page: then without sound.
        if (this.#video.muted) this.speed.value = 0;
        else {
          this.#video.muted = true;
          this.#video.play().catch(() => (this.speed.value = 0));
        }
      });
      return;
    }
    this.#video.pause();
    // 25 pictures a second are what seeking gives; faster goes in larger steps.
    const fps = framesPerSecond(this.#clock);
    const stepFrames = Math.max(1, Math.round((fps * -speed) / 25));
    this.#backwards = setInterval(
      () => {
        if (this.#video.seeking) return;
        if (this.frame.peek() <= 0) return this.stop();
        this.#show(this.frame.peek() - stepFrames);
        return undefined;
      },
      (1000 * stepFrames) / (fps * -speed),
    );
  }

  stop(): void {
    this.#endBackwards();
    this.#stretches = [];
    this.speed.value = 0;
    this.#video.pause();
  }

  /** The first and the last seconds of the clip: how it begins and how it ends. */
  playEdges(clip: Stretch): void {
    const edge = Math.round(edgeS * framesPerSecond(this.#clock));
    const { fromFrame, toFrame } = clip;
    const stretches =
      toFrame - fromFrame <= 2 * edge
        ? [clip]
        : [
            { fromFrame, toFrame: fromFrame + edge },
            { fromFrame: toFrame - edge, toFrame },
          ];
    this.play(1);
    this.#stretches = stretches;
    this.#show(fromFrame);
  }

  /** While set, what plays from inside of it goes round. */
  setLoop(loop: Stretch | undefined): void {
    this.#loop = loop;
  }

  dispose(): void {
    this.stop();
    this.#video.cancelVideoFrameCallback(this.#callback);
    this.#video.removeEventListener('seeked', this.#onSeeked);
    this.#video.removeEventListener('loadedmetadata', this.#onSeeked);
    this.#video.removeEventListener('pause', this.#onPause);
  }

  #show(wish: number): void {
    const frame = Math.max(0, Math.min(this.#clock.frameCount - 1, wish));
    this.frame.value = frame;
    this.#wanted = frame;
    // One seek at a time; the newest wish goes when it is done.
    if (this.#video.seeking || this.#video.readyState === 0) return;
    this.#video.currentTime = videoTimeOfFrame(this.#clock, frame);
  }

  readonly #onSeeked = (): void => {
    const wanted = this.#wanted;
    if (wanted === undefined) return;
    const target = videoTimeOfFrame(this.#clock, wanted);
    if (Math.abs(this.#video.currentTime - target) > 1e-4 && this.#video.paused) {
      this.#video.currentTime = target;
      return;
    }
    this.#wanted = undefined;
  };

  readonly #onPause = (): void => {
    if (this.speed.peek() > 0 && this.#video.ended) this.speed.value = 0;
  };

  #watch(): void {
    this.#callback = this.#video.requestVideoFrameCallback((_now, { mediaTime }) => {
      this.#watch();
      const shown = Math.round((mediaTime * this.#clock.rate.num) / this.#clock.rate.den);
      this.#judgeGrid((mediaTime * this.#clock.rate.num) / this.#clock.rate.den);
      if (this.#wanted === undefined) this.frame.value = shown;
      if (this.speed.peek() > 0 && !this.#video.seeking) this.#atFrame(shown);
    });
  }

  #judgeGrid(place: number): void {
    if (Math.abs(place - Math.round(place)) < gridErrorMax) return;
    this.#besideGrid += 1;
    if (this.#besideGrid >= besideGridMin) this.isUneven.value = true;
  }

  #atFrame(frame: number): void {
    const [stretch, next] = this.#stretches;
    if (stretch) {
      if (frame < stretch.toFrame - 1) return;
      this.#stretches.shift();
      if (next) this.#jump(next.fromFrame);
      else {
        this.stop();
        this.#show(stretch.toFrame - 1);
      }
      return;
    }
    const loop = this.#loop;
    if (loop && frame >= loop.toFrame - 1 && frame <= loop.toFrame + 1) this.#jump(loop.fromFrame);
  }

  /** While it plays. */
  #jump(frame: number): void {
    this.#wanted = undefined;
    this.frame.value = frame;
    this.#video.currentTime = videoTimeOfFrame(this.#clock, frame);
  }

  #endBackwards(): void {
    clearInterval(this.#backwards);
    this.#backwards = undefined;
  }
}
