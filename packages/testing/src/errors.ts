/** Something about a test broker, or a test database, that did not work, or that this broker does not allow. */
export class BrokerError extends Error {
  override readonly name: string = 'BrokerError';
}

/** No way led to a broker. The message lists each way, why it did not work, and what would make it work. */
export class BrokerUnavailableError extends BrokerError {
  override readonly name = 'BrokerUnavailableError';
  /** One line per way that was tried. */
  readonly reasons: readonly string[];

  constructor(reasons: readonly string[]) {
    super(
      [
        'No RabbitMQ broker could be reached or started:',
        ...reasons.map((reason) => `  - ${reason}`),
        'Any one of these is enough:',
        '  - set AMQP_URL to a broker that runs, for example amqp://guest:guest@localhost:5672',
        '  - start a container engine (Docker, Podman), with the package testcontainers installed',
        '  - install RabbitMQ so that rabbitmq-server is on PATH (as root, Debian and Ubuntu install it by themselves)',
      ].join('\n'),
    );
    this.reasons = reasons;
  }
}

/** No way led to a PostgreSQL. The message lists each way, why it did not work, and what would make it work. */
export class PostgresUnavailableError extends BrokerError {
  override readonly name = 'PostgresUnavailableError';
  /** One line per way that was tried. */
  readonly reasons: readonly string[];

  constructor(reasons: readonly string[]) {
    super(
      [
        'No PostgreSQL could be reached or started:',
        ...reasons.map((reason) => `  - ${reason}`),
        'Any one of these is enough:',
        '  - set DATABASE_URL to a server that runs, for example postgresql://user:secret@localhost:5432/postgres',
        '  - start a container engine (Docker, Podman), with the package testcontainers installed',
        '  - install PostgreSQL (as root, Debian and Ubuntu install it by themselves)',
      ].join('\n'),
    );
    this.reasons = reasons;
  }
}
