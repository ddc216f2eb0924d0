import { describeAgent } from '../agents/describe-agent.ts';
import type { Server } from '../main.ts';

/** What a person reads when the server is ready: where it is, what it runs with, and what to try. */
export function greeting(server: Pick<Server, 'url' | 'agents' | 'models' | 'notices'>): string {
  const { url, notices } = server;
  const agents = server.agents.list().map((entry) => describeAgent(entry, server.models));
  const agent = agents.find(({ id }) => id === 'assistant') ?? agents.find(({ error }) => error === null);
  const lines = [
    ...notices,
    ...(server.agents.warning === null ? [] : [server.agents.warning]),
    ...agents.map(({ id, model, demo, error }) =>
      error === null
        ? `agent ${id} uses ${model}${demo ? ' (a scripted demo model, no AI: set OPENAI_API_KEY or ANTHROPIC_API_KEY)' : ''}`
        : `agent ${id} is broken: ${error}`,
    ),
    `outlast ready on ${url}`,
    ...(agent === undefined ? [] : commandsToTry(url, agent.id, agent.demo)),
  ];
  return `${lines.join('\n')}\n`;
}

function commandsToTry(url: string, agentId: string, demo: boolean): string[] {
  const input = demo ? 'stream 200 50' : 'Write a long poem about a river.';
  const body = JSON.stringify({ agentId, threadId: 'demo', input });
  return [
    '',
    'Try this: start an agent, kill this server with kill -9 in mid-sentence, start it again, and see it go on:',
    `  curl -N ${url}/executions -H 'content-type: application/json' -H 'accept: text/event-stream' -d '${body}'`,
    `  curl -N "${url}/executions/$(curl -s '${url}/executions?limit=1' | grep -o '"id":"[^"]*"' | head -1 | cut -d'"' -f4)/stream"`,
    `  curl -s ${url}/threads/demo/messages`,
    `The API is described at ${url}/docs`,
  ];
}
