import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ClusterDatabase } from './database.ts';
import { findFreePorts } from './free-ports.ts';
import { ServerProcess } from './server-process.ts';

/** How one server of a cluster differs from the others. */
export interface Seat {
  isIsolated: boolean;
  skewMs: number;
}

/** Several servers on one Postgres, all on this machine. */
export class Cluster {
  readonly database: ClusterDatabase;
  readonly servers: readonly ServerProcess[];
  /** Where the folders of all servers are. */
  readonly folder: string;
  #turn = 0;

  private constructor(database: ClusterDatabase, servers: ServerProcess[], folder: string) {
    this.database = database;
    this.servers = servers;
    this.folder = folder;
  }

  static async start(seats: readonly Seat[], env: Record<string, string>): Promise<Cluster> {
    const folder = await mkdtemp(join(tmpdir(), 'outlast-chaos-'));
    const database = await ClusterDatabase.create();
    const ports = await findFreePorts(seats.length);
    const servers: ServerProcess[] = [];
    for (const [i, seat] of seats.entries()) {
      const dataDir = await mkdtemp(join(folder, `server-${i}-`));
      await chmod(dataDir, 0o755);
      const port = ports[i] as number;
      const options = { name: `server ${i}`, port, dataDir, databaseUrl: database.url, env, ...seat };
      servers.push(new ServerProcess(options));
    }
    const cluster = new Cluster(database, servers, folder);
    const started = await Promise.all(servers.map((server) => server.start()));
    if (started.every(Boolean)) return cluster;
    await cluster.dispose({ keepFiles: true });
    throw new Error(`A server did not start; its log is below ${folder}`);
  }

  get up(): ServerProcess[] {
    return this.servers.filter(({ state }) => state === 'up');
  }

  /** The address of one server after the other, also of those that are down: there is no health check in between. */
  nextUrl(): string {
    this.#turn += 1;
    return (this.servers[this.#turn % this.servers.length] as ServerProcess).url;
  }

  async dispose({ keepFiles }: { keepFiles: boolean }): Promise<void> {
    await Promise.all(this.servers.map((server) => server.dispose()));
    await this.database.dispose();
    if (!keepFiles) await rm(this.folder, { recursive: true, force: true, maxRetries: 10 });
  }
}
