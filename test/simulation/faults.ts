import type { FrameDirection, FrameFate, MemoryBroker, VirtualClock } from '@surehop/testing/internal';
import type { Fault, FaultKind } from './plan.ts';
import { passes, type SimulatedProcess } from './process.ts';
import { deadLetterQueue, isReplyQueue, workQueue } from './scene.ts';

/** What can be harmed. */
export interface Harmed {
  readonly broker: MemoryBroker;
  readonly clock: VirtualClock;
  /** Those that live now: publishers first, then consumers. */
  readonly processes: readonly SimulatedProcess[];
  readonly publishers: number;
  /** Ends a process; it is started again when the returned function is called. */
  kill(index: number): () => void;
}

/** A process that does not live is started again after so long. */
export const restartMs = 300;

type End = () => void;
const nothing: End = () => undefined;

/** Each returns what ends it. */
const harms: Readonly<Record<FaultKind, (on: Harmed, fault: Fault) => End>> = {
  cut: (on, fault) => {
    victimOf(on, fault).network.cut();
    return nothing;
  },
  'reset at a frame': (on, fault) => atFrame(victimOf(on, fault), fault.after, () => 'reset'),
  'black hole': (on, fault) => hole(victimOf(on, fault)),
  deaf: (on, fault) => hole(victimOf(on, fault), 'to-client'),
  mute: (on, fault) => hole(victimOf(on, fault), 'to-broker'),
  refused: (on, fault) => {
    const { network } = victimOf(on, fault);
    network.refuse();
    network.cut();
    return () => network.heal();
  },
  'broker killed': ({ broker }) => {
    broker.kill();
    return () => broker.start();
  },
  'broker killed at a frame': (on, fault) => {
    const { broker, clock } = on;
    const end = atFrame(victimOf(on, fault), fault.after, () => {
      clock.defer(() => broker.kill());
      return 'pass';
    });
    return () => {
      end();
      clock.defer(() => broker.start());
    };
  },
  'broker stopped': ({ broker }) => {
    broker.stop();
    return () => broker.start();
  },
  'broker frozen': ({ broker }) => {
    broker.freeze();
    return () => broker.resume();
  },
  alarm: ({ broker }) => {
    broker.setAlarm('memory', true);
    return () => broker.setAlarm('memory', false);
  },
  'connections closed': ({ broker }) => {
    broker.closeConnections();
    return nothing;
  },
  'consumers cancelled': ({ broker }) => {
    if (broker.queues().includes(workQueue)) broker.cancelConsumers(workQueue);
    return nothing;
  },
  'publisher killed': (on, { victim }) => on.kill(victim % on.publishers),
  'consumer killed': (on, { victim }) => on.kill(on.publishers + (victim % (on.processes.length - on.publishers))),
  'killed at a step': (on, fault) => {
    const victim = victimOf(on, fault);
    victim.atStep(fault.after, () => {
      const revive = on.kill(fault.victim % on.processes.length);
      on.clock.setTimeout(revive, restartMs);
    });
    return () => victim.atStep(undefined);
  },
  'killed at a frame': (on, fault) => {
    const victim = victimOf(on, fault);
    const { direction, frames, isVariant } = momentOf(fault);
    const die = (): void => {
      if (!victim.isAlive) return;
      const revive = on.kill(fault.victim % on.processes.length);
      on.clock.setTimeout(revive, restartMs);
    };
    // As it is sent, so that it never arrives; or once who gets it has read it, and has done nothing more.
    const fate = (): FrameFate => {
      if (isVariant) return { onRead: die };
      die();
      return 'pass';
    };
    return atFrame(victim, frames, fate, direction);
  },
  'silent from a frame': (on, fault) => {
    const victim = victimOf(on, fault);
    const { direction, frames, isVariant } = momentOf(fault);
    let isOver = false;
    const hold = (): FrameFate => {
      // One connection, or each from its next frame in that direction on, new ones too.
      if (isOver) return 'pass';
      isOver = !isVariant;
      return 'hold';
    };
    const end = atFrame(victim, frames, hold, direction);
    return () => {
      end();
      victim.network.heal();
    };
  },
  'event loop blocked': (on, fault) => {
    const victim = victimOf(on, fault);
    victim.block();
    return () => victim.unblock();
  },
  'clock jump': ({ clock }, { durationMs }) => {
    clock.jumpEpoch(durationMs % 20 === 0 ? 3_600_000 : -3_600_000);
    return nothing;
  },
  'queue deleted': (on) => deleteEmpty(on, workQueue),
  'rung deleted': (on, { after }) => deleteEmpty(on, after % 2 === 0 ? 'orders.retry.200' : 'orders.retry.1000'),
  'dead-letter queue deleted': (on) => deleteEmpty(on, deadLetterQueue),
  'retry exchange deleted': ({ broker }) => {
    broker.deleteExchange('orders.retry');
    return nothing;
  },
  // Of its two connections the consuming one stays: an answer may come though no confirm does.
  'reset at a confirm': (on, fault) => {
    const victim = victimOf(on, fault);
    let left = fault.after % 8;
    victim.fateOf = ({ direction, method }) => {
      if (direction !== 'to-client' || method !== 'basic.ack') return 'pass';
      left -= 1;
      if (left >= 0) return 'pass';
      victim.fateOf = passes;
      return 'reset';
    };
    return () => {
      victim.fateOf = passes;
    };
  },
  // With the answers in it: who waits for them is told that the outcome is unknown.
  'reply queue deleted': ({ broker }) => {
    if (broker.isUp) for (const name of broker.queues().filter(isReplyQueue)) broker.deleteQueue(name);
    return nothing;
  },
};

/** Does the harm; returns what ends it. */
export function befall(on: Harmed, fault: Fault): End {
  return harms[fault.kind](on, fault);
}

function victimOf({ processes }: Harmed, { victim }: Fault): SimulatedProcess {
  return processes[victim % processes.length] as SimulatedProcess;
}

function hole({ network }: SimulatedProcess, direction?: 'to-client' | 'to-broker'): End {
  network.blackhole(direction);
  return () => network.heal();
}

/** Of one direction, and with one of two ways to go on. */
function momentOf({ after }: Fault): { direction: FrameDirection; frames: number; isVariant: boolean } {
  const direction = after % 2 === 0 ? 'to-broker' : 'to-client';
  return { direction, isVariant: after % 4 >= 2, frames: after >> 2 };
}

/** Once the frames before it have passed, the next one meets its fate, and every one after it until the end. */
function atFrame(process: SimulatedProcess, frames: number, fate: () => FrameFate, only?: FrameDirection): End {
  let left = frames;
  process.fateOf = ({ direction }) => {
    if (only !== undefined && direction !== only) return 'pass';
    left -= 1;
    return left < 0 ? fate() : 'pass';
  };
  return () => {
    process.fateOf = passes;
  };
}

/** What is in a queue that an operator deletes is the operator's loss: only one that holds nothing is deleted here. */
function deleteEmpty({ broker }: Harmed, name: string): End {
  if (broker.isUp && broker.queues().includes(name)) {
    const { writing, ready, unacked, deadLettering } = broker.queue(name);
    if (writing + ready + unacked + deadLettering === 0) broker.deleteQueue(name);
  }
  return nothing;
}
