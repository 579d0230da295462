/** Line icons of the rail, 24 by 24, in the colour of the text. */
const paths = {
  review: 'M4 5h16v10H4zM9 20h6M12 15v5M10 8l4 2-4 2z',
  live: 'M4 4h7v7H4zM13 4h7v7h-7zM4 13h7v7H4zM13 13h7v7h-7z',
  channels:
    'M12 13a2 2 0 1 0 0-4 2 2 0 0 0 0 4zM7.5 15.5a6 6 0 0 1 0-9M16.5 6.5a6 6 0 0 1 0 9M4.7 18.3a10 10 0 0 1 0-14.6M19.3 3.7a10 10 0 0 1 0 14.6M12 13v8',
  operations: 'M4 19V5M4 19h16M8 15l3-4 3 2 5-7',
  settings: 'M4 7h9M17 7h3M4 17h3M11 17h9M15 5v4M9 15v4',
} as const;

export type IconName = keyof typeof paths;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" width="24" height="24" aria-hidden="true">
      <path
        d={paths[name]}
        fill="none"
        stroke="currentColor"
        stroke-width="1.7"
        stroke-linecap="round"
        stroke-linejoin="round"
      />
    </svg>
  );
}
