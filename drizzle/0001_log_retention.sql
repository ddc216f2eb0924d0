ALTER TABLE "outlast"."stream_chunks" ADD COLUMN "at_offsets" integer[];--> statement-breakpoint
ALTER TABLE "outlast"."workflow_executions" ADD COLUMN "log_packed_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "outlast"."workflow_executions" ADD COLUMN "log_removed_at" timestamp with time zone;--> statement-breakpoint
CREATE INDEX "workflow_executions_unpacked_idx" ON "outlast"."workflow_executions" USING btree ("finished_at","no") WHERE finished_at IS NOT NULL AND log_packed_at IS NULL AND log_expired_at IS NULL;--> statement-breakpoint
CREATE INDEX "workflow_executions_kept_idx" ON "outlast"."workflow_executions" USING btree ("finished_at","no") WHERE finished_at IS NOT NULL AND log_expired_at IS NULL;--> statement-breakpoint
CREATE INDEX "workflow_executions_unremoved_idx" ON "outlast"."workflow_executions" USING btree ("log_expired_at","no") WHERE log_expired_at IS NOT NULL AND log_removed_at IS NULL;--> statement-breakpoint
ALTER TABLE "outlast"."workflow_executions" ADD CONSTRAINT "workflow_executions_log_check" CHECK (("outlast"."workflow_executions"."finished_at" IS NOT NULL OR ("outlast"."workflow_executions"."log_packed_at" IS NULL AND "outlast"."workflow_executions"."log_expired_at" IS NULL))
        AND ("outlast"."workflow_executions"."log_expired_at" IS NOT NULL OR "outlast"."workflow_executions"."log_removed_at" IS NULL));--> statement-breakpoint
CREATE OR REPLACE VIEW "outlast"."stream_chunk_lines" AS
SELECT e.id AS execution_id, c.execution_no, (c.seq + line.ordinality - 1)::integer AS seq, c.attempt, c.turn,
  date_trunc('milliseconds', c.created_at) + coalesce(c.at_offsets[line.ordinality::integer], 0) * interval '1 millisecond' AS created_at,
  line.chunk
FROM outlast.stream_chunks c
JOIN outlast.workflow_executions e ON e.no = c.execution_no
CROSS JOIN LATERAL unnest(string_to_array(c.chunks, E'\n')) WITH ORDINALITY AS line (chunk, ordinality);
