export {
  type AgentDefinition,
  type AgentLimits,
  type AgentModel,
  type AgentOptions,
  defineAgent,
} from './agents/define-agent.ts';
export {
  type AnyTool,
  type ApprovalRule,
  defineQuestion,
  defineTool,
  type QuestionDefinition,
  type QuestionOptions,
  type ToolContext,
  type ToolDefinition,
  type ToolLog,
  type ToolOptions,
  type ToolRisk,
} from './agents/define-tool.ts';
