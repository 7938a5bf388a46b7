import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { installOnDebian } from './debian.ts';
import { BrokerError } from './errors.ts';

const run = promisify(execFile);

/** The system's own: the distribution's packages are for no other. */
const python = '/usr/bin/python3';

/**
 * A Python that has pika, RabbitMQ's client for that language, installed where it must be and can be.
 *
 * @returns the path of the program
 * @throws {BrokerError} there is none and none can be had
 */
export async function pythonWithPika(log: (line: string) => void): Promise<string> {
  if (await hasPika()) return python;
  await installOnDebian('python3-pika', log);
  if (await hasPika()) return python;
  throw new BrokerError(`${python} cannot import pika, although the package python3-pika is installed.`);
}

async function hasPika(): Promise<boolean> {
  try {
    await run(python, ['-c', 'import pika'], { timeout: 30_000 });
    return true;
  } catch {
    return false;
  }
}
