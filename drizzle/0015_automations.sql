CREATE TABLE "outlast"."automations" (
	"id" uuid PRIMARY KEY NOT NULL,
	"tenant_id" text NOT NULL,
	"owner_id" text NOT NULL,
	"name" text NOT NULL,
	"agent_id" text NOT NULL,
	"input" text NOT NULL,
	"thread_mode" text NOT NULL,
	"trigger" json NOT NULL,
	"trigger_type" text NOT NULL,
	"event_name" text,
	"enabled" boolean NOT NULL,
	"paused_reason" text,
	"max_concurrent" integer NOT NULL,
	"on_busy" text NOT NULL,
	"catch_up" text NOT NULL,
	"max_attempts" integer NOT NULL,
	"approval_policy" text NOT NULL,
	"pause_after_failures" integer NOT NULL,
	"failures_in_row" integer DEFAULT 0 NOT NULL,
	"next_due_at" timestamp with time zone,
	"created_at" timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
	CONSTRAINT "automations_trigger_check" CHECK ("outlast"."automations"."trigger_type" IN ('schedule', 'webhook', 'event')),
	CONSTRAINT "automations_event_check" CHECK (("outlast"."automations"."trigger_type" = 'event') = ("outlast"."automations"."event_name" IS NOT NULL)),
	CONSTRAINT "automations_due_check" CHECK ("outlast"."automations"."next_due_at" IS NULL OR ("outlast"."automations"."enabled" AND "outlast"."automations"."trigger_type" = 'schedule')),
	CONSTRAINT "automations_paused_check" CHECK ("outlast"."automations"."enabled" = ("outlast"."automations"."paused_reason" IS NULL) AND "outlast"."automations"."paused_reason" IN ('request', 'failures')),
	CONSTRAINT "automations_thread_mode_check" CHECK ("outlast"."automations"."thread_mode" IN ('new', 'same')),
	CONSTRAINT "automations_on_busy_check" CHECK ("outlast"."automations"."on_busy" IN ('skip', 'enqueue')),
	CONSTRAINT "automations_catch_up_check" CHECK ("outlast"."automations"."catch_up" IN ('none', 'last')),
	CONSTRAINT "automations_approval_policy_check" CHECK ("outlast"."automations"."approval_policy" IN ('ask', 'deny')),
	CONSTRAINT "automations_limits_check" CHECK ("outlast"."automations"."max_concurrent" >= 1 AND "outlast"."automations"."max_attempts" >= 1 AND "outlast"."automations"."pause_after_failures" >= 0
        AND "outlast"."automations"."failures_in_row" >= 0)
);
--> statement-breakpoint
CREATE TABLE "outlast"."firings" (
	"id" uuid PRIMARY KEY NOT NULL,
	"tenant_id" text NOT NULL,
	"automation_id" uuid NOT NULL,
	"cause" text NOT NULL,
	"key" text NOT NULL,
	"scheduled_for" timestamp with time zone NOT NULL,
	"status" text NOT NULL,
	"reason" text,
	"count" integer DEFAULT 1 NOT NULL,
	"depth" integer NOT NULL,
	"input" json,
	"attempts" integer DEFAULT 0 NOT NULL,
	"execution_id" uuid,
	"retry_at" timestamp with time zone,
	"created_at" timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
	CONSTRAINT "firings_key" UNIQUE("automation_id","cause","key"),
	CONSTRAINT "firings_cause_check" CHECK ("outlast"."firings"."cause" IN ('schedule', 'webhook', 'event', 'request')),
	CONSTRAINT "firings_status_check" CHECK ("outlast"."firings"."status" IN ('fired', 'enqueued', 'skipped', 'failed')),
	CONSTRAINT "firings_count_check" CHECK ("outlast"."firings"."count" = 1 OR ("outlast"."firings"."count" > 1 AND "outlast"."firings"."status" = 'skipped')),
	CONSTRAINT "firings_input_check" CHECK (("outlast"."firings"."status" = 'enqueued') = ("outlast"."firings"."input" IS NOT NULL)),
	CONSTRAINT "firings_retry_check" CHECK ("outlast"."firings"."retry_at" IS NULL OR "outlast"."firings"."status" = 'fired'),
	CONSTRAINT "firings_reason_check" CHECK ("outlast"."firings"."status" = 'fired' OR "outlast"."firings"."reason" IS NOT NULL)
);
--> statement-breakpoint
CREATE TABLE "outlast"."schedule_clock" (
	"id" boolean PRIMARY KEY DEFAULT true NOT NULL,
	"looked_at" timestamp with time zone NOT NULL,
	"down_until" timestamp with time zone,
	CONSTRAINT "schedule_clock_one_row_check" CHECK ("outlast"."schedule_clock"."id")
);
--> statement-breakpoint
ALTER TABLE "outlast"."notifications" DROP CONSTRAINT "notifications_type_check";--> statement-breakpoint
ALTER TABLE "outlast"."workflow_executions" ADD COLUMN "automation_id" uuid;--> statement-breakpoint
ALTER TABLE "outlast"."workflow_executions" ADD COLUMN "firing_id" uuid;--> statement-breakpoint
ALTER TABLE "outlast"."workflow_executions" ADD COLUMN "approval_policy" text;--> statement-breakpoint
ALTER TABLE "outlast"."workflow_executions" ADD COLUMN "accounted_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "outlast"."firings" ADD CONSTRAINT "firings_automation_fkey" FOREIGN KEY ("automation_id") REFERENCES "outlast"."automations"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "automations_list_idx" ON "outlast"."automations" USING btree ("tenant_id","owner_id","created_at","id");--> statement-breakpoint
CREATE INDEX "automations_tenant_list_idx" ON "outlast"."automations" USING btree ("tenant_id","created_at","id");--> statement-breakpoint
CREATE INDEX "automations_due_idx" ON "outlast"."automations" USING btree ("next_due_at") WHERE next_due_at IS NOT NULL;--> statement-breakpoint
CREATE INDEX "automations_event_idx" ON "outlast"."automations" USING btree ("tenant_id","event_name") WHERE enabled AND event_name IS NOT NULL;--> statement-breakpoint
CREATE INDEX "firings_list_idx" ON "outlast"."firings" USING btree ("automation_id","created_at","id");--> statement-breakpoint
CREATE INDEX "firings_created_idx" ON "outlast"."firings" USING btree ("created_at");--> statement-breakpoint
CREATE INDEX "firings_enqueued_idx" ON "outlast"."firings" USING btree ("automation_id","created_at","id") WHERE status = 'enqueued';--> statement-breakpoint
CREATE INDEX "firings_retry_idx" ON "outlast"."firings" USING btree ("retry_at","automation_id") WHERE retry_at IS NOT NULL;--> statement-breakpoint
CREATE INDEX "workflow_executions_automation_idx" ON "outlast"."workflow_executions" USING btree ("automation_id","created_at","id") WHERE automation_id IS NOT NULL;--> statement-breakpoint
CREATE INDEX "workflow_executions_unaccounted_idx" ON "outlast"."workflow_executions" USING btree ("tenant_id","automation_id") WHERE firing_id IS NOT NULL AND accounted_at IS NULL;--> statement-breakpoint
CREATE INDEX "workflow_executions_ended_idx" ON "outlast"."workflow_executions" USING btree ("automation_id") WHERE firing_id IS NOT NULL AND accounted_at IS NULL AND finished_at IS NOT NULL;--> statement-breakpoint
ALTER TABLE "outlast"."notifications" ADD CONSTRAINT "notifications_type_check" CHECK ("outlast"."notifications"."type" IN ('approval.requested', 'approval.decided')
          AND "outlast"."notifications"."approval_id" IS NOT NULL
        OR "outlast"."notifications"."type" IN ('execution.completed', 'execution.failed', 'execution.cancelled', 'automation.paused')
          AND "outlast"."notifications"."approval_id" IS NULL);--> statement-breakpoint
ALTER TABLE "outlast"."workflow_executions" ADD CONSTRAINT "workflow_executions_automation_check" CHECK (("outlast"."workflow_executions"."firing_id" IS NULL OR "outlast"."workflow_executions"."automation_id" IS NOT NULL)
        AND ("outlast"."workflow_executions"."accounted_at" IS NULL OR ("outlast"."workflow_executions"."firing_id" IS NOT NULL AND "outlast"."workflow_executions"."finished_at" IS NOT NULL))
        AND "outlast"."workflow_executions"."approval_policy" IN ('ask', 'deny'));--> statement-breakpoint
ALTER TABLE "outlast"."automations" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE POLICY "tenant" ON "outlast"."automations" USING (tenant_id = (SELECT nullif(current_setting('outlast.tenant_id', true), '')));--> statement-breakpoint
ALTER TABLE "outlast"."firings" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE POLICY "tenant" ON "outlast"."firings" USING (tenant_id = (SELECT nullif(current_setting('outlast.tenant_id', true), '')));
