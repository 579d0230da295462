export function WebhookSettings() {
  return <p class="loading">Loading</p>;
}
