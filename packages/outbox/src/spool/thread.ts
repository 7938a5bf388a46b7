import { parentPort } from 'node:worker_threads';
import type { Damage } from './damage.ts';
import type { Answer, FileFault, Request, Standing } from './protocol.ts';

/** The thread on which a spool's file is written: a commit waits for the disk, and the event loop must not. */

type Keeper = import('./file-keeper.ts').FileKeeper;

const damage: Damage[] = [];
let keeper: Keeper | undefined;

parentPort?.on('message', (request: Request) => void answer(request));

async function answer(request: Request): Promise<void> {
  const result = await handled(request);
  const standing = standingNow();
  const reply: Answer = { number: request.number, result, standing, damage: damage.splice(0) };
  const packed = result.ok ? (result.answer as { contents?: Uint8Array<ArrayBuffer> } | undefined) : undefined;
  parentPort?.postMessage(reply, packed?.contents === undefined ? [] : [packed.contents.buffer]);
  if (request.kind === 'close') parentPort?.close();
}

/** What cannot be read now is told by whoever wants more than numbers. */
function standingNow(): Standing | undefined {
  try {
    return keeper?.standing();
  } catch {
    return undefined;
  }
}

async function handled(request: Request): Promise<Answer['result']> {
  let faultOf: ((thrown: unknown) => FileFault) | undefined;
  try {
    // Loaded here, so that its absence is told like any other trouble with the file.
    const [{ FileKeeper }, faults] = await Promise.all([import('./file-keeper.ts'), import('./file-fault.ts')]);
    faultOf = faults.faultOf;
    keeper ??= new FileKeeper((found) => damage.push(found));
    return { ok: true, answer: keeper.handle(request) };
  } catch (thrown) {
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    return { ok: false, fault: faultOf?.(thrown) ?? { kind: 'open', message: `node:sqlite is missing: ${message}` } };
  }
}
