import { describe, expect, test } from 'vitest';
import { parseHosts } from './hosts.ts';

describe('broker URLs', () => {
  test('say host, port, virtual host and login, with the usual defaults', () => {
    expect(parseHosts('amqp://localhost')).toMatchObject([
      { hostname: 'localhost', port: 5672, vhost: '/', tls: false, username: 'guest', password: 'guest' },
    ]);
    expect(parseHosts('amqps://ann:p%40ss@[::1]:5670/a%2Fb?heartbeat=3&frame_max=8192')).toMatchObject([
      {
        hostname: '::1',
        port: 5670,
        vhost: 'a/b',
        tls: true,
        username: 'ann',
        password: 'p@ss',
        heartbeatSeconds: 3,
        frameMaxBytes: 8_192,
      },
    ]);
    expect(parseHosts('amqps://h?auth_mechanism=EXTERNAL')).toMatchObject([{ port: 5671, external: true }]);
  });

  test('may be several, in order', () => {
    expect(parseHosts(['amqp://a', 'amqp://b:1']).map(({ hostname }) => hostname)).toEqual(['a', 'b']);
  });

  test.each([
    ['', 'amqp://user:password@host'],
    ['localhost:5672', 'amqp://user:password@host'],
    ['http://ann:secret@host', 'amqp://user:password@host'],
    ['amqp://', 'amqp://user:password@host'],
    ['amqp://host?heartbeat=-1', 'heartbeat must be an integer in [0, 65535], got "-1"'],
    ['amqp://host?frame_max=4096', 'frame_max must be an integer in [8192,'],
    ['amqp://host?hartbeat=1', 'unknown parameter "hartbeat"'],
    ['amqp://host/%E0%A4%A', 'not valid percent-encoding'],
    ['amqp://host?auth_mechanism=magic', 'plain or external'],
  ])('%j is refused', (url, message) => {
    expect(() => parseHosts(url)).toThrow(message);
  });

  test('never show a password', () => {
    const urls = [
      'http://ann:s3cret@host',
      'ann:s3cret@host:5672',
      'amqp:ann:s3cret@host',
      'amqp://ann:s3cret@host?x=1',
      'amqp://ann:s3cret@host?heartbeat=no',
      'amqp://ann:s3cret%@host',
    ];
    for (const url of urls) {
      expect(() => parseHosts(url)).toThrow();
      expect(() => parseHosts(url)).not.toThrow(/s3cret/);
    }
  });

  test('an empty list is refused', () => {
    expect(() => parseHosts([])).toThrow('at least one');
  });
});
