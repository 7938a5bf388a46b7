import { expect, test } from 'vitest';
import { blackHole, blackHoleToBroker, blackHoleToClient, nodeUnreachable, slowNetwork } from './network-faults.ts';
import type { Inject, World } from './world.ts';

/** A publisher whose proxy keeps what was asked of it. */
function world(): { readonly world: World; readonly asked: string[] } {
  const asked: string[] = [];
  const note = (what: string) => () => void asked.push(what);
  const proxy = {
    cut: note('cut'),
    heal: note('heal'),
    blackhole: note('lose'),
    swallow: note('lose'),
    delay: note('delay'),
  };
  const worker = { role: 'publisher', name: 'publisher-1', proxies: [proxy] };
  return { world: { workers: [worker] } as unknown as World, asked };
}

async function endured(inject: Inject): Promise<string[]> {
  const { world: struck, asked } = world();
  const heal = await inject(struck, { name: 'black-hole', atMs: 0, lastsMs: 0, target: 0, whim: 0 });
  await heal();
  return asked;
}

test.each([
  ['blackHole', blackHole],
  ['blackHoleToBroker', blackHoleToBroker],
  ['blackHoleToClient', blackHoleToClient],
  ['nodeUnreachable', nodeUnreachable],
])('%s ends with the connections that have lost bytes', async (_, inject) => {
  expect(await endured(inject)).toEqual(['lose', 'cut', 'heal']);
});

test('where nothing is lost, connections go on', async () => {
  expect(await endured(slowNetwork)).toEqual(['delay', 'heal']);
});
