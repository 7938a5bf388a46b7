import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const require = createRequire(import.meta.url);
const inside: string = join(dirname(require.resolve('amqplib')), 'lib', 'connection.js');
const { Connection } = require(inside) as { Connection: { prototype: { freshChannel: (...args: never) => unknown } } };

/**
 * Makes amqplib's connections look as another version's might: one method takes other parameters. Everything then goes
 * amqplib's way.
 *
 * @returns what undoes it
 */
export function lookLikeAnother(): () => void {
  const known = Connection.prototype.freshChannel;
  Connection.prototype.freshChannel = function fresh(...args: never) {
    return known.apply(this, args);
  };
  return () => {
    Connection.prototype.freshChannel = known;
  };
}
