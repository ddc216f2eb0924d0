import { setTimeout as sleep } from 'node:timers/promises';
import { defineAgent, defineQuestion, defineTool } from 'outlast';
import { z } from 'zod';
import { recordEffect } from './_effects.ts';

const lookupOrder = defineTool({
  description: 'Looks up an order: what was bought, for how much, and where it is.',
  inputSchema: z.object({ orderId: z.string() }),
  idempotent: true,
  execute: ({ orderId }) => ({ orderId, item: 'Desk lamp', amount: 49.9, status: 'delivered' }),
});

// Money moves: a person approves it first, and after a crash a person says what became of it.
const refundOrder = defineTool({
  description: 'Pays an amount back to the customer of an order.',
  inputSchema: z.object({ orderId: z.string(), amount: z.number().positive() }),
  needsApproval: true,
  risk: 'high',
  execute: async (input, context) => {
    await recordEffect('refund_order', input, context);
    return { refunded: input.amount, orderId: input.orderId };
  },
});

// Only mail to strangers needs a person. The mail service knows the key, so sending again after a crash is safe.
const sendEmail = defineTool({
  description: 'Sends an email.',
  inputSchema: z.object({ to: z.string(), subject: z.string(), body: z.string() }),
  needsApproval: ({ to }) => !to.endsWith('@example.com'),
  idempotent: true,
  retries: 2,
  risk: 'medium',
  execute: async (input, context) => {
    await recordEffect('send_email', input, context);
    return { sent: true, to: input.to };
  },
});

const slowReport = defineTool({
  description: 'Writes a report that takes some seconds.',
  inputSchema: z.object({ seconds: z.number().min(0).max(3600), name: z.string() }),
  timeoutMs: 3_660_000,
  execute: async (input, context) => {
    await recordEffect('slow_report', input, context);
    await sleep(input.seconds * 1000, undefined, { signal: context.signal });
    return { report: input.name, pages: 3 };
  },
});

const askPerson = defineQuestion({
  description: 'Asks a person a question and waits for the answer.',
  inputSchema: z.object({ question: z.string() }),
});

export default defineAgent({
  description: 'Handles orders: looks them up, refunds them, writes to customers.',
  instructions: [
    'You handle the orders of a small shop.',
    'Look an order up before you do anything with it.',
    'Ask a person when you are not sure what the customer wants.',
  ].join('\n'),
  tools: {
    lookup_order: lookupOrder,
    refund_order: refundOrder,
    send_email: sendEmail,
    slow_report: slowReport,
    ask_person: askPerson,
  },
});
