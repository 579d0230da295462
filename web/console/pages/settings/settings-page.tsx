export function SettingsPage(_props: { params: Record<string, string> }) {
  return <p class="loading">Loading</p>;
}
