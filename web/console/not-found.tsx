/** In place of a page whose address, or whose thing, is not there: what is missing, and the way home. */
export function NotFound({ what }: { what: string }) {
  return (
    <section class="not-found">
      <h2>{what}</h2>
      <p class="muted">The address may be mistyped, or what was here has been deleted.</p>
      <p>
        <a class="button" href="/">
          To the review
        </a>
      </p>
    </section>
  );
}
