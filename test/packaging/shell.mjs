import { spawn } from 'node:child_process';

/**
 * Runs a program to its end and gives what it wrote. Throws, with all of it, when it fails or takes longer than
 * `limitMs`.
 */
export function run(program, args, { cwd, env = {}, limitMs = 300_000 } = {}) {
  const { promise, resolve, reject } = Promise.withResolvers();
  const child = spawn(program, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: limitMs,
    killSignal: 'SIGKILL',
  });
  let output = '';
  child.stdout.on('data', (chunk) => (output += chunk));
  child.stderr.on('data', (chunk) => (output += chunk));
  child.on('error', reject);
  child.on('close', (code, signal) => {
    if (code === 0) return resolve(output);
    const how = signal ? `was ended by ${signal} after at most ${limitMs / 1000} s` : `exited with ${code}`;
    reject(new Error(`${program} ${args.join(' ')}\n(in ${cwd}) ${how}:\n${output}`));
  });
  return promise;
}

/** Runs one step and says how long it took. */
export async function step(name, work) {
  const started = Date.now();
  const result = await work();
  console.log(`ok    ${name} (${((Date.now() - started) / 1000).toFixed(1)} s)`);
  return result;
}
