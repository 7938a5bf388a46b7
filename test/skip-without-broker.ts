import { inject, TestRunner, test } from 'vitest';

/** Files that start nodes of their own all through. */
const needsOwnNodes = /testing\/(cluster|private-node|rabbitmqctl|reaper|unique-names)|examples\/first-steps/;

/** Files that need a database. */
const needsPostgres = /test\/outbox\/(?!spool)|examples\/outbox-service|testing\/postgres/;

/** Runs a file as ever when the run has a broker; without one, puts a single skipped test in its place. */
export default class SkipWithoutBroker extends TestRunner {
  override importFile(...[path, source]: Parameters<TestRunner['importFile']>): unknown {
    if (source === 'setup') return super.importFile(path, source);
    const missing = this.#missing(path);
    if (missing === undefined) return super.importFile(path, source);
    test.skip(missing, () => {});
    return undefined;
  }

  #missing(path: string): string | undefined {
    if (inject('broker') === undefined) return 'needs a RabbitMQ broker';
    if (needsPostgres.test(path) && inject('postgres') === undefined) return 'needs a PostgreSQL';
    return needsOwnNodes.test(path) && !inject('ownNodes') ? 'needs rabbitmq-server on PATH' : undefined;
  }
}
