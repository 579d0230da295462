export function WelcomePage() {
  return <p class="loading">Loading</p>;
}
