import { describe, expect, test } from '@jest/globals';
import { chooseAgent } from '../../src/agents/choose-agent.ts';
import { type AgentDefinition, defineAgent } from '../../src/agents/define-agent.ts';
import type { AgentCatalog, AgentEntry } from '../../src/agents/load-agents.ts';

const agent: AgentDefinition = defineAgent({ instructions: 'x' });

function catalog(...ids: string[]): AgentCatalog {
  const entries = ids.map(
    (id): AgentEntry =>
      id === 'broken'
        ? { id, file: `${id}.ts`, agent: null, error: 'no default export' }
        : { id, file: `${id}.ts`, agent, error: null },
  );
  return { list: () => entries, get: (id) => entries.find((entry) => entry.id === id), warning: null };
}

const wishes = { requested: undefined, ofThread: undefined, fallback: undefined };

describe('which agent answers', () => {
  test.each([
    ['the one that is named', { requested: 'b', ofThread: 'a', fallback: 'a' }, 'b'],
    ['the last of the thread', { requested: undefined, ofThread: 'b', fallback: 'a' }, 'b'],
    [
      'the default, when that of the thread is gone',
      { requested: undefined, ofThread: 'gone', fallback: 'b' },
      'b',
    ],
    ['the default', { requested: undefined, ofThread: null, fallback: 'b' }, 'b'],
    ['assistant', wishes, 'assistant'],
  ])('is %s', (_name, asked, id) => {
    expect(chooseAgent(catalog('a', 'assistant', 'b'), asked).id).toBe(id);
  });

  test('is the only one', () => {
    expect(chooseAgent(catalog('a'), wishes).id).toBe('a');
  });

  test.each([
    ['there are several', catalog('a', 'b'), wishes, 'agent-required'],
    ['there is none', catalog(), wishes, 'agent-required'],
    ['it does not exist', catalog('a'), { ...wishes, requested: 'b' }, 'agent-not-found'],
    ['its file is broken', catalog('broken'), wishes, 'agent-broken'],
  ])('is not known when %s', (_name, agents, asked, code) => {
    expect(() => chooseAgent(agents, asked)).toThrow(expect.objectContaining({ code }));
  });
});
