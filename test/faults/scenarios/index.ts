import type { Scenario } from '../scenario.ts';
import { alarmScenarios } from './alarms.ts';
import { blackHoleScenarios } from './black-hole.ts';
import { brokerScenarios } from './broker.ts';
import { callbackScenarios } from './callbacks.ts';
import { channelErrorScenarios } from './channel-errors.ts';
import { closingScenarios } from './closing.ts';
import { clusterScenarios } from './cluster.ts';
import { deadLetterWorkerScenarios } from './dead-letter-worker.ts';
import { deletingScenarios } from './deleting.ts';
import { deploymentScenarios } from './deployments.ts';
import { exchangeDeletingScenarios } from './exchange-deleting.ts';
import { foreignMessageScenarios } from './foreign-messages.ts';
import { hangingScenarios } from './hanging.ts';
import { killingScenarios } from './killing.ts';
import { leakScenarios } from './leaks.ts';
import { networkScenarios } from './network.ts';
import { poisonScenarios } from './poison.ts';
import { processScenarios } from './process.ts';
import { refusingScenarios } from './refusing.ts';
import { routingScenarios } from './routing.ts';
import { startingScenarios } from './starting.ts';

export const scenarios: readonly Scenario[] = [
  ...brokerScenarios,
  ...clusterScenarios,
  ...networkScenarios,
  ...blackHoleScenarios,
  ...alarmScenarios,
  ...startingScenarios,
  ...processScenarios,
  ...leakScenarios,
  ...routingScenarios,
  ...channelErrorScenarios,
  ...deletingScenarios,
  ...exchangeDeletingScenarios,
  ...refusingScenarios,
  ...foreignMessageScenarios,
  ...poisonScenarios,
  ...callbackScenarios,
  ...deadLetterWorkerScenarios,
  ...killingScenarios,
  ...hangingScenarios,
  ...closingScenarios,
  ...deploymentScenarios,
];
