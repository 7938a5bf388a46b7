import type { Assignment, Errand, QueueRole } from '../assignment.ts';
import type { Client, Open, Setup } from '../client.ts';

/** What a task finds: its assignment, the library, and whoever fetches and carries for it. */
export interface Stage {
  readonly assignment: Assignment;
  /** Imports the library; the first call takes the time of the import. */
  load(): Promise<Open>;
  run(errand: Errand): Promise<void>;
}

export function queueName({ assignment }: Stage, role: QueueRole): string {
  return assignment.queues[role];
}

export async function openClient(
  stage: Stage,
  setup: Pick<Setup, 'queues'> & Partial<Pick<Setup, 'prefetch' | 'inFlight' | 'retryDelaysMs' | 'memoryBound'>>,
): Promise<Client> {
  const { url, queueType } = stage.assignment;
  const open = await stage.load();
  return open({ url, queueType, prefetch: 10, inFlight: 1, ...setup });
}
