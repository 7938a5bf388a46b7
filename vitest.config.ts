import { defineConfig, type ViteUserConfig } from 'vitest/config';

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
    // Most of its time a test waits, and needs two fifths of a core; yet brokers share the cores: many more workers than
    // this make time limits fail.
    maxWorkers: 3,
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
