import { existsSync } from 'node:fs';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Files that take twenty seconds and more. Vitest, in a fresh clone, knows sizes only. */
const longFiles: readonly string[] = [
  'test/simulation/mutants.test.ts',
  'test/dead-letters/losses.test.ts',
  'test/dead-letters/killed.test.ts',
  'test/testing/reaper.test.ts',
  'test/testing/rabbitmqctl.test.ts',
  'test/order/waiting-faults.test.ts',
  'test/order/waiting.test.ts',
  'test/outbox/delays-killed.test.ts',
  'test/outbox/spool-delays-killed.test.ts',
  'test/outbox/spool-killed.test.ts',
  'test/examples/demo.test.ts',
  'test/examples/first-steps.test.ts',
  'test/consuming/silent-host.test.ts',
  'test/topology/replication.test.ts',
];

const root = new URL('../', import.meta.url);
const missing = longFiles.filter((file) => !existsSync(new URL(file, root)));
if (missing.length > 0) throw new Error(`test/longest-first.ts names what is not there: ${missing.join(', ')}`);

/** Begins with what takes longest, so that the end does not find one worker at work and the others idle. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const isLong = ({ moduleId }: TestSpecification): boolean =>
      longFiles.some((file) => moduleId.endsWith(`/${file}`));
    return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))];
  }
}
