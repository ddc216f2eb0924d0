import type { Pool } from 'pg';

/**
 * What the tables forget: every move of an execution and of a tool call, written by triggers in the transaction
 * that makes the move. In a schema of its own; the product does not know of it, and its role may not write there: the
 * triggers act for whoever made them.
 */
const AUDIT = `
CREATE SCHEMA chaos;
CREATE TABLE chaos.moves (no bigserial PRIMARY KEY, execution_id uuid NOT NULL, was text, became text NOT NULL,
  attempt_was integer, attempt integer NOT NULL, segment integer NOT NULL, worker_id text,
  at timestamptz NOT NULL DEFAULT clock_timestamp());
CREATE TABLE chaos.call_moves (no bigserial PRIMARY KEY, execution_id uuid NOT NULL, tool_call_id text NOT NULL,
  was text, became text NOT NULL, attempt integer, at timestamptz NOT NULL DEFAULT clock_timestamp());
CREATE FUNCTION chaos.record_move() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  INSERT INTO chaos.moves (execution_id, was, became, attempt_was, attempt, segment, worker_id)
  VALUES (NEW.id, CASE TG_OP WHEN 'UPDATE' THEN OLD.status END, NEW.status,
          CASE TG_OP WHEN 'UPDATE' THEN OLD.attempt END, NEW.attempt, NEW.segment, NEW.worker_id);
  RETURN NULL;
END $$;
CREATE FUNCTION chaos.record_call_move() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  INSERT INTO chaos.call_moves (execution_id, tool_call_id, was, became, attempt)
  VALUES (NEW.execution_id, NEW.tool_call_id, CASE TG_OP WHEN 'UPDATE' THEN OLD.status END, NEW.status, NEW.attempt);
  RETURN NULL;
END $$;
CREATE TRIGGER chaos_inserted AFTER INSERT ON outlast.workflow_executions
  FOR EACH ROW EXECUTE FUNCTION chaos.record_move();
CREATE TRIGGER chaos_moved AFTER UPDATE ON outlast.workflow_executions FOR EACH ROW
  WHEN (OLD.status <> NEW.status OR OLD.attempt <> NEW.attempt OR OLD.segment <> NEW.segment)
  EXECUTE FUNCTION chaos.record_move();
CREATE TRIGGER chaos_call AFTER INSERT OR UPDATE ON outlast.tool_calls
  FOR EACH ROW EXECUTE FUNCTION chaos.record_call_move();`;

/** Begins to record; the tables of the product are there by then. */
export async function installAudit(pool: Pool): Promise<void> {
  await pool.query(AUDIT);
}
