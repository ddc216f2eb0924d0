DROP INDEX "outlast"."approvals_pending_approvers_idx";--> statement-breakpoint
DROP INDEX "outlast"."approvals_approvers_idx";--> statement-breakpoint
CREATE INDEX "approvals_named_idx" ON "outlast"."approvals" USING btree ("tenant_id","status","created_at","id") WHERE approvers IS NOT NULL;--> statement-breakpoint
-- The second wall: whoever does not own these tables sees and writes the rows of the tenant that its transaction has
-- set, and none without one. The owner sees all. What the role of the application may do is granted at each migration.
ALTER TABLE "outlast"."access_tokens" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE POLICY "tenant" ON "outlast"."access_tokens" USING (tenant_id = (SELECT nullif(current_setting('outlast.tenant_id', true), '')));--> statement-breakpoint
ALTER TABLE "outlast"."api_keys" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE POLICY "tenant" ON "outlast"."api_keys" USING (tenant_id = (SELECT nullif(current_setting('outlast.tenant_id', true), '')));--> statement-breakpoint
ALTER TABLE "outlast"."approval_events" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE POLICY "tenant" ON "outlast"."approval_events" USING (tenant_id = (SELECT nullif(current_setting('outlast.tenant_id', true), '')));--> statement-breakpoint
ALTER TABLE "outlast"."approvals" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE POLICY "tenant" ON "outlast"."approvals" USING (tenant_id = (SELECT nullif(current_setting('outlast.tenant_id', true), '')));--> statement-breakpoint
ALTER TABLE "outlast"."deleted_logs" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE POLICY "tenant" ON "outlast"."deleted_logs" USING (tenant_id = (SELECT nullif(current_setting('outlast.tenant_id', true), '')));--> statement-breakpoint
ALTER TABLE "outlast"."execution_attempts" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE POLICY "tenant" ON "outlast"."execution_attempts" USING (tenant_id = (SELECT nullif(current_setting('outlast.tenant_id', true), '')));--> statement-breakpoint
ALTER TABLE "outlast"."execution_inputs" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE POLICY "tenant" ON "outlast"."execution_inputs" USING (tenant_id = (SELECT nullif(current_setting('outlast.tenant_id', true), '')));--> statement-breakpoint
ALTER TABLE "outlast"."execution_turns" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE POLICY "tenant" ON "outlast"."execution_turns" USING (tenant_id = (SELECT nullif(current_setting('outlast.tenant_id', true), '')));--> statement-breakpoint
ALTER TABLE "outlast"."idempotency_keys" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE POLICY "tenant" ON "outlast"."idempotency_keys" USING (tenant_id = (SELECT nullif(current_setting('outlast.tenant_id', true), '')));--> statement-breakpoint
ALTER TABLE "outlast"."message_files" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE POLICY "tenant" ON "outlast"."message_files" USING (tenant_id = (SELECT nullif(current_setting('outlast.tenant_id', true), '')));--> statement-breakpoint
ALTER TABLE "outlast"."messages" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE POLICY "tenant" ON "outlast"."messages" USING (tenant_id = (SELECT nullif(current_setting('outlast.tenant_id', true), '')));--> statement-breakpoint
ALTER TABLE "outlast"."notification_deliveries" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE POLICY "tenant" ON "outlast"."notification_deliveries" USING (tenant_id = (SELECT nullif(current_setting('outlast.tenant_id', true), '')));--> statement-breakpoint
ALTER TABLE "outlast"."notifications" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE POLICY "tenant" ON "outlast"."notifications" USING (tenant_id = (SELECT nullif(current_setting('outlast.tenant_id', true), '')));--> statement-breakpoint
ALTER TABLE "outlast"."stream_chunks" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE POLICY "tenant" ON "outlast"."stream_chunks" USING (tenant_id = (SELECT nullif(current_setting('outlast.tenant_id', true), '')));--> statement-breakpoint
ALTER TABLE "outlast"."threads" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE POLICY "tenant" ON "outlast"."threads" USING (tenant_id = (SELECT nullif(current_setting('outlast.tenant_id', true), '')));--> statement-breakpoint
ALTER TABLE "outlast"."tool_calls" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE POLICY "tenant" ON "outlast"."tool_calls" USING (tenant_id = (SELECT nullif(current_setting('outlast.tenant_id', true), '')));--> statement-breakpoint
ALTER TABLE "outlast"."workflow_executions" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE POLICY "tenant" ON "outlast"."workflow_executions" USING (tenant_id = (SELECT nullif(current_setting('outlast.tenant_id', true), '')));--> statement-breakpoint
ALTER VIEW "outlast"."stream_chunk_lines" SET (security_invoker = true);
