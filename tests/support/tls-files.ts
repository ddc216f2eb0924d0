import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { CERTIFICATE, PRIVATE_KEY } from '../outbound/certificate.ts';
import { makeTestFolder, removeTestFolder } from './folders.ts';

/** A real https server of files at a private address. */
export interface TlsFiles {
  /** `https://localhost:PORT`; there is a file at every path: the path itself, as an image. */
  readonly url: string;
  /** The paths that were asked for. */
  readonly asked: string[];
  /** What a process has to be given to trust its certificate. */
  readonly trust: Readonly<Record<string, string>>;
  close(): Promise<void>;
}

export async function startTlsFiles(): Promise<TlsFiles> {
  const folder = await makeTestFolder();
  const certificate = join(folder, 'certificate.pem');
  await writeFile(certificate, CERTIFICATE);
  const asked: string[] = [];
  const server = createServer({ cert: CERTIFICATE, key: PRIVATE_KEY }, (req, res) => {
    asked.push(req.url ?? '');
    res.writeHead(200, { 'content-type': 'image/png' }).end(req.url);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `https://localhost:${(server.address() as AddressInfo).port}`,
    asked,
    trust: { NODE_EXTRA_CA_CERTS: certificate },
    close: async () => {
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
      await removeTestFolder(folder);
    },
  };
}
