import { createServer, type Server } from 'node:http';
import type { Rabbit } from '@surehop/consumer';

/** GET /health: 200 means that an order which arrives now would be handled. */
export function createHealth(rabbit: Rabbit): Server {
  return createServer((request, response) => {
    const found = request.url === '/health';
    const { consuming, details } = read(rabbit);
    response.writeHead(found ? (consuming ? 200 : 503) : 404, { 'content-type': 'application/json' });
    response.end(`${JSON.stringify(found ? { consuming, ...details } : { error: 'try GET /health' })}\n`);
  });
}

/** Connected is not enough: the subscription must stand, too. */
function read(rabbit: Rabbit): { consuming: boolean; details: object } {
  const { status, links, consumers } = rabbit.health();
  const subscribed = consumers.length > 0 && consumers.every(({ phase }) => phase === 'consuming');
  return {
    consuming: links.consume.phase === 'open' && subscribed,
    details: { status, link: links.consume, consumers },
  };
}
