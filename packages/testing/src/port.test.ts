import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { freePort } from './port.ts';

test('freePort() gives different ports, on which one can listen, below those of outgoing connections', async () => {
  const ports = await Promise.all(Array.from({ length: 50 }, freePort));

  expect(new Set(ports).size).toBe(50);
  expect(Math.min(...ports)).toBeGreaterThanOrEqual(20_000);
  expect(Math.max(...ports)).toBeLessThan(32_000);
  const server = createServer().listen(ports[0], '127.0.0.1');
  await once(server, 'listening');
  server.close();
});

test('freePort() gives nothing that another process has been given', async () => {
  const count = 300; // of 12,000: by chance alone some ten would be the same
  const ours = new Set(await Promise.all(Array.from({ length: count }, freePort)));
  const url = new URL('port.ts', import.meta.url);
  const code = `const { freePort } = await import(${JSON.stringify(url)});
    console.log(JSON.stringify(await Promise.all(Array.from({ length: ${count} }, freePort))));`;

  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', code]);

  const theirs = JSON.parse(stdout) as number[];
  expect(theirs).toHaveLength(count);
  expect(theirs.filter((port) => ours.has(port))).toEqual([]);
});
