import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Real ffmpeg, PostgreSQL and inference run inside the tests: two files at once is what two cores carry. With three the
    // suite took 702 s, and two tests were late that are not otherwise.
    maxWorkers: 2,
    pool: 'forks',
    // As `touchline` starts (core/env.ts); what we start ourselves does it by itself.
    env: { AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' },
    testTimeout: 60_000,
    hookTimeout: 120_000,
    reporters: ['default', './test/support/closing-line-reporter.ts'],
  },
});
