import { describe, expect, test } from 'vitest';
import { brokerTraits } from './broker-version.ts';

test.each([
  ['3.9.29', false],
  ['3.10.0', true],
  ['3.13.7', true],
  ['4.3.6', true],
  ['4.4.0', false],
])('%s is supported: %j', (version, supported) => {
  expect(brokerTraits(version)).toMatchObject({ supported, label: `RabbitMQ ${version}` });
});

describe('known bugs', () => {
  const issues = (version: string): string[] =>
    brokerTraits(version).knownBugs.map((text) => /rabbitmq-server(#\d+)/.exec(text)?.[1] ?? text);

  test.each([
    ['3.12.14', []],
    ['3.13.0', ['#11159']],
    ['3.13.2', ['#11159']],
    ['3.13.3', []],
    ['4.2.0', ['#16203', '#16652']],
    ['4.2.6', ['#16203', '#16652']],
    ['4.2.7', ['#16652']],
    ['4.3.0', ['#16203', '#16652']],
    ['4.3.1', ['#16652']],
    ['4.3.2', ['#16652']],
    ['4.3.3', []],
    ['4.3.6', []],
  ])('of %s are %j', (version, expected) => {
    expect(issues(version)).toEqual(expected);
  });
});

test.each(['4.3.6-rc.1', '4.3.6+12.gabc', 'v4.3.6', 'RabbitMQ 4.3.6'])('%s is read as 4.3.6', (version) => {
  expect(brokerTraits(version)).toMatchObject({ supported: true, knownBugs: [] });
});

test.each(['', 'unknown', '4'])('a version that says nothing (%j) is unsupported', (version) => {
  expect(brokerTraits(version)).toMatchObject({ supported: false, knownBugs: [] });
});

test.each([
  ['3.10.8', 2],
  ['3.13.7', 1],
  ['4.2.7', 1],
  ['4.3.0', 0],
])('%s has %i limits that the newest has not', (version, count) => {
  expect(brokerTraits(version).limits).toHaveLength(count);
});

test.each([
  ['3.10.8', 'counts'],
  ['3.13.7', 'counts'],
  ['4.0.5', 'counts, with a limit'],
  ['4.2.9', 'counts, with a limit'],
  ['4.3.0', 'nothing'],
  ['unknown', 'counts, with a limit'],
])('%s: giving a message back costs it: %s', (version, givingBack) => {
  expect(brokerTraits(version)).toMatchObject({ givingBack });
});
