// One library, one task, one measurement: a process of its own, so that its CPU and memory are the client's alone.
// Started by sampler.ts with its assignment as JSON; speaks with it over IPC.
import { once } from 'node:events';
import type { Assignment, Errand, Outcome, Word } from './assignment.ts';
import type { Open } from './client.ts';
import type { Stage } from './tasks/stage.ts';
import type { Task } from './workloads.ts';

const assignment = JSON.parse(process.argv[2] ?? '') as Assignment;

const stage: Stage = {
  assignment,
  async load() {
    const { open } = (await import(`./libraries/${assignment.library}.ts`)) as { open: Open };
    return open;
  },
  async run(errand: Errand) {
    const done = once(process, 'message');
    await say(errand);
    await done;
  },
};

process.on('unhandledRejection', (reason) => fail(reason));
try {
  await say({ outcome: await perform(assignment.task) });
  process.disconnect();
  setTimeout(() => process.exit(), 100).unref(); // a library may leave something open
} catch (error) {
  fail(error);
}

/** A task is imported when it is known, so that start-up is not measured with the code of the others. */
async function perform(task: Task): Promise<Outcome> {
  switch (task.kind) {
    case 'publish':
      return (await import('./tasks/publish.ts')).publish(stage, task.inFlight);
    case 'consume':
      return (await import('./tasks/consume.ts')).consume(stage, task.prefetch);
    case 'latency':
      return (await import('./tasks/latency.ts')).latency(stage, task.perSecond);
    case 'ladder':
      return (await import('./tasks/ladder.ts')).ladder(stage, task.prefetch);
    case 'delay':
      return (await import('./tasks/ladder.ts')).delay(stage, task.perSecond);
    case 'service':
      return (await import('./tasks/service.ts')).service(stage, task.concurrency);
    case 'away':
      return (await import('./tasks/away.ts')).away(stage, task.messages);
    case 'start':
      return (await import('./tasks/start.ts')).start(stage);
    case 'idle':
      return (await import('./tasks/start.ts')).idle(stage);
    case 'endurance':
      return (await import('./tasks/endurance.ts')).endurance(stage);
    default:
      return task satisfies never;
  }
}

/** Resolves when it has been written. */
function say(word: Word): Promise<void> {
  return new Promise((resolve) => process.send?.(word, () => resolve()));
}

function fail(reason: unknown): void {
  const failure = reason instanceof Error ? (reason.stack ?? reason.message) : String(reason);
  void say({ failure }).finally(() => process.exit(1));
}
