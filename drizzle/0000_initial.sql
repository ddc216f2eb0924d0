CREATE SCHEMA IF NOT EXISTS "outlast";
--> statement-breakpoint
CREATE TABLE "outlast"."execution_attempts" (
	"execution_id" uuid NOT NULL,
	"attempt" integer NOT NULL,
	"tenant_id" text NOT NULL,
	"segment" integer NOT NULL,
	"worker_id" text NOT NULL,
	"host" text NOT NULL,
	"started_at" timestamp with time zone DEFAULT now() NOT NULL,
	"ended_at" timestamp with time zone,
	"end_reason" text,
	CONSTRAINT "execution_attempts_pkey" PRIMARY KEY("execution_id","attempt"),
	CONSTRAINT "execution_attempts_ended_check" CHECK (("outlast"."execution_attempts"."ended_at" IS NULL) = ("outlast"."execution_attempts"."end_reason" IS NULL)),
	CONSTRAINT "execution_attempts_reason_check" CHECK ("outlast"."execution_attempts"."end_reason" IN ('crashed', 'lease-lost', 'drained', 'suspended', 'completed', 'failed', 'cancelled'))
);
--> statement-breakpoint
CREATE TABLE "outlast"."execution_inputs" (
	"execution_id" uuid PRIMARY KEY NOT NULL,
	"tenant_id" text NOT NULL,
	"agent_hash" text NOT NULL,
	"model" text NOT NULL,
	"limits" json NOT NULL,
	"tools" json NOT NULL,
	"history_position" integer NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "outlast"."execution_turns" (
	"execution_id" uuid NOT NULL,
	"turn" integer NOT NULL,
	"tenant_id" text NOT NULL,
	"attempt" integer NOT NULL,
	"model" text NOT NULL,
	"failures" json DEFAULT '[]'::json NOT NULL,
	"response_messages" json,
	"tool_calls" json,
	"usage" json,
	"finish_reason" text,
	"first_token_ms" integer,
	"started_at" timestamp with time zone DEFAULT now() NOT NULL,
	"ended_at" timestamp with time zone,
	CONSTRAINT "execution_turns_pkey" PRIMARY KEY("execution_id","turn"),
	CONSTRAINT "execution_turns_ended_check" CHECK (("outlast"."execution_turns"."ended_at" IS NOT NULL) = ("outlast"."execution_turns"."response_messages" IS NOT NULL)
        AND ("outlast"."execution_turns"."ended_at" IS NOT NULL) = ("outlast"."execution_turns"."finish_reason" IS NOT NULL))
);
--> statement-breakpoint
CREATE TABLE "outlast"."idempotency_keys" (
	"tenant_id" text NOT NULL,
	"owner_id" text NOT NULL,
	"key" text NOT NULL,
	"request_hash" text NOT NULL,
	"status" integer,
	"headers" json,
	"body" json,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "idempotency_keys_pkey" PRIMARY KEY("tenant_id","owner_id","key")
);
--> statement-breakpoint
CREATE TABLE "outlast"."messages" (
	"thread_no" bigint NOT NULL,
	"id" text NOT NULL,
	"tenant_id" text NOT NULL,
	"position" integer NOT NULL,
	"role" text NOT NULL,
	"parts" json NOT NULL,
	"status" text NOT NULL,
	"execution_id" uuid NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "messages_pkey" PRIMARY KEY("thread_no","id"),
	CONSTRAINT "messages_position_key" UNIQUE("thread_no","position"),
	CONSTRAINT "messages_role_check" CHECK ("outlast"."messages"."role" IN ('user', 'assistant')),
	CONSTRAINT "messages_status_check" CHECK ("outlast"."messages"."status" IN ('complete', 'partial'))
);
--> statement-breakpoint
CREATE TABLE "outlast"."stream_chunks" (
	"execution_no" bigint NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"seq" integer NOT NULL,
	"n" integer NOT NULL,
	"attempt" integer NOT NULL,
	"turn" integer NOT NULL,
	"tenant_id" text NOT NULL,
	"chunks" text NOT NULL,
	CONSTRAINT "stream_chunks_pkey" PRIMARY KEY("execution_no","seq"),
	CONSTRAINT "stream_chunks_position_check" CHECK ("outlast"."stream_chunks"."seq" >= 1 AND "outlast"."stream_chunks"."n" >= 1)
);
--> statement-breakpoint
CREATE TABLE "outlast"."threads" (
	"no" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "outlast"."threads_no_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"tenant_id" text NOT NULL,
	"owner_id" text NOT NULL,
	"id" text NOT NULL,
	"title" text,
	"agent_id" text,
	"last_ordinal" integer DEFAULT 0 NOT NULL,
	"metadata" json DEFAULT '{}'::json NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "threads_owner_id_key" UNIQUE("tenant_id","owner_id","id")
);
--> statement-breakpoint
CREATE TABLE "outlast"."tool_calls" (
	"execution_id" uuid NOT NULL,
	"tool_call_id" text NOT NULL,
	"tenant_id" text NOT NULL,
	"turn" integer NOT NULL,
	"position" integer NOT NULL,
	"tool_name" text NOT NULL,
	"input" json NOT NULL,
	"idempotent" boolean NOT NULL,
	"status" text NOT NULL,
	"attempt" integer,
	"output" json,
	"error_code" text,
	"error_text" text,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"started_at" timestamp with time zone,
	"ended_at" timestamp with time zone,
	CONSTRAINT "tool_calls_pkey" PRIMARY KEY("execution_id","tool_call_id"),
	CONSTRAINT "tool_calls_position_key" UNIQUE("execution_id","turn","position"),
	CONSTRAINT "tool_calls_status_check" CHECK ("outlast"."tool_calls"."status" IN ('pending', 'running', 'completed', 'failed', 'denied', 'unknown')),
	CONSTRAINT "tool_calls_ended_check" CHECK (("outlast"."tool_calls"."status" IN ('completed', 'failed', 'denied', 'unknown')) = ("outlast"."tool_calls"."ended_at" IS NOT NULL)),
	CONSTRAINT "tool_calls_output_check" CHECK (("outlast"."tool_calls"."status" = 'completed') = ("outlast"."tool_calls"."output" IS NOT NULL)),
	CONSTRAINT "tool_calls_running_check" CHECK ("outlast"."tool_calls"."status" <> 'running' OR "outlast"."tool_calls"."attempt" IS NOT NULL)
);
--> statement-breakpoint
CREATE TABLE "outlast"."workers" (
	"worker_id" text PRIMARY KEY NOT NULL,
	"boot_id" text NOT NULL,
	"pid_namespace" text NOT NULL,
	"pid" integer NOT NULL,
	"process_start" text NOT NULL,
	"host" text NOT NULL,
	"version" text NOT NULL,
	"started_at" timestamp with time zone DEFAULT now() NOT NULL,
	"heartbeat_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "outlast"."workflow_executions" (
	"id" uuid PRIMARY KEY NOT NULL,
	"no" bigint GENERATED ALWAYS AS IDENTITY (sequence name "outlast"."workflow_executions_no_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"tenant_id" text NOT NULL,
	"owner_id" text NOT NULL,
	"thread_no" bigint NOT NULL,
	"ordinal" integer NOT NULL,
	"message_id" text NOT NULL,
	"input_message_id" text NOT NULL,
	"agent_id" text NOT NULL,
	"source" text NOT NULL,
	"status" text NOT NULL,
	"suspended_reason" text,
	"segment" integer NOT NULL,
	"attempt" integer DEFAULT 0 NOT NULL,
	"worker_id" text,
	"retry_of" uuid,
	"input" json NOT NULL,
	"error_code" text,
	"error_detail" text,
	"cancel_reason" text,
	"usage" json,
	"first_token_ms" integer,
	"active_ms" bigint DEFAULT 0 NOT NULL,
	"last_seq" integer,
	"metadata" json DEFAULT '{}'::json NOT NULL,
	"log_expired_at" timestamp with time zone,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"queued_at" timestamp with time zone DEFAULT now() NOT NULL,
	"started_at" timestamp with time zone,
	"suspended_at" timestamp with time zone,
	"finished_at" timestamp with time zone,
	CONSTRAINT "workflow_executions_no_key" UNIQUE("no"),
	CONSTRAINT "workflow_executions_ordinal_key" UNIQUE("thread_no","ordinal"),
	CONSTRAINT "workflow_executions_status_check" CHECK ("outlast"."workflow_executions"."status" IN ('queued', 'running', 'suspended', 'completed', 'failed', 'cancelled')),
	CONSTRAINT "workflow_executions_source_check" CHECK ("outlast"."workflow_executions"."source" IN ('api', 'chat', 'automation', 'gateway', 'agent')),
	CONSTRAINT "workflow_executions_final_check" CHECK (("outlast"."workflow_executions"."status" IN ('completed', 'failed', 'cancelled')) = ("outlast"."workflow_executions"."finished_at" IS NOT NULL)
        AND ("outlast"."workflow_executions"."finished_at" IS NOT NULL) = ("outlast"."workflow_executions"."last_seq" IS NOT NULL)),
	CONSTRAINT "workflow_executions_worker_check" CHECK (("outlast"."workflow_executions"."status" = 'running') = ("outlast"."workflow_executions"."worker_id" IS NOT NULL)),
	CONSTRAINT "workflow_executions_error_check" CHECK (("outlast"."workflow_executions"."status" = 'failed') = ("outlast"."workflow_executions"."error_code" IS NOT NULL)),
	CONSTRAINT "workflow_executions_suspended_check" CHECK (("outlast"."workflow_executions"."status" = 'suspended') = ("outlast"."workflow_executions"."suspended_reason" IS NOT NULL)
        AND ("outlast"."workflow_executions"."suspended_reason" IS NULL OR "outlast"."workflow_executions"."suspended_reason" IN
          ('approval', 'question', 'unknown-outcome', 'child', 'budget', 'timer'))),
	CONSTRAINT "workflow_executions_segment_check" CHECK ("outlast"."workflow_executions"."attempt" >= 0 AND ("outlast"."workflow_executions"."segment" > 0 OR ("outlast"."workflow_executions"."segment" = 0 AND "outlast"."workflow_executions"."status" IN ('queued', 'cancelled', 'failed'))))
);
--> statement-breakpoint
ALTER TABLE "outlast"."execution_attempts" ADD CONSTRAINT "execution_attempts_execution_id_workflow_executions_id_fk" FOREIGN KEY ("execution_id") REFERENCES "outlast"."workflow_executions"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "outlast"."execution_inputs" ADD CONSTRAINT "execution_inputs_execution_id_workflow_executions_id_fk" FOREIGN KEY ("execution_id") REFERENCES "outlast"."workflow_executions"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "outlast"."execution_turns" ADD CONSTRAINT "execution_turns_execution_id_workflow_executions_id_fk" FOREIGN KEY ("execution_id") REFERENCES "outlast"."workflow_executions"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "outlast"."messages" ADD CONSTRAINT "messages_thread_no_threads_no_fk" FOREIGN KEY ("thread_no") REFERENCES "outlast"."threads"("no") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "outlast"."tool_calls" ADD CONSTRAINT "tool_calls_execution_id_workflow_executions_id_fk" FOREIGN KEY ("execution_id") REFERENCES "outlast"."workflow_executions"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "outlast"."workflow_executions" ADD CONSTRAINT "workflow_executions_thread_fkey" FOREIGN KEY ("thread_no") REFERENCES "outlast"."threads"("no") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "idempotency_keys_created_idx" ON "outlast"."idempotency_keys" USING btree ("created_at");--> statement-breakpoint
CREATE INDEX "threads_list_idx" ON "outlast"."threads" USING btree ("tenant_id","owner_id","created_at","id");--> statement-breakpoint
CREATE UNIQUE INDEX "workflow_executions_active_key" ON "outlast"."workflow_executions" USING btree ("thread_no") WHERE segment > 0 AND status NOT IN ('completed', 'failed', 'cancelled');--> statement-breakpoint
CREATE INDEX "workflow_executions_list_idx" ON "outlast"."workflow_executions" USING btree ("tenant_id","owner_id","created_at","id");--> statement-breakpoint
CREATE INDEX "workflow_executions_live_idx" ON "outlast"."workflow_executions" USING btree ("status","worker_id") WHERE status NOT IN ('completed', 'failed', 'cancelled');--> statement-breakpoint
CREATE VIEW "outlast"."stream_chunk_lines" AS
SELECT e.id AS execution_id, c.execution_no, (c.seq + line.ordinality - 1)::integer AS seq, c.attempt, c.turn, c.created_at, line.chunk
FROM outlast.stream_chunks c
JOIN outlast.workflow_executions e ON e.no = c.execution_no
CROSS JOIN LATERAL unnest(string_to_array(c.chunks, E'\n')) WITH ORDINALITY AS line (chunk, ordinality);
