import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: 'test/build-native.ts',
    maxWorkers: availableParallelism(), // one more than by default: tests wait for programs they started
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
});
