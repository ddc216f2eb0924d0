import { defineAgent, defineTool } from 'outlast';
import { z } from 'zod';

const getTime = defineTool({
  description: 'Tells the current date and time, in the given IANA time zone or in UTC.',
  inputSchema: z.object({
    timezone: z.string().optional().describe('e.g. Europe/Vienna'),
  }),
  idempotent: true,
  execute: ({ timezone = 'UTC' }) => {
    const format = new Intl.DateTimeFormat('en-GB', {
      dateStyle: 'full',
      timeStyle: 'long',
      timeZone: timezone,
    });
    return { timezone, time: format.format(new Date()) };
  },
});

const add = defineTool({
  description: 'Adds two numbers.',
  inputSchema: z.object({ a: z.number(), b: z.number() }),
  idempotent: true,
  execute: ({ a, b }) => a + b,
});

export default defineAgent({
  description: 'A helpful assistant that knows what time it is.',
  instructions: 'You are a helpful assistant. Answer briefly. Use your tools instead of guessing.',
  tools: { get_time: getTime, add },
});
