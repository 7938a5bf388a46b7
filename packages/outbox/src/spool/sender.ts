import type { Publisher, Receipt } from '@surehop/publisher';
import { existingTarget, longestDeadlineMs, restOf } from '@surehop/publisher/internal';
import { encoded } from './contract-definition.ts';
import type { ContractShelf } from './contract-shelf.ts';
import type { Entry } from './entry.ts';

/** Publishes what was stored, under the id that it was stored with. */
export class Sender {
  readonly #publisher: Publisher;
  readonly #contracts: ContractShelf;

  constructor(publisher: Publisher, contracts: ContractShelf) {
    this.#publisher = publisher;
    this.#contracts = contracts;
  }

  /**
   * Waits for the broker as long as it takes, unless the entry's `hold` is aborted.
   *
   * @param leftMs of its delay; none or less than that for one that is to come at once
   */
  send({ row, properties, headers, content, hold }: Entry, leftMs: number): Promise<Receipt> {
    const { id: messageId, exchange, routingKey } = row;
    const { contentType = '', ...rest } = properties;
    const options = { deadlineMs: longestDeadlineMs, ...(hold !== undefined && { signal: hold.signal }) };
    const delay = restOf(leftMs);
    const known = row.contract === undefined ? undefined : this.#contracts.encoded(row.contract, contentType);
    const contract = known ?? (delay && existingTarget(row, encoded(contentType)));
    const withHeaders = headers !== undefined && { headers };
    if (contract === undefined) {
      return this.#publisher.publishTo(
        { exchange, routingKey },
        content,
        { ...properties, ...withHeaders, messageId },
        options,
      );
    }
    const { deliveryMode: _, ...contractProperties } = rest;
    const toExchange = contract.kind === 'exchange' && { routingKey };
    const details = { ...withHeaders, ...toExchange, messageId, properties: contractProperties };
    return this.#publisher.publish(contract, content, { ...options, ...delay, ...details });
  }
}
