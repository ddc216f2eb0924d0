import { describe, expect, test } from '@jest/globals';
import { createElement } from 'react';
import { renderToString } from 'react-dom/server';
import { createOutlastClient } from '../../packages/client/src/index.ts';
import { type Thread, useThread } from '../../packages/client/src/react.ts';

describe('useThread on a server', () => {
  test('shows an empty thread, and asks nobody', () => {
    const asked: unknown[] = [];
    const client = createOutlastClient({
      baseUrl: 'http://outlast.test',
      fetch: async (url) => {
        asked.push(url);
        return new Response();
      },
    });
    const seen: Thread[] = [];
    const Page = ({ options }: { options: Parameters<typeof useThread>[0] }) => {
      const thread = useThread(options);
      seen.push(thread);
      return createElement('p', null, `${thread.status}: ${thread.messages.length}`);
    };
    expect(renderToString(createElement(Page, { options: { client, threadId: 't' } }))).toBe(
      '<p>loading: 0</p>',
    );
    expect(renderToString(createElement(Page, { options: { threadId: 't' } }))).toBe('<p>loading: 0</p>');
    expect(asked).toEqual([]);
    expect(seen[0]).toMatchObject({ connection: 'connecting', approvals: [], error: null });
  });
});
