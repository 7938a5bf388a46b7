import type { Broker, BrokerDefinition } from './broker.ts';
import { runCtl } from './ctl.ts';
import { LiveBroker } from './live-broker.ts';
import { SharedNode } from './shared-node.ts';

/**
 * Uses a broker that another process of the same run has started, without asking it anything yet.
 *
 * Others use it at the same time, so `can` allows neither to end a node nor to raise an alarm. Closing it deletes the
 * virtual hosts made through it, not the broker.
 */
export function attachBroker(definition: BrokerDefinition): Broker {
  const nodes = definition.nodes.map((node) => {
    const { ctl } = node;
    return ctl === undefined ? new SharedNode(node) : new SharedNode(node, (args) => runCtl(ctl, args));
  });
  const ctl = definition.nodes.every((node) => node.ctl !== undefined);
  return new LiveBroker({
    definition,
    nodes,
    can: { kill: false, freeze: false, partition: false, alarm: false, cluster: false, ctl },
    isUp: () => true,
    outlivesClose: true,
    end: async () => {},
  });
}
