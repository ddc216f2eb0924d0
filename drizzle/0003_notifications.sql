CREATE TABLE "outlast"."notification_deliveries" (
	"notification_id" uuid NOT NULL,
	"no" integer NOT NULL,
	"tenant_id" text NOT NULL,
	"started_at" timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
	"duration_ms" integer,
	"status_code" integer,
	"error" text,
	"response" text,
	CONSTRAINT "notification_deliveries_pkey" PRIMARY KEY("notification_id","no")
);
--> statement-breakpoint
CREATE TABLE "outlast"."notifications" (
	"id" uuid PRIMARY KEY NOT NULL,
	"tenant_id" text NOT NULL,
	"owner_id" text NOT NULL,
	"type" text NOT NULL,
	"execution_id" uuid NOT NULL,
	"approval_id" uuid,
	"body" text NOT NULL,
	"status" text DEFAULT 'pending' NOT NULL,
	"tries" integer DEFAULT 0 NOT NULL,
	"failures" integer DEFAULT 0 NOT NULL,
	"next_attempt_at" timestamp with time zone,
	"leased_by" text,
	"leased_until" timestamp with time zone,
	"ended_at" timestamp with time zone,
	"created_at" timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
	CONSTRAINT "notifications_event_key" UNIQUE NULLS NOT DISTINCT("execution_id","type","approval_id"),
	CONSTRAINT "notifications_type_check" CHECK ("outlast"."notifications"."type" IN ('approval.requested', 'approval.decided')
          AND "outlast"."notifications"."approval_id" IS NOT NULL
        OR "outlast"."notifications"."type" IN ('execution.completed', 'execution.failed', 'execution.cancelled')
          AND "outlast"."notifications"."approval_id" IS NULL),
	CONSTRAINT "notifications_status_check" CHECK ("outlast"."notifications"."status" IN ('pending', 'delivered', 'failed')),
	CONSTRAINT "notifications_pending_check" CHECK (("outlast"."notifications"."status" = 'pending') = ("outlast"."notifications"."next_attempt_at" IS NOT NULL)
        AND ("outlast"."notifications"."status" = 'pending') = ("outlast"."notifications"."ended_at" IS NULL)),
	CONSTRAINT "notifications_lease_check" CHECK (("outlast"."notifications"."leased_by" IS NULL) = ("outlast"."notifications"."leased_until" IS NULL)
        AND ("outlast"."notifications"."leased_by" IS NULL OR "outlast"."notifications"."status" = 'pending'))
);
--> statement-breakpoint
ALTER TABLE "outlast"."notification_deliveries" ADD CONSTRAINT "notification_deliveries_notification_fkey" FOREIGN KEY ("notification_id") REFERENCES "outlast"."notifications"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "outlast"."notifications" ADD CONSTRAINT "notifications_execution_fkey" FOREIGN KEY ("execution_id") REFERENCES "outlast"."workflow_executions"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "notifications_list_idx" ON "outlast"."notifications" USING btree ("tenant_id","owner_id","created_at","id");--> statement-breakpoint
CREATE INDEX "notifications_approval_idx" ON "outlast"."notifications" USING btree ("approval_id") WHERE approval_id IS NOT NULL;--> statement-breakpoint
CREATE INDEX "notifications_due_idx" ON "outlast"."notifications" USING btree ("next_attempt_at") WHERE status = 'pending';--> statement-breakpoint
CREATE INDEX "notifications_ended_idx" ON "outlast"."notifications" USING btree ("ended_at") WHERE status <> 'pending';