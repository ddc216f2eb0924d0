CREATE TABLE "outlast"."access_tokens" (
	"id" uuid PRIMARY KEY NOT NULL,
	"tenant_id" text NOT NULL,
	"owner_id" text NOT NULL,
	"kind" text NOT NULL,
	"hash" text NOT NULL,
	"thread_no" bigint,
	"execution_id" uuid,
	"scope" text,
	"made_by" text NOT NULL,
	"api_key_id" uuid,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"expires_at" timestamp with time zone NOT NULL,
	"revoked_at" timestamp with time zone,
	CONSTRAINT "access_tokens_hash_key" UNIQUE("hash"),
	CONSTRAINT "access_tokens_kind_check" CHECK ("outlast"."access_tokens"."kind" IN ('stream')),
	CONSTRAINT "access_tokens_hash_check" CHECK ("outlast"."access_tokens"."hash" ~ '^[0-9a-f]{64}$'),
	CONSTRAINT "access_tokens_scope_check" CHECK ("outlast"."access_tokens"."scope" IN ('read', 'decide', 'cancel', 'write')),
	CONSTRAINT "access_tokens_stream_check" CHECK ("outlast"."access_tokens"."kind" <> 'stream' OR "outlast"."access_tokens"."scope" IS NOT NULL AND num_nonnulls("outlast"."access_tokens"."thread_no", "outlast"."access_tokens"."execution_id") = 1
        AND ("outlast"."access_tokens"."scope" <> 'write' OR "outlast"."access_tokens"."thread_no" IS NOT NULL))
);
--> statement-breakpoint
ALTER TABLE "outlast"."access_tokens" ADD CONSTRAINT "access_tokens_thread_fkey" FOREIGN KEY ("thread_no") REFERENCES "outlast"."threads"("no") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "outlast"."access_tokens" ADD CONSTRAINT "access_tokens_execution_fkey" FOREIGN KEY ("execution_id") REFERENCES "outlast"."workflow_executions"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "outlast"."access_tokens" ADD CONSTRAINT "access_tokens_api_key_fkey" FOREIGN KEY ("api_key_id") REFERENCES "outlast"."api_keys"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "access_tokens_thread_idx" ON "outlast"."access_tokens" USING btree ("thread_no") WHERE thread_no IS NOT NULL;--> statement-breakpoint
CREATE INDEX "access_tokens_execution_idx" ON "outlast"."access_tokens" USING btree ("execution_id") WHERE execution_id IS NOT NULL;--> statement-breakpoint
CREATE INDEX "access_tokens_expires_idx" ON "outlast"."access_tokens" USING btree ("expires_at");