CREATE TABLE "outlast"."approval_events" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "outlast"."approval_events_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"tenant_id" text NOT NULL,
	"approval_id" uuid NOT NULL,
	"kind" text NOT NULL,
	"by" text NOT NULL,
	"at" timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
	"detail" json DEFAULT '{}'::json NOT NULL,
	CONSTRAINT "approval_events_kind_check" CHECK ("outlast"."approval_events"."kind" IN ('requested', 'assigned', 'approved', 'denied', 'answered', 'retried', 'resolved', 'expired', 'cancelled'))
);
--> statement-breakpoint
CREATE TABLE "outlast"."approvals" (
	"id" uuid PRIMARY KEY NOT NULL,
	"tenant_id" text NOT NULL,
	"owner_id" text NOT NULL,
	"execution_id" uuid NOT NULL,
	"thread_no" bigint NOT NULL,
	"agent_id" text NOT NULL,
	"tool_call_id" text NOT NULL,
	"tool_name" text NOT NULL,
	"turn" integer NOT NULL,
	"kind" text NOT NULL,
	"status" text DEFAULT 'pending' NOT NULL,
	"input" json NOT NULL,
	"input_hash" text NOT NULL,
	"input_schema" json NOT NULL,
	"edited_input" json,
	"output" json,
	"context" json NOT NULL,
	"risk" text NOT NULL,
	"reason" text,
	"approvers" text[],
	"assignee" text,
	"on_expire" text DEFAULT 'deny' NOT NULL,
	"expires_at" timestamp with time zone,
	"decided_by" text,
	"decided_at" timestamp with time zone,
	"decision_id" uuid,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "approvals_kind_check" CHECK ("outlast"."approvals"."kind" IN ('approval', 'question', 'unknown-outcome')),
	CONSTRAINT "approvals_status_check" CHECK ("outlast"."approvals"."status" IN ('pending', 'approved', 'denied', 'answered', 'retried', 'resolved', 'expired', 'cancelled')),
	CONSTRAINT "approvals_kind_status_check" CHECK ("outlast"."approvals"."status" IN ('pending', 'denied', 'expired', 'cancelled')
        OR ("outlast"."approvals"."kind" = 'approval' AND "outlast"."approvals"."status" = 'approved')
        OR ("outlast"."approvals"."kind" = 'question' AND "outlast"."approvals"."status" = 'answered')
        OR ("outlast"."approvals"."kind" = 'unknown-outcome' AND "outlast"."approvals"."status" IN ('retried', 'resolved'))),
	CONSTRAINT "approvals_decided_check" CHECK (("outlast"."approvals"."status" = 'pending') = ("outlast"."approvals"."decided_at" IS NULL)
        AND ("outlast"."approvals"."decided_at" IS NULL) = ("outlast"."approvals"."decided_by" IS NULL)),
	CONSTRAINT "approvals_output_check" CHECK (("outlast"."approvals"."status" IN ('answered', 'resolved')) = ("outlast"."approvals"."output" IS NOT NULL)),
	CONSTRAINT "approvals_edited_check" CHECK ("outlast"."approvals"."edited_input" IS NULL OR "outlast"."approvals"."status" = 'approved'),
	CONSTRAINT "approvals_risk_check" CHECK ("outlast"."approvals"."risk" IN ('low', 'medium', 'high')),
	CONSTRAINT "approvals_on_expire_check" CHECK ("outlast"."approvals"."on_expire" IN ('deny', 'approve'))
);
--> statement-breakpoint
ALTER TABLE "outlast"."tool_calls" ADD COLUMN "edited_input" json;--> statement-breakpoint
ALTER TABLE "outlast"."approval_events" ADD CONSTRAINT "approval_events_approval_fkey" FOREIGN KEY ("approval_id") REFERENCES "outlast"."approvals"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "outlast"."approvals" ADD CONSTRAINT "approvals_execution_fkey" FOREIGN KEY ("execution_id") REFERENCES "outlast"."workflow_executions"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "approval_events_approval_idx" ON "outlast"."approval_events" USING btree ("approval_id","id");--> statement-breakpoint
CREATE UNIQUE INDEX "approvals_pending_key" ON "outlast"."approvals" USING btree ("execution_id","tool_call_id") WHERE status = 'pending';--> statement-breakpoint
CREATE INDEX "approvals_inbox_idx" ON "outlast"."approvals" USING btree ("tenant_id","owner_id","status","created_at","id");--> statement-breakpoint
CREATE INDEX "approvals_execution_idx" ON "outlast"."approvals" USING btree ("execution_id","created_at");--> statement-breakpoint
CREATE INDEX "approvals_due_idx" ON "outlast"."approvals" USING btree ("expires_at") WHERE status = 'pending' AND expires_at IS NOT NULL;--> statement-breakpoint
CREATE INDEX "approvals_approvers_idx" ON "outlast"."approvals" USING gin ("approvers") WHERE approvers IS NOT NULL;