import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { packageFolder } from '../config/package.ts';

/** The page of the API, and what it loads: nothing comes from another server. */
export const DOCS_PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Outlast API</title>
<link rel="stylesheet" href="/docs/assets/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="/docs/assets/swagger-ui-bundle.js"></script>
<script src="/docs/assets/start.js"></script>
</body>
</html>
`;

/** Swagger UI sets styles on its elements and draws its icons from data URLs; scripts are the files above only. */
export const DOCS_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; " +
  "font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const START = `SwaggerUIBundle({ url: '/openapi.json', dom_id: '#swagger-ui', deepLinking: true, validatorUrl: null });\n`;

export const DOCS_ASSETS = ['swagger-ui-bundle.js', 'swagger-ui.css', 'start.js'] as const;

/** A file of the page, with its media type. Read when it is first asked for. */
export function readDocsAsset(name: (typeof DOCS_ASSETS)[number]): {
  type: string;
  content: string | Buffer;
} {
  const type = name.endsWith('.css') ? 'text/css; charset=utf-8' : 'text/javascript; charset=utf-8';
  return { type, content: name === 'start.js' ? START : readFileSync(swaggerFile(name)) };
}

/** The page that explains the problems. */
export function readProblemsPage(): string {
  return readFileSync(new URL('docs/problems.md', packageFolder), 'utf8');
}

/** The published package has its own copy; from sources, the development dependency has it. */
function swaggerFile(name: string): URL | string {
  const copy = new URL(`dist/docs-ui/${name}`, packageFolder);
  return existsSync(copy) ? copy : createRequire(import.meta.url).resolve(`swagger-ui-dist/${name}`);
}
