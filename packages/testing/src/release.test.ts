import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { findRelease } from './release.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'surehop-release-'));
});

afterEach(() => rmSync(folder, { recursive: true }));

function install(name: string, ...files: readonly string[]): string {
  const sbin = join(folder, name);
  mkdirSync(sbin);
  for (const file of files) {
    writeFileSync(join(sbin, file), '#!/bin/sh\n');
    chmodSync(join(sbin, file), 0o755);
  }
  return sbin;
}

test('the first rabbitmq-server on PATH is taken', () => {
  const empty = install('empty');
  const first = install('first', 'rabbitmq-server');
  const second = install('second', 'rabbitmq-server');

  expect(findRelease([empty, first, second].join(':'))).toEqual({
    server: join(first, 'rabbitmq-server'),
    ctl: join(first, 'rabbitmqctl'),
    found: join(first, 'rabbitmq-server'),
  });
});

test("a link into a release leads to the release's own scripts", () => {
  const release = install('release', 'rabbitmq-server', 'rabbitmq-env');
  const bin = install('bin');
  symlinkSync(join(release, 'rabbitmq-server'), join(bin, 'rabbitmq-server'));

  expect(findRelease(bin)).toMatchObject({
    server: join(release, 'rabbitmq-server'),
    found: join(bin, 'rabbitmq-server'),
  });
});

test('a link to a program that is no release is taken as it stands', () => {
  const program = install('program', 'launcher');
  const bin = install('bin');
  symlinkSync(join(program, 'launcher'), join(bin, 'rabbitmq-server'));

  expect(findRelease(bin)).toMatchObject({ server: join(bin, 'rabbitmq-server'), ctl: join(bin, 'rabbitmqctl') });
});

test('a file that cannot be run is none', () => {
  const bin = install('bin', 'rabbitmq-server');
  chmodSync(join(bin, 'rabbitmq-server'), 0o644);
  expect(findRelease(bin)?.found).not.toBe(join(bin, 'rabbitmq-server'));
});

test('a release tells its version by its own files, where it has them', () => {
  const release = install('release', 'rabbitmq-server', 'rabbitmq-env');
  expect(findRelease(release)?.version).toBeUndefined();
  mkdirSync(join(folder, 'plugins', 'rabbit-3.10.8'), { recursive: true });
  mkdirSync(join(folder, 'plugins', 'rabbit_common-3.10.8'));
  expect(findRelease(release)?.version).toBe('3.10.8');
});
