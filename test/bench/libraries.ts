import { createRequire } from 'node:module';

export interface Library {
  readonly name: string;
  /** On npm. */
  readonly package: string;
  /** In libraries/, without `.ts`. */
  readonly file: string;
  /** Takes part only in workloads that name it: a use that gives something up, or that shows what something costs. */
  readonly isVariant?: boolean;
  /** Takes part only where it is asked for by its name. */
  readonly isAskedFor?: boolean;
}

/** The first is what all the others are compared to. */
export const libraries: readonly Library[] = [
  { name: 'amqplib', package: 'amqplib', file: 'amqplib' },
  { name: 'amqplib-telling', package: 'amqplib', file: 'amqplib-telling', isVariant: true, isAskedFor: true },
  { name: 'amqp-connection-manager', package: 'amqp-connection-manager', file: 'amqp-connection-manager' },
  { name: 'rascal', package: 'rascal', file: 'rascal' },
  { name: 'rabbitmq-client', package: 'rabbitmq-client', file: 'rabbitmq-client' },
  { name: 'cloudamqp', package: '@cloudamqp/amqp-client', file: 'cloudamqp' },
  { name: 'golevelup', package: '@golevelup/nestjs-rabbitmq', file: 'golevelup' },
  { name: 'surehop', package: '@surehop/publisher', file: 'surehop' },
  { name: 'surehop-wire', package: '@surehop/core', file: 'surehop-wire', isVariant: true, isAskedFor: true },
  { name: 'surehop-two-links', package: '@surehop/publisher', file: 'surehop-two-links', isVariant: true },
];

/** Those that take part where none is named. */
export const standardLibraries: readonly Library[] = libraries.filter(({ isAskedFor }) => isAskedFor !== true);

export const reference = 'amqplib';
export const ours = 'surehop';

/** As installed. */
export function versionOf(library: Library): string {
  const require = createRequire(import.meta.url);
  // Not every package exports its manifest; its folder is found through where it would be installed.
  const paths = require.resolve.paths(library.package) ?? [];
  for (const path of paths) {
    try {
      return (require(`${path}/${library.package}/package.json`) as { version: string }).version;
    } catch {
      // not here: further up
    }
  }
  throw new Error(`${library.package} is not installed`);
}
