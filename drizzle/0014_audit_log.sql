CREATE TABLE "outlast"."audit_log" (
	"id" uuid PRIMARY KEY NOT NULL,
	"tenant_id" text NOT NULL,
	"owner_id" text,
	"actor_kind" text NOT NULL,
	"actor" text NOT NULL,
	"via" text,
	"action" text NOT NULL,
	"subject_type" text NOT NULL,
	"subject_id" text NOT NULL,
	"execution_id" uuid,
	"thread_id" text,
	"request_id" text,
	"details" json DEFAULT '{}'::json NOT NULL,
	"at" timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
	CONSTRAINT "audit_log_actor_kind_check" CHECK ("outlast"."audit_log"."actor_kind" IN ('open', 'api-key', 'user', 'token', 'session', 'command', 'system'))
);
--> statement-breakpoint
CREATE INDEX "audit_log_list_idx" ON "outlast"."audit_log" USING btree ("tenant_id","at","id");--> statement-breakpoint
CREATE INDEX "audit_log_subject_idx" ON "outlast"."audit_log" USING btree ("tenant_id","subject_id","at","id");--> statement-breakpoint
-- Append-only, also for the owner of the table: what was done stays. Only maintenance removes what is past its time, and
-- says that it is maintenance in its own transaction. By statement, so that one which finds no row is refused, too.
CREATE FUNCTION "outlast"."keep_audit_log"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' AND current_setting('outlast.audit_retention', true) = 'on' THEN
    RETURN NULL;
  END IF;
  RAISE EXCEPTION 'outlast.audit_log is append-only' USING ERRCODE = 'insufficient_privilege';
END
$$;--> statement-breakpoint
CREATE TRIGGER "audit_log_append_only" BEFORE UPDATE OR DELETE OR TRUNCATE ON "outlast"."audit_log"
FOR EACH STATEMENT EXECUTE FUNCTION "outlast"."keep_audit_log"();--> statement-breakpoint
ALTER TABLE "outlast"."audit_log" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE POLICY "tenant" ON "outlast"."audit_log" USING (tenant_id = (SELECT nullif(current_setting('outlast.tenant_id', true), '')));
