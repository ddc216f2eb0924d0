import { z } from 'zod';
import { LONGEST_TEMPLATE, parseTemplate } from './parse-template.ts';
import { faultOfSchedule } from './schedule.ts';
import { webhookTriggerSchema } from './webhook-trigger.ts';

const NAME = 256;
const MATCH_BYTES = 16 * 1024;
const PLAIN = 'must have neither U+0000 nor half a surrogate pair';

const text = (longest: number) =>
  z
    .string()
    .min(1, 'must not be empty')
    .max(longest, `must have at most ${longest} characters`)
    .refine((value) => !/[\0\p{Surrogate}]/u.test(value), PLAIN);

export const eventNameSchema = text(NAME);

const schedule = z
  .strictObject({
    type: z.literal('schedule'),
    cron: text(NAME).meta({ description: '5 fields, or 6 with seconds first.' }),
    timezone: text(NAME).default('UTC').meta({ description: 'As in the IANA time zone database.' }),
  })
  .superRefine((value, context) => {
    const fault = faultOfSchedule(value);
    if (fault !== undefined)
      context.addIssue({ code: 'custom', path: [fault.field], message: fault.message });
  });

const event = z.strictObject({
  type: z.literal('event'),
  name: eventNameSchema,
  match: z
    .custom<Record<string, unknown>>(
      (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
      'must be an object',
    )
    .refine(
      (value) => Buffer.byteLength(JSON.stringify(value)) <= MATCH_BYTES,
      'must have at most 16 KB as JSON',
    )
    .optional()
    .meta({
      type: 'object',
      additionalProperties: true,
      description: 'What the payload must have, as a subset: objects by their keys, all else as equal JSON.',
    }),
});

export const triggerSchema = z
  .discriminatedUnion('type', [schedule, webhookTriggerSchema, event], {
    error: 'must be a schedule, a webhook or an event',
  })
  .meta({ id: 'Trigger' });

export const approvalPolicySchema = z.enum(['ask', 'deny']).meta({
  description:
    'What becomes of calls that a person has to be asked about: they wait in the inbox, or are denied.',
});

const whole = (least: number, most: number) =>
  z.int(`must be a whole number from ${least} to ${most}`).min(least).max(most);

/** All that the owner of an automation decides about it. */
export const automationSettingsSchema = z
  .strictObject({
    name: text(NAME),
    agentId: text(NAME),
    input: text(LONGEST_TEMPLATE)
      .superRefine((template, context) => {
        for (const message of parseTemplate(template).faults ?? [])
          context.addIssue({ code: 'custom', message });
      })
      .meta({
        description: 'What the agent is told: a Mustache template over payload, scheduledFor, automation.',
      }),
    threadMode: z.enum(['new', 'same']).default('new').meta({
      description:
        'A thread for each execution, or one for all of them, in which they run one after another.',
    }),
    trigger: triggerSchema,
    enabled: z.boolean().default(true),
    concurrency: z
      .strictObject({
        max: whole(1, 1000).default(1),
        onBusy: z.enum(['skip', 'enqueue']).default('skip'),
      })
      .default({ max: 1, onBusy: 'skip' })
      .meta({
        description: 'How many executions it may have that are not over, and what becomes of one more.',
      }),
    catchUp: z.enum(['none', 'last']).default('none').meta({
      description:
        'What becomes of due times at which no worker was there: none is made up for, or the last one.',
    }),
    maxAttempts: whole(1, 10).default(1).meta({
      description: 'Executions that one firing may take; each one after a failure is its retry.',
    }),
    approvalPolicy: approvalPolicySchema.default('ask'),
    pauseAfterFailures: whole(0, 1000).default(10).meta({
      description: 'So many failed firings in a row pause it; 0: it is never paused by itself.',
    }),
  })
  .meta({ id: 'AutomationSettings' });

export type AutomationSettings = z.output<typeof automationSettingsSchema>;
export type Trigger = z.output<typeof triggerSchema>;
export type ApprovalPolicy = z.output<typeof approvalPolicySchema>;
