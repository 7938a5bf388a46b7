import type { ChannelListeners, OutgoingMessage } from '@surehop/core/internal';

/** Listeners of a channel, and what they were told, in order. */
export function listeningTo(): { readonly listeners: ChannelListeners; readonly told: string[] } {
  const told: string[] = [];
  const listeners: ChannelListeners = {
    onConfirm: (sequence, multiple, stored) => {
      told.push(`confirm ${multiple ? 'up to ' : ''}${sequence} ${stored ? 'stored' : 'refused'}`);
    },
    onReturn: (messageId, code, text) => void told.push(`return ${messageId} ${code} ${text}`),
    onDelivery: (delivered) => {
      const { properties, headers, content, ...fields } = delivered;
      told.push(`delivery ${JSON.stringify({ ...fields, properties, headers, content: [...content] })}`);
    },
    onCancel: (tag) => void told.push(`cancel ${tag}`),
    onClosed: (cause) => void told.push(`closed: ${cause?.scope}`),
  };
  return { listeners, told };
}

export function message(text: string): OutgoingMessage {
  const properties = { messageId: `id-${text}` };
  return { exchange: '', routingKey: 'q', mandatory: true, content: Buffer.from(text), properties, headers: undefined };
}
