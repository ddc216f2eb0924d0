CREATE TABLE "outlast"."deleted_logs" (
	"execution_no" bigint PRIMARY KEY NOT NULL,
	"tenant_id" text NOT NULL,
	"deleted_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
ALTER TABLE "outlast"."workflow_executions" ADD COLUMN "cancel_mode" text;--> statement-breakpoint
ALTER TABLE "outlast"."workflow_executions" ADD COLUMN "cancelled_by" text;--> statement-breakpoint
ALTER TABLE "outlast"."workflow_executions" ADD CONSTRAINT "workflow_executions_cancel_check" CHECK ("outlast"."workflow_executions"."cancel_mode" IN ('interrupt', 'discard') AND "outlast"."workflow_executions"."status" = 'cancelled' OR "outlast"."workflow_executions"."cancel_mode" IS NULL);