/** Makes a virtual host on the broker of AMQP_URL, says its name, and waits to be killed. Run by `given-broker.test.ts`. */
import { startBroker } from '@surehop/testing';

const broker = await startBroker({ kind: 'url', log: () => {} });
const vhost = await broker.vhost();
process.stdout.write(`${vhost.name}\n`);
setInterval(() => {}, 60_000);
