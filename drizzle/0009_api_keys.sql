CREATE TABLE "outlast"."api_keys" (
	"id" uuid PRIMARY KEY NOT NULL,
	"tenant_id" text NOT NULL,
	"owner_id" text,
	"name" text NOT NULL,
	"prefix" text NOT NULL,
	"hash" text NOT NULL,
	"scopes" text[] NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"expires_at" timestamp with time zone,
	"revoked_at" timestamp with time zone,
	"last_used_at" timestamp with time zone,
	CONSTRAINT "api_keys_prefix_key" UNIQUE("prefix"),
	CONSTRAINT "api_keys_hash_check" CHECK ("outlast"."api_keys"."hash" ~ '^[0-9a-f]{64}$')
);
--> statement-breakpoint
CREATE INDEX "approvals_tenant_inbox_idx" ON "outlast"."approvals" USING btree ("tenant_id","status","created_at","id");--> statement-breakpoint
CREATE INDEX "threads_tenant_list_idx" ON "outlast"."threads" USING btree ("tenant_id","created_at","id");--> statement-breakpoint
CREATE INDEX "threads_tenant_id_idx" ON "outlast"."threads" USING btree ("tenant_id","id");--> statement-breakpoint
CREATE INDEX "workflow_executions_tenant_list_idx" ON "outlast"."workflow_executions" USING btree ("tenant_id","created_at","id");