// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

// Asks a real Chromium what pages may read. One JSON document comes in on stdin:
//
//   {"chromium": path, "rules": host resolver rules, "cookies": [url], "asks": [{page, frame, url, init}]}
//
// and one goes out on stdout, an answer for each ask in its order: {read, status, body, fields} or {error}. It judges
// nothing. frame is "", "sandbox" or "data" (a frame in the page that has no origin), or "form": the page sends a form to
// url, with the cookies of url's own site, and is replaced by the answer.
import { chromium } from 'playwright-core';

let text = '';
for await (const piece of process.stdin) text += piece;
const job = JSON.parse(text);

// What runs in the page. An answer that the page may not see is an error, or opaque in mode no-cors.
const fetchIn = async ({ url, init }) => {
  try {
    const answer = await fetch(url, { ...init, signal: AbortSignal.timeout(10000) });
    const body = await answer.text();
    return { read: answer.type !== 'opaque', status: answer.status, body, fields: Object.fromEntries(answer.headers) };
  } catch (e) {
    return { read: false, error: String(e) };
  }
};

const frames = {
  sandbox: '<iframe sandbox="allow-scripts" srcdoc="<title>nobody</title>"></iframe>',
  data: '<iframe src="data:text/html,<title>nobody</title>"></iframe>',
};

const inPage = async (page, ask) => {
  await page.goto(ask.page);
  const origin = await page.evaluate(() => self.origin);
  if (ask.frame === 'form') {
    await page.setContent(`<form method="post" enctype="text/plain" action="${ask.url}"><input name="note" value="hello"></form>`);
    const [answer] = await Promise.all([page.waitForResponse(ask.url), page.evaluate(() => document.forms[0].submit())]);
    return { read: false, status: answer.status(), origin };
  }
  if (ask.frame === '') return { ...(await page.evaluate(fetchIn, ask)), origin };
  await page.setContent(frames[ask.frame]);
  const frame = page.frames().find((f) => f !== page.mainFrame());
  await frame.waitForLoadState();
  return { ...(await frame.evaluate(fetchIn, ask)), origin: await frame.evaluate(() => self.origin) };
};

const browser = await chromium.launch({
  executablePath: job.chromium,
  args: ['--no-sandbox', '--ignore-certificate-errors', `--host-resolver-rules=${job.rules}`],
});
const answers = [];
try {
  for (const ask of job.asks) {
    // A context of its own for each: nothing that a browser remembers of one preflight helps the next.
    const context = await browser.newContext({ ignoreHTTPSErrors: true });
    await context.addCookies(job.cookies.map((url) => ({ name: 'session', value: '1', url, sameSite: 'None', secure: true })));
    try {
      answers.push(await inPage(await context.newPage(), ask));
    } catch (e) {
      answers.push({ read: false, broken: String(e) });
    } finally {
      await context.close();
    }
  }
} finally {
  await browser.close();
}
process.stdout.write(JSON.stringify(answers));
