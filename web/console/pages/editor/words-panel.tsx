import { useSignal } from '@preact/signals';

import type { EditorDesk } from './editor-desk.ts';
import type { Draft } from './editor-api.ts';

/** As long as the server takes. */
const titleMax = 200;
const tagsMax = 20;

/** Title and tags. Typed by people: always shown as text. */
export function WordsPanel({
  desk,
  draft,
  isReadOnly,
}: {
  desk: EditorDesk;
  draft: Draft;
  isReadOnly: boolean;
}) {
  const typed = useSignal('');
  const add = () => {
    const tags = typed
      .peek()
      .split(',')
      .map((tag) => tag.trim())
      .filter((tag) => tag !== '');
    typed.value = '';
    if (tags.length === 0) return;
    desk.setWords({ tags: [...new Set([...draft.tags, ...tags])].slice(0, tagsMax) });
    desk.settle();
  };
  return (
    <section class="editor-panel" aria-label="Title and tags">
      <label for="clip-title">Title</label>
      <input
        id="clip-title"
        type="text"
        maxLength={titleMax}
        readOnly={isReadOnly}
        value={draft.title}
        onInput={(event) => desk.setWords({ title: event.currentTarget.value })}
        onBlur={() => desk.settle()}
      />
      <label for="clip-tags">Tags</label>
      {draft.tags.length > 0 && (
        <ul class="tags">
          {draft.tags.map((tag) => (
            <li key={tag} class="pill">
              {tag}
              {!isReadOnly && (
                <button
                  type="button"
                  class="quiet"
                  aria-label={`Remove the tag ${tag}`}
                  onClick={() => desk.setWords({ tags: draft.tags.filter((one) => one !== tag) })}
                >
                  ×
                </button>
              )}
            </li>
          ))}
        </ul>
      )}
      {!isReadOnly && (
        <input
          id="clip-tags"
          type="text"
          maxLength={60}
          placeholder="Type a tag, then Enter"
          value={typed.value}
          onInput={(event) => (typed.value = event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key !== 'Enter' && event.key !== ',') return;
            event.preventDefault();
            add();
          }}
          onBlur={add}
        />
      )}
    </section>
  );
}
