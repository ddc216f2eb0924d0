CREATE TABLE "outlast"."apps" (
	"id" uuid PRIMARY KEY NOT NULL,
	"tenant_id" text NOT NULL,
	"name" text NOT NULL,
	"allowed_origins" text[] NOT NULL,
	"agent_ids" text[] NOT NULL,
	"session_ttl_seconds" integer NOT NULL,
	"difficulty" integer NOT NULL,
	"challenge_secret" "bytea" NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"disabled_at" timestamp with time zone,
	CONSTRAINT "apps_origins_check" CHECK (cardinality("outlast"."apps"."allowed_origins") > 0),
	CONSTRAINT "apps_agents_check" CHECK (cardinality("outlast"."apps"."agent_ids") > 0),
	CONSTRAINT "apps_secret_check" CHECK (octet_length("outlast"."apps"."challenge_secret") = 32)
);
--> statement-breakpoint
CREATE TABLE "outlast"."spent_challenges" (
	"app_id" uuid NOT NULL,
	"challenge" text NOT NULL,
	"tenant_id" text NOT NULL,
	"expires_at" timestamp with time zone NOT NULL,
	CONSTRAINT "spent_challenges_pkey" PRIMARY KEY("app_id","challenge")
);
--> statement-breakpoint
ALTER TABLE "outlast"."access_tokens" DROP CONSTRAINT "access_tokens_kind_check";--> statement-breakpoint
ALTER TABLE "outlast"."access_tokens" ADD COLUMN "app_id" uuid;--> statement-breakpoint
ALTER TABLE "outlast"."spent_challenges" ADD CONSTRAINT "spent_challenges_app_fkey" FOREIGN KEY ("app_id") REFERENCES "outlast"."apps"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "spent_challenges_expires_idx" ON "outlast"."spent_challenges" USING btree ("expires_at");--> statement-breakpoint
ALTER TABLE "outlast"."access_tokens" ADD CONSTRAINT "access_tokens_app_fkey" FOREIGN KEY ("app_id") REFERENCES "outlast"."apps"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "outlast"."access_tokens" ADD CONSTRAINT "access_tokens_session_check" CHECK (("outlast"."access_tokens"."kind" = 'session') = ("outlast"."access_tokens"."app_id" IS NOT NULL));--> statement-breakpoint
ALTER TABLE "outlast"."access_tokens" ADD CONSTRAINT "access_tokens_kind_check" CHECK ("outlast"."access_tokens"."kind" IN ('stream', 'session'));--> statement-breakpoint
ALTER TABLE "outlast"."apps" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE POLICY "tenant" ON "outlast"."apps" USING (tenant_id = (SELECT nullif(current_setting('outlast.tenant_id', true), '')));--> statement-breakpoint
ALTER TABLE "outlast"."spent_challenges" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE POLICY "tenant" ON "outlast"."spent_challenges" USING (tenant_id = (SELECT nullif(current_setting('outlast.tenant_id', true), '')));
