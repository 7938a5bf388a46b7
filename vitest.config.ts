import { defineConfig, type ViteUserConfig } from 'vitest/config';
import { LongestFirst } from './test/longest-first.ts';

/** What looks at files only, or has its broker in memory. */
const withoutBroker = [
  'test/architecture.test.ts',
  'test/documentation*.test.ts',
  'test/memory/**/*.test.ts',
  'test/wire/**/*.test.ts',
  'test/simulation/**/*.test.ts',
  'test/faults/*.test.ts',
  'test/nemesis/**/*.test.ts',
  'test/bench/*.test.ts',
];

/** The same suites as they would run over an amqplib whose inside is not known. */
const onlyAmqplib = process.env.SUREHOP_WIRE === 'amqplib' ? ['test/wire/only-amqplib.ts'] : [];

const report = process.env.SUREHOP_REPORT;

const config: ViteUserConfig = defineConfig({
  test: {
    // A test waits most of its time, yet it has brokers beside it, up to three at once: what a machine bears is told by
    // .ci/workers.mjs.
    maxWorkers: Number(process.env.SUREHOP_TEST_WORKERS ?? 2),
    sequence: { sequencer: LongestFirst },
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // A file that adds up what several runs have found reads this.
    reporters: report === undefined ? ['default'] : ['default', ['json', { outputFile: report }]],
    projects: [
      {
        test: {
          name: 'unit',
          include: ['packages/*/src/**/*.test.ts'],
          testTimeout: 10_000,
          isolate: false, // they share nothing, and a process for each file costs more than all of the tests
        },
      },
      {
        test: {
          name: 'repository',
          include: withoutBroker,
          testTimeout: 10_000,
        },
      },
      {
        test: {
          name: 'integration',
          include: ['test/**/*.test.ts'],
          exclude: ['**/node_modules/**', ...withoutBroker],
          globalSetup: ['test/broker.ts', 'test/postgres.ts'],
          runner: 'test/skip-without-broker.ts',
          setupFiles: onlyAmqplib,
        },
      },
    ],
  },
});

export default config;
