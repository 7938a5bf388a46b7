import type { Handler } from '@surehop/core';
import { attemptsOf, joined, type LinkSession, type RabbitInternals, waitingTopology } from '@surehop/core/internal';
import { Answers } from './answers.ts';
import { brokerLaysAside, type Knowledge } from './broker-move.ts';
import type { ResolvedConsumerOptions } from './consumer-options.ts';
import { Copies } from './copies.ts';
import type { Delivery } from './delivery.ts';
import { Failures } from './failures.ts';
import { Intake } from './intake.ts';
import { Order } from './order.ts';
import { Resequencing } from './resequencing/resequencing.ts';
import type { Source } from './source.ts';
import type { WaitingHost } from './waiting/waiting-host.ts';
import { WaitingQueue } from './waiting/waiting-queue.ts';
import { Work } from './work.ts';

/** What a consumer is made of, each knowing those that it needs. */
export interface ConsumerParts {
  readonly copies: Copies;
  /** Of what is laid aside. */
  readonly waitingCopies: Copies;
  readonly answers: Answers;
  /** With `orderBy` only, and then there is no resequencing. */
  readonly order: Order | undefined;
  /** With `resequence` only. */
  readonly resequencing: Resequencing | undefined;
  readonly work: Work;
  readonly intake: Intake;
}

export function consumerParts(
  internals: RabbitInternals,
  source: Source,
  handler: Handler<never>,
  options: ResolvedConsumerOptions,
): ConsumerParts {
  const { queue, retry, body } = source;
  const topology = options.rule === undefined ? source.topology : joined(source.topology, waitingTopology(queue));
  const { effects, log } = internals;
  const { clock, random } = effects;
  const copies = new Copies(internals, queue, topology, Math.floor(options.prefetch / 4));
  // On a channel of its own: a message that waits may be copied elsewhere under the same id.
  const waitingCopies = new Copies(internals, queue, topology);
  const answers = new Answers({ internals, queue, codec: body?.codec });
  const refuse = (delivery: Delivery, error: Error): void =>
    failures.settle(delivery, attemptsOf(delivery.message), error);
  const member = options.rule === undefined ? '' : effects.newId();
  let opening = 0;
  const waitingFor = (session: LinkSession, host: WaitingHost): WaitingQueue => {
    opening += 1;
    return new WaitingQueue({ queue, session, internals, copies: waitingCopies, member, opening, host });
  };
  const { suspectLimit } = source;
  const ordering = { ...options, queue, body, suspectLimit, clock, log, refuse, waitingFor };
  const order = options.rule && new Order({ ...ordering, ...options.rule });
  const laysAside = (): boolean => brokerLaysAside(knowledgeOf(internals, source));
  const failures = new Failures({ queue, retry, brokerLaysAside: laysAside, copies, answers, order, internals });
  const isRetriedByBroker = retry.broker !== undefined;
  const work = new Work({ queue, handler, body, ...options, clock, log, failures, answers, order, isRetriedByBroker });
  const resequencing =
    options.resequence &&
    new Resequencing({
      queue,
      options: options.resequence,
      clock,
      random,
      log,
      mayReceive: () => intake.mayReceive,
      wantMore: () => intake.wantMore(),
      refuse,
      onHalt: () => void intake.pause(),
    });
  // To look at the first delivery alone, an ordered consumer would have to leave the queue to the next in line.
  const isCautious = source.isCautious && order === undefined;
  const parts = { work, order, gate: resequencing };
  const intake: Intake = new Intake({ internals, ...source, ...options, topology, isCautious, ...parts });
  return { copies, waitingCopies, answers, order, resequencing, work, intake };
}

function knowledgeOf({ options, topology }: RabbitInternals, { queue, isRaw, isQuorum }: Source): Knowledge {
  const state = topology.health().find(({ entity }) => entity === `queue "${queue}"`)?.state;
  return { mode: options.topology, isRaw, isQuorum, state };
}
