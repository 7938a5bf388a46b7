import { expect, test } from 'vitest';
import { DriverError } from './driver.ts';
import { topologyFault } from './topology-fault.ts';

function refused(replyCode: number, message = ''): DriverError {
  return new DriverError('channel', message, { replyCode });
}

test('a 406 says which argument differs, what was wanted and what is there', () => {
  const text =
    `Operation failed: QueueDeclare; 406 (PRECONDITION-FAILED) with message "PRECONDITION_FAILED - inequivalent arg 'x-message-ttl' ` +
    `for queue 'orders.retry.1' in vhost '/': received the value '1' of type 'signedint' but current is the value '5' of type 'signedint'"`;
  expect(topologyFault(refused(406, text), 'queue "orders.retry.1"')).toMatchObject({
    code: 'SUREHOP_TOPOLOGY_MISMATCH',
    entity: 'queue "orders.retry.1"',
    argument: 'x-message-ttl',
    wanted: '1',
    found: '5',
  });
});

test('an argument that is not there at all is "none"', () => {
  const text = `PRECONDITION_FAILED - inequivalent arg 'x-queue-type' for queue 'q' in vhost '/': received the value 'quorum' of type 'longstr' but current is none`;
  expect(topologyFault(refused(406, text), 'queue "q"')).toMatchObject({ wanted: 'quorum', found: 'none' });
});

test('what is missing and what is forbidden are faults, what may pass is none', () => {
  expect(topologyFault(refused(404), 'queue "q"')).toMatchObject({ code: 'SUREHOP_TOPOLOGY_MISMATCH' });
  expect(topologyFault(refused(403), 'queue "q"')).toMatchObject({ code: 'SUREHOP_ACCESS_REFUSED', retryable: false });
  expect(topologyFault(new DriverError('channel', 'timed out without an answer'), 'queue "q"')).toBeUndefined();
  expect(topologyFault(new Error('link is down'), 'queue "q"')).toBeUndefined();
});
