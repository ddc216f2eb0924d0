/**
 * What an application without durability does: the same demo model, `streamText`, and one Express route that
 * pipes its stream to the client. Prints its port when it listens.
 */
import type { AddressInfo } from 'node:net';
import { pipeUIMessageStreamToResponse, streamText, toUIMessageStream } from 'ai';
import express from 'express';
import assistant from '../../agents/assistant.ts';
import { createDemoModel } from '../../src/agents/demo-model/model.ts';

const model = createDemoModel();
const app = express();

app.post('/chat', express.json(), (request, response) => {
  const { input } = request.body as { input: string };
  const messages = [{ role: 'user' as const, content: input }];
  const result = streamText({ model, instructions: assistant.instructions, messages, maxRetries: 0 });
  void pipeUIMessageStreamToResponse({ response, stream: toUIMessageStream({ stream: result.stream }) });
});

const server = app.listen(0, '127.0.0.1', () => console.log((server.address() as AddressInfo).port));
