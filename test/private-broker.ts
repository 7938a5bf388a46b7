import { type Broker, BrokerUnavailableError, type StartBrokerOptions, startBroker } from '@surehop/testing';
import { afterAll, beforeAll, beforeEach } from 'vitest';

/**
 * A node of its own for all tests of the file, for what would be everybody's: an alarm, a kill, a listener. Where there
 * is no `rabbitmq-server` to start one, the file's tests are skipped, or fail when `REQUIRE_BROKER=1`.
 *
 * @returns what gives it within a test or a hook
 */
export function privateBroker(
  options: () => Promise<StartBrokerOptions> | StartBrokerOptions = () => ({}),
): () => Broker {
  let broker: Broker | undefined;
  let missing: string | undefined;
  beforeAll(async () => {
    try {
      broker = await startBroker({ log: () => undefined, ...(await options()), kind: 'node' });
    } catch (error) {
      if (process.env.REQUIRE_BROKER === '1' || !(error instanceof BrokerUnavailableError)) throw error;
      missing = error.reasons.join('; ');
    }
  }, 120_000);
  beforeEach(({ skip }) => {
    if (missing !== undefined) skip(`needs a node of its own: ${missing}`);
  });
  afterAll(() => broker?.close());
  return () => {
    if (broker === undefined) throw new Error('the private broker is used before it has started');
    return broker;
  };
}
