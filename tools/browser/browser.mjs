// A headless Chromium that loads from this machine only, and a server of Twist to point it at.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { chromium } from 'playwright-core';

const FLAGS = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync'];

/** Starts Chromium; CHROMIUM is its path. */
export const openBrowser = () => chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: FLAGS });

/** Starts `twist report RUN --serve` and returns its address, its process, and a function that ends it as Ctrl-C does. */
export const startServer = async (twist, run) => {
  const child = spawn(twist, ['report', run, '--serve'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [address] = await Promise.race([once(createInterface(child.stdout), 'line'),
    once(child, 'exit').then(([code]) => { throw new Error(`the server ended with ${code}`); })]);
  return {
    address,
    pid: child.pid,
    stop: async () => {
      child.kill('SIGINT');
      const [code, signal] = await once(child, 'exit');
      return code ?? signal;
    },
  };
};
