export function LoginPage(_props: { isAgain: boolean }) {
  return <p class="loading">Loading</p>;
}
