import { describe, expect, test } from '@jest/globals';
import type { UIMessage } from 'ai';
import { newMessages } from '../../packages/client/src/chat/new-messages.ts';

const user = (id: string): UIMessage => ({ id, role: 'user', parts: [{ type: 'text', text: id }] });
const assistant = (id: string, ...parts: object[]) =>
  ({ id, role: 'assistant', parts: [{ type: 'step-start' }, ...parts] }) as UIMessage;
const call = (toolCallId: string, state: string, rest: object = {}) => ({
  type: 'tool-refund',
  toolCallId,
  state,
  input: { amount: 1 },
  ...rest,
});

const yes = { id: 'a1', approved: true };
const submit = 'submit-message' as const;

describe('what is sent of a chat', () => {
  test('is the last message of the user, and not the history', () => {
    const messages = [user('u1'), assistant('m1', call('c1', 'output-available', { output: 1 })), user('u2')];
    expect(newMessages({ trigger: submit, messageId: undefined, messages })).toEqual([user('u2')]);
  });

  test('is the answers of the message that is gone on with, without inputs', () => {
    const answered = assistant(
      'm1',
      { type: 'text', text: 'long' },
      call('c1', 'approval-responded', { approval: yes }),
      call('c2', 'output-available', { output: 'blue' }),
      call('c3', 'input-available'),
    );
    expect(newMessages({ trigger: submit, messageId: 'm1', messages: [user('u1'), answered] })).toEqual([
      {
        id: 'm1',
        role: 'assistant',
        parts: [
          { type: 'tool-refund', toolCallId: 'c1', state: 'approval-responded', approval: yes },
          { type: 'tool-refund', toolCallId: 'c2', state: 'output-available', output: 'blue' },
        ],
      },
    ]);
  });

  test('has the approvals that were answered in earlier messages and not sent', () => {
    const open = assistant(
      'm1',
      call('c1', 'approval-responded', { approval: yes }),
      call('c2', 'output-error'),
    );
    const messages = [user('u1'), open, assistant('m2'), user('u2')];
    expect(newMessages({ trigger: submit, messageId: undefined, messages })).toMatchObject([
      { id: 'm1', parts: [{ toolCallId: 'c1' }] },
      { id: 'u2' },
    ]);
  });

  test('names the answer that is gone on with, also when there is nothing in it to send', () => {
    const messages = [user('u1'), assistant('m1', call('c1', 'input-available'))];
    expect(newMessages({ trigger: submit, messageId: undefined, messages })).toEqual([
      { id: 'm1', role: 'assistant', parts: [] },
    ]);
  });

  test('is the message to answer again, if any', () => {
    const regenerate = { trigger: 'regenerate-message', messageId: 'm1' } as const;
    expect(newMessages({ ...regenerate, messages: [user('u1')] })).toEqual([user('u1')]);
    expect(newMessages({ ...regenerate, messages: [] })).toEqual([]);
  });
});
