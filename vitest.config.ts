import { defineConfig } from 'vitest/config'

const shared = { pool: 'forks' as const, exclude: ['**/node_modules/**'] }

/**
 * Layers, told apart by file name: `x.test.ts` needs nothing but Node, `x.integration.test.ts` starts real API servers or
 * network namespaces of its own, `x.system.test.ts` grows real clusters and runs alone. `x.kernel.test.ts` needs a kernel with WireGuard, which not
 * every host has: an integration test runs them, or some of them in a virtual machine that has (`test/virtual-machine`).
 */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          ...shared,
          name: 'unit',
          // Not a measure of speed: a busy host may need many seconds for what takes milliseconds.
          testTimeout: 60_000,
          include: ['**/*.test.ts'],
          exclude: [...shared.exclude, '**/*.integration.test.ts', '**/*.kernel.test.ts', '**/*.system.test.ts'],
        },
      },
      {
        test: {
          ...shared,
          name: 'integration',
          include: ['**/*.integration.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          maxWorkers: 2,
        },
      },
      {
        test: {
          ...shared,
          name: 'kernel',
          include: ['**/*.kernel.test.ts'],
          // An emulated machine takes ten times as long as this one.
          testTimeout: 300_000,
          hookTimeout: 300_000,
          maxWorkers: 2,
        },
      },
      {
        test: {
          ...shared,
          name: 'system',
          include: ['**/*.system.test.ts'],
          testTimeout: 600_000,
          hookTimeout: 3_600_000,
          maxWorkers: 1,
          fileParallelism: false,
        },
      },
    ],
  },
})
