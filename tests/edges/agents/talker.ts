import { defineAgent, defineTool } from 'outlast';
import { z } from 'zod';

const key = process.env['OUTLAST_MODEL_API_KEY'];

/** Its tool says what it should keep to itself. */
export default defineAgent({
  description: 'Talks too much.',
  instructions: '-',
  limits: { modelRetries: 0 },
  tools: {
    call_out: defineTool({
      description: '-',
      inputSchema: z.object({}),
      execute: (_input, { log }) => {
        log.info({ headers: { authorization: `Bearer ${key}` } }, 'calling');
        const cause = new Error(
          'refused https://ann:sk-foreign-sentinel-0123456789@example.com/?token=sentinel-query',
        );
        throw new Error(`The key ${key} or sk-foreign-sentinel-0123456789 was refused`, { cause });
      },
    }),
  },
});
