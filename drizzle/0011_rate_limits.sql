CREATE TABLE "outlast"."rate_limits" (
	"key" text PRIMARY KEY NOT NULL,
	"free_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
ALTER TABLE "outlast"."rate_limits" SET UNLOGGED;
