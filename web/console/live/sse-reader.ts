/** One event of the server (WHATWG HTML §9.2.6), as far as ours use the format. */
export interface ServerEvent {
  id: string | undefined;
  /** `moment.found`, `hello`, `refresh`, `bye`... */
  kind: string;
  data: string;
}

/** Cuts a stream of text into events. Comments are heartbeats and give none. */
export class SseReader {
  #text = '';

  push(text: string): ServerEvent[] {
    this.#text += text.replaceAll('\r\n', '\n');
    const blocks = this.#text.split('\n\n');
    this.#text = blocks.pop() ?? '';
    return blocks.flatMap((block) => eventOf(block) ?? []);
  }
}

function eventOf(block: string): ServerEvent | undefined {
  let id: string | undefined;
  let kind = 'message';
  const data: string[] = [];
  for (const line of block.split('\n')) {
    const [, field, value = ''] = /^([a-z]+): ?(.*)$/.exec(line) ?? [];
    if (field === 'id') id = value;
    if (field === 'event') kind = value;
    if (field === 'data') data.push(value);
  }
  return data.length === 0 && id === undefined ? undefined : { id, kind, data: data.join('\n') };
}
