/** How often a quorum queue tells its length, in milliseconds. */
export const quickTickMs = 100;

/**
 * A tick that comes after a queue has its leader and before that has applied its first command ends the queue's Raft
 * server before 4.0 (3.10.8: `function_clause` in `rabbit_quorum_queue:handle_tick`). Who declares it gets 541, and it
 * stays as a queue without a leader, which confirms nothing. That moment lasts 0.2 ms; on a machine that was out of cores
 * one in 1,000 lasted 100.
 */
export const carefulTickMs = 250;

/**
 * RabbitMQ's own interval is 5,000; asked in between, a queue repeats what it told last. Classic queues are counted when
 * asked.
 *
 * @param version of the release, where it is known
 */
export function quorumTickMs(version: string | undefined): number {
  return Number.parseInt(version ?? '', 10) >= 4 ? quickTickMs : carefulTickMs;
}

/** Two ticks, since one may be late on a busy machine, and the time to write down what it told. */
export function countsLagMs(tickMs: number): number {
  return 2 * tickMs + 50;
}

/** Of advanced.config: there is no key in rabbitmq.conf for it on every release that we support. */
export function advancedConfig(tickMs: number): string {
  return `[{rabbit, [{quorum_tick_interval, ${tickMs}}]}].\n`;
}
