import { brokerTraits } from './broker-version.ts';
import { SurehopError } from './errors.ts';
import type { Entity } from './topology-entity.ts';

/**
 * Refuses what this broker cannot give, before it is asked: its own answer would say nothing of the reason.
 *
 * @param version as the broker announced it
 * @throws {SurehopError} SUREHOP_BROKER_TOO_OLD
 */
export function checkNeeds({ label, what }: Entity, version: string): void {
  if (what.kind !== 'queue' || what.declaration.arguments['x-delayed-retry-type'] === undefined) return;
  const traits = brokerTraits(version);
  if (traits.delaysRetries) return;
  const needs = `${label} leaves its retries to the broker, which needs RabbitMQ 4.3`;
  const advice = 'nothing was declared; use a ladder of delaysMs, or exponential()';
  throw new SurehopError('SUREHOP_BROKER_TOO_OLD', `${needs}; this is ${traits.label}; ${advice}`, {
    retryable: false,
  });
}
