import { BrokerError, BrokerUnavailableError } from '@surehop/testing';

/** No broker here, or no `rabbitmq-server` that can run here; not one that fails to start. */
export function isMissingBroker(error: unknown): boolean {
  if (error instanceof BrokerUnavailableError) return true;
  return error instanceof BrokerError && /no rabbitmq-server on PATH|need Linux or macOS/.test(error.message);
}
