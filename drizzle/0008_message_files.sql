CREATE TABLE "outlast"."message_files" (
	"thread_no" bigint NOT NULL,
	"message_id" text NOT NULL,
	"no" integer NOT NULL,
	"tenant_id" text NOT NULL,
	"url" text NOT NULL,
	"media_type" text NOT NULL,
	"content" "bytea" NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "message_files_pkey" PRIMARY KEY("thread_no","message_id","no")
);
--> statement-breakpoint
ALTER TABLE "outlast"."message_files" ADD CONSTRAINT "message_files_message_fkey" FOREIGN KEY ("thread_no","message_id") REFERENCES "outlast"."messages"("thread_no","id") ON DELETE cascade ON UPDATE no action;
--> statement-breakpoint
-- Images and documents are packed already: trying to pack them again costs time and gains nothing.
ALTER TABLE "outlast"."message_files" ALTER COLUMN "content" SET STORAGE EXTERNAL;
