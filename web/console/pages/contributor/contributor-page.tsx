export function ContributorPage(_props: { secret: string }) {
  return <p class="loading">Loading</p>;
}
