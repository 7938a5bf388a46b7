import { randomUUID } from 'node:crypto';
import { isSurehopError, type Rabbit } from '@surehop/core';
import { internalsOf } from '@surehop/core/internal';
import { createPublisher, type Publisher } from '@surehop/publisher';
import { alarm, anyResource } from './broker-checks.ts';
import type { Finding } from './finding.ts';

/** For the answer to one publish, in milliseconds. */
const probeMs = 3_000;

/** The version that the broker announced when we connected. */
export function announcedVersion(rabbit: Rabbit): string {
  return internalsOf(rabbit).consumeLink.session?.serverVersion ?? '';
}

/**
 * Publishes to the default exchange what no queue takes: whether this user may, and whether an alarm blocks publishing, is
 * told by nothing else. Nothing is stored. Twice, since the broker takes one message more when it blocks a connection.
 */
export async function publishFindings(rabbit: Rabbit): Promise<Finding[]> {
  const publisher = createPublisher(rabbit);
  try {
    return (await probe(rabbit, publisher)) ?? (await probe(rabbit, publisher)) ?? [];
  } finally {
    await publisher.close({ timeoutMs: 0 });
  }
}

/** Undefined when the broker answers as one that is well. */
async function probe(rabbit: Rabbit, publisher: Publisher): Promise<Finding[] | undefined> {
  const to = { exchange: '', routingKey: `surehop.doctor.${randomUUID()}` };
  try {
    await publisher.publishTo(to, new Uint8Array(), {}, { deadlineMs: probeMs });
    return undefined;
  } catch (thrown) {
    if (isSurehopError(thrown, 'SUREHOP_UNROUTABLE')) return undefined;
    if (isSurehopError(thrown, 'SUREHOP_ACCESS_REFUSED')) return [mayNotPublish];
    if (rabbit.health().links.publish.blocked === true) return [alarm(anyResource)];
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    return [{ ...noAnswer, what: `a publish got no answer within ${probeMs / 1_000} s: ${reason}` }];
  }
}

const mayNotPublish: Finding = {
  severity: 'warning',
  check: 'permissions',
  what: 'this user may not write to the default exchange (amq.default)',
  means:
    'it cannot publish to a queue; a consumer cannot make copies for retries and dead letters, and failed messages stay unacknowledged',
  todo: 'give it write ^amq\\.default$, see docs/topology.md',
};

const noAnswer: Finding = {
  severity: 'error',
  check: 'connection',
  what: '',
  means: 'publishers wait until their deadlines and do not know whether the broker has their messages',
  todo: "look at the broker's log: an alarm, a node in a minority, or a proxy that lets connections through and nothing else",
};
