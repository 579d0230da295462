/** Of the page of a clip that is sent to somebody (web/clip-page.ts): the picture first, on a phone from edge to edge. */
export const clipPageStyle = `:root {
  color-scheme: dark light;
  --ground: #0d1210;
  --raised: #1e2822;
  --ink: #e9efea;
  --muted: #a3b1a8;
  --accent: #4cc38a;
  --accent-ink: #05210f;
}
@media (prefers-color-scheme: light) {
  :root {
    --ground: #f3f5f2;
    --raised: #e3e8e3;
    --ink: #141d17;
    --muted: #515d55;
    --accent: #0f6a38;
    --accent-ink: #ffffff;
  }
}
* { box-sizing: border-box; margin: 0; }
body { background: var(--ground); color: var(--ink); font: 16px/1.45 system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif; }
main { max-width: 1100px; margin: 0 auto; }
video { display: block; width: 100%; height: auto; max-height: 78vh; background: #000; }
video.vertical, video.square { object-fit: contain; }
.about { padding: 16px; }
h1 { font-size: 20px; line-height: 1.25; overflow-wrap: anywhere; }
.muted { color: var(--muted); font-size: 14px; }
.actions { display: flex; flex-wrap: wrap; gap: 12px; margin: 16px 0; }
nav { display: flex; border-radius: 8px; overflow: hidden; background: var(--raised); }
.actions a { display: flex; align-items: center; justify-content: center; min-height: 48px; min-width: 64px; padding: 0 16px; color: var(--ink); text-decoration: none; font-weight: 600; }
nav a[aria-current] { background: var(--ink); color: var(--ground); }
.actions .main { background: var(--accent); color: var(--accent-ink); border-radius: 8px; flex: 1; max-width: 320px; }
a:focus-visible, video:focus-visible { outline: 3px solid #8ab4f8; outline-offset: 2px; }
.sorry { padding: 20vh 24px; max-width: 560px; }
.sorry p { margin-top: 8px; color: var(--muted); }
@media (min-width: 800px) {
  main { padding: 24px; }
  .about { padding: 16px 0; }
}
`;
