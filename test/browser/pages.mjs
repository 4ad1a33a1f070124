// The pages in a real browser, as a person uses them: driven by test/system/test_pages.py, which starts the
// server and answers what this asks (ASK WHAT VALUE) with a line on stdin.  Prints PASS and FAIL lines.
//
//   PAGES={"base", "port", "password", "folder", "modules"} node pages.mjs
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import readline from 'node:readline';
import { createRequire } from 'node:module';

const o = JSON.parse(process.env.PAGES);
const need = createRequire(path.join(o.modules, 'x.js'));
const { chromium } = need('playwright-core');
const axe = fs.readFileSync(need.resolve('axe-core/axe.min.js'), 'utf8');
const lines = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();

function verdict(ok, name, text = '') {
  text = String(text).replace(/\s+/g, ' ').slice(0, 1500);
  console.log(`${ok ? 'PASS' : 'FAIL'} ${name}${!ok && text ? ': ' + text : ''}`);
  return ok;
}

async function ask(what, value = '') {
  console.log(`ASK ${what} ${value}`);
  return (await lines.next()).value;
}

const browser = await chromium.launch({
  executablePath: o.browser,
  args: ['--no-sandbox', '--disable-gpu', `--host-resolver-rules=MAP ${o.host} 127.0.0.1`],
});
const console_errors = [];

async function open(options = {}) {
  const c = await browser.newContext({
    ignoreHTTPSErrors: true, baseURL: `https://${o.host}:${o.port}`, locale: 'en-GB',
    viewport: { width: 1100, height: 800 }, ...options,
  });
  c.setDefaultTimeout(90000);
  const p = await c.newPage();
  // What a form got wrong has a status that browsers tell of, too.
  p.on('console', (m) => {
    if (['error', 'warning'].includes(m.type()) && !/responded with a status of (401|403|404|422)/.test(m.text()))
      console_errors.push(`${p.url()}: ${m.text()}`);
  });
  p.on('pageerror', (e) => console_errors.push(`${p.url()}: ${e}`));
  p.on('request', (r) => {
    if (!r.url().startsWith(`https://${o.host}:${o.port}/`)) console_errors.push(`asks elsewhere: ${r.url()}`);
  });
  return p;
}

// A button that sends a form: on to the page to which that leads.
async function press(p, button) {
  const there = p.waitForEvent('framenavigated');
  await button.click();
  await there;
  await p.waitForLoadState();
}

async function sign_in(p, password = o.password, name = 'anna@home.test', to = '/home') {
  await p.goto(to);
  await p.getByLabel('Name or address').fill(name);
  await p.getByLabel('Password').fill(password);
  await press(p, p.getByRole('button', { name: 'Sign in' }));
}

const text = (p) => p.locator('main').innerText();

// ---- one after the other ----

async function signing_in() {
  const p = await open();
  await sign_in(p, 'wrong');
  verdict((await text(p)).includes('This name or password is wrong.') &&
    await p.getByLabel('Name or address').inputValue() === 'anna@home.test', 'wrong-password', await text(p));
  verdict(await p.getByLabel('Password').getAttribute('aria-invalid') === 'true', 'error-is-beside-its-field');
  const shown = p.waitForResponse((r) => r.url().endsWith('/home') && r.status() === 200);
  await sign_in(p);
  const fields = (await shown).headers();
  verdict((await p.title()).startsWith('Overview') && p.url().endsWith('/home'), 'sign-in', await p.title());
  verdict(fields['cache-control'] === 'no-store' && /default-src 'none'/.test(fields['content-security-policy']) &&
    !/unsafe/.test(fields['content-security-policy']), 'strict-fields', JSON.stringify(fields));
  const cookies = await p.context().cookies();
  verdict(cookies.length > 0 && cookies.every((c) => c.name.startsWith('__Host-') && c.httpOnly && c.secure &&
    c.sameSite === 'Lax'), 'cookies', JSON.stringify(cookies));
  return p;
}

async function keyboard(p) {
  await p.goto('/devices');
  await p.keyboard.press('Tab');
  const skip = await p.evaluate(() => {
    const a = document.activeElement, b = a.getBoundingClientRect();
    return a.getAttribute('href') === '#content' && b.left >= 0 && b.top >= 0;
  });
  await p.keyboard.press('Enter');
  await p.keyboard.press('Tab');
  const inside = await p.evaluate(() => document.querySelector('main').contains(document.activeElement) &&
    getComputedStyle(document.activeElement).outlineStyle !== 'none');
  verdict(skip && inside, 'keyboard', `${skip} ${inside}`);
}

async function devices(p) {
  const label = `Anna's <b>phone</b> & "more"`;
  await p.goto('/devices');
  await p.getByLabel('Name of the device').fill(label);
  await press(p, p.getByRole('button', { name: 'Add a device' }));
  const password = await p.locator('.code code').first().innerText();
  verdict(p.url().includes('/devices/new') && password.length >= 16 && (await text(p)).includes(label) &&
    await p.locator('svg.qr').first().isVisible(), 'device-add', await text(p));
  await p.screenshot({ path: path.join(o.folder, 'device.png'), fullPage: true });
  const code = path.join(o.folder, 'qr.png');
  await p.locator('svg.qr').first().screenshot({ path: code });
  verdict((await ask('scan', code)).startsWith(`https://${o.host}:${o.port}/device/`), 'device-qr-code');
  verdict(await ask('login', password) === 'yes', 'device-password-works-over-imap');
  await p.reload();
  verdict(!(await p.content()).includes(password), 'device-password-is-shown-once');
  await p.goto('/devices');
  verdict((await text(p)).includes(label) && (await text(p)).includes('127.0.0.1'), 'device-is-listed-with-its-use',
    await text(p));
  await p.getByLabel('Name of the device').fill(label);
  await press(p, p.getByRole('button', { name: 'Add a device' }));
  verdict((await text(p)).includes('You have a device of this name already.') &&
    await p.getByLabel('Name of the device').inputValue() === label, 'device-name-is-taken', await text(p));
  await p.goto('/devices');
  await press(p, p.getByRole('row').filter({ hasText: label }).getByRole('button', { name: 'Remove' }));
  verdict((await text(p)).includes('The device was removed') && !(await p.locator('table').count()), 'device-revoke',
    await text(p));
  verdict(await ask('login', password) === 'no', 'device-password-is-void');
}

async function restore(p) {
  await p.goto('/restore');
  verdict((await text(p)).includes('2 messages can be brought back') && (await text(p)).includes('Lost <b>& found</b>'),
    'restore-lists', await text(p));
  await p.getByLabel('Subject').fill('found');
  await press(p, p.getByRole('button', { name: 'Search' }));
  verdict((await text(p)).includes('1 message can be brought back'), 'restore-search', await text(p));
  await p.getByLabel('Lost <b>& found</b>').check();
  await press(p, p.getByRole('button', { name: 'Bring back the chosen ones' }));
  verdict((await text(p)).includes('1 message is back where it was') && await ask('found', '') === 'yes', 'restore',
    await text(p));
  await p.reload();
  await p.goto('/restore');
  await press(p, p.getByRole('button', { name: 'Bring back', exact: true }));
  verdict((await text(p)).includes('1 message is back') && (await text(p)).includes('0 messages can be brought back'),
    'restore-one-by-its-button', await text(p));
}

async function trace(p) {
  await p.goto('/trace');
  verdict((await text(p)).includes('Lost <b>& found</b>') && (await text(p)).includes('It was put into your folder INBOX.'),
    'trace', await text(p));
  verdict(!(await p.content()).includes('ben@home.test') && !(await text(p)).includes("Ben's own"),
    'trace-names-nobody-else', await text(p));
  await p.getByLabel('Which message').fill('ben@home.test');
  await press(p, p.getByRole('button', { name: 'Search' }));
  verdict((await text(p)).includes('No message was found'), 'trace-search-finds-nobody-else', await text(p));
}

// What becomes of mail: each page filled in as a person does, with markup wherever there is room for it.
async function rules(p) {
  await p.goto('/filters');
  await p.getByRole('link', { name: 'New filter' }).click();
  await p.waitForURL('**/filters/edit');
  await p.getByLabel('From').fill('shop@far.test');
  await press(p, p.getByRole('button', { name: 'Save' }));
  const folder = p.getByLabel('Or a new folder');
  verdict((await text(p)).includes('Say which folder.') && await folder.getAttribute('aria-invalid') === 'true' &&
    await p.getByLabel('From').inputValue() === 'shop@far.test', 'filter-error-is-beside-its-field', await text(p));
  await p.getByLabel('Words in the subject').fill(o.sting);
  await folder.fill(`Bills ${o.sting.replaceAll('/', '')}`);
  await p.getByLabel('Star it').check();
  await press(p, p.getByRole('button', { name: 'Save' }));
  verdict((await text(p)).includes('Saved.') && (await text(p)).includes('shop@far.test') &&
    (await text(p)).includes(o.sting.slice(0, 40)), 'filter', await text(p));
  await p.getByRole('link', { name: 'Change' }).click();
  await p.waitForURL('**/filters/edit?id=1');
  verdict(await p.getByLabel('Words in the subject').inputValue() === o.sting && await p.getByLabel('Star it').isChecked(),
    'filter-comes-back-as-it-was', await p.content());
  await p.goto('/vacation');
  await p.getByLabel('Answer mail').check();
  await p.getByLabel('First day').fill('2026-11-20');
  await p.getByLabel('Last day').fill('2026-11-10');
  await p.getByLabel('Time zone').selectOption('America/New_York');
  const answer = `\nAway.\n\n${o.sting}\n</textarea><script>stung=1</script>`;
  await p.getByLabel('Text of the answer').fill(answer);
  await press(p, p.getByRole('button', { name: 'Save' }));
  verdict((await text(p)).includes('The last day is before the first.'), 'vacation-error', await text(p));
  await p.getByLabel('Last day').fill('2099-11-30');
  await press(p, p.getByRole('button', { name: 'Save' }));
  verdict((await text(p)).includes('Saved.') && await p.getByLabel('Text of the answer').inputValue() === answer &&
    await p.getByLabel('Time zone').inputValue() === 'America/New_York' &&
    await p.getByLabel('Last day').inputValue() === '2099-11-30', 'vacation', await text(p));
  await p.goto('/junk');
  await p.getByLabel('Address or domain').fill('eve@spam.test');
  await press(p, p.getByRole('button', { name: 'Block', exact: true }));
  await p.getByLabel('Address or domain').fill('@bad.test');
  await p.keyboard.press('Enter');
  await p.getByRole('row').filter({ hasText: '@bad.test' }).waitFor();
  await press(p, p.getByRole('row').filter({ hasText: 'eve@spam.test' }).getByRole('button', { name: 'Unblock' }));
  verdict(!(await text(p)).includes('eve@spam.test') && (await text(p)).includes('@bad.test') &&
    (await text(p)).includes('on it goes to Junk'), 'blocked-senders', await text(p));
  await p.goto('/forward');
  await p.getByLabel('Forward to').fill('ben@home.test');
  await press(p, p.getByRole('button', { name: 'Save' }));
  verdict((await text(p)).includes('A letter is on its way to ben@home.test'), 'forward', await text(p));
  const link = await ask('letter');
  const q = await open();
  await q.goto(link);
  verdict((await text(q)).includes('ben@home.test') && !(await q.locator('nav').count()), 'confirm-page', await text(q));
  await looks(q, 'confirm', [link], true);
  await press(q, q.getByRole('button', { name: 'Yes, forward it to me' }));
  verdict((await text(q)).includes('from now on'), 'confirm', await text(q));
  await q.context().close();
  await p.reload();
  verdict((await text(p)).includes('Mail is forwarded to ben@home.test'), 'forward-is-on', await text(p));
}

const PAGES = ['/home', '/devices', '/sessions', '/password', '/second-factor', '/addresses', '/restore', '/trace', '/vacation',
  '/filters', '/filters/edit?id=1', '/forward', '/junk'];

// Each page in each language, by day on a phone and by night on a screen.
async function looks(p, name, pages, once) {
  const looks = [['de-DE', 'light', 360], ['en-GB', 'dark', 1100]];
  for (const [locale, scheme, width] of looks.slice(once ? 1 : 0)) {
    const c = await browser.newContext({
      ignoreHTTPSErrors: true, baseURL: `https://${o.host}:${o.port}`, locale, colorScheme: scheme,
      viewport: { width, height: 740 }, storageState: await p.context().storageState(),
    });
    const q = await c.newPage();
    q.on('console', (m) => console_errors.push(`${q.url()}: ${m.text()}`));
    for (const url of pages) {
      await q.goto(url);
      const wide = await q.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      const lang = await q.evaluate(() => document.documentElement.lang);
      const dark = await q.evaluate(() => getComputedStyle(document.body).backgroundColor);
      verdict(wide <= 0 && locale.startsWith(lang) && (dark === 'rgb(25, 23, 21)') === (scheme === 'dark'),
        `looks-${lang}${url.split('?')[0]}`, `${wide} px too wide, ${lang}, ${dark}`);
      // Markup of others, which the test has put wherever there is room for it, is text.
      const theirs = await q.evaluate(() => document.querySelectorAll('script, img, b, i, iframe, [onerror]').length);
      verdict(theirs === 0 && !(await q.evaluate(() => window.stung)), `no-markup-of-others-${lang}${url.split('?')[0]}`, theirs);
      await q.evaluate(axe); // through the debugger: the page itself lets no script in
      const found = (await q.evaluate(() => axe.run())).violations;
      verdict(found.every((v) => !['serious', 'critical'].includes(v.impact)), `axe-${lang}${url.split('?')[0]}`,
        found.map((v) => `${v.id}: ${v.nodes.map((n) => n.html).join(' ')}`).join('; '));
      await q.screenshot({ path: path.join(o.folder, `${name}${url.split('?')[0].replaceAll('/', '-')}-${lang}-${width}.png`),
        fullPage: true });
    }
    await c.close();
  }
}

// Where a browser says what it is, and names are chosen.
async function sting(p) {
  await ask('sting');
  const q = await open({ userAgent: o.sting });
  await sign_in(q);
  await q.goto('/devices');
  await q.getByLabel('Name of the device').fill(o.sting.slice(0, 60));
  await press(q, q.getByRole('button', { name: 'Add a device' }));
  await looks(q, 'stung', ['/devices', '/sessions', '/restore?subject=' + encodeURIComponent(o.sting),
    '/trace?q=' + encodeURIComponent(o.sting), '/restore?done=' + encodeURIComponent(o.sting), '/filters', '/vacation'], true);
  await p.goto('/restore');
  const seen = await text(p);
  await p.goto('/sessions');
  verdict(seen.includes(o.sting) && (await text(p)).includes(o.sting.slice(0, 40)), 'markup-is-shown-as-text', seen);
  await q.context().close();
}

async function elsewhere(p) {
  const q = await open({ userAgent: 'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0' });
  await sign_in(q);
  await p.goto('/sessions');
  const row = p.getByRole('row').filter({ hasText: 'Firefox, Linux' }).filter({ has: p.getByRole('button') });
  verdict(await row.count() === 1 && (await text(p)).includes('This one'), 'session-is-listed', await text(p));
  await press(p, row.getByRole('button', { name: 'End', exact: true }));
  await q.goto('/devices');
  verdict(q.url().includes('/sign-in') && (await text(p)).includes('Ended.'), 'session-end', q.url());
  await sign_in(q);
  await p.goto('/password');
  await p.getByLabel('Old password').fill(o.password);
  await p.getByLabel('New password', { exact: true }).fill('another horse battery');
  await p.getByLabel('New password again').fill('another horse batter');
  await press(p, p.getByRole('button', { name: 'Change the password' }));
  verdict((await text(p)).includes('This differs'), 'password-differs', await text(p));
  await p.getByLabel('Old password').fill('wrong');
  await p.getByLabel('New password', { exact: true }).fill('another horse battery');
  await p.getByLabel('New password again').fill('another horse battery');
  await press(p, p.getByRole('button', { name: 'Change the password' }));
  verdict((await text(p)).includes('This is not your password.'), 'password-wrong', await text(p));
  await p.getByLabel('Old password').fill(o.password);
  await p.getByLabel('New password', { exact: true }).fill('another horse battery');
  await p.getByLabel('New password again').fill('another horse battery');
  await press(p, p.getByRole('button', { name: 'Change the password' }));
  verdict((await text(p)).includes('Your password was changed.'), 'password-change', await text(p));
  o.password = 'another horse battery';
  await q.goto('/devices');
  verdict(q.url().includes('/sign-in'), 'password-change-ends-others', q.url());
  await q.context().close();
}

// RFC 6238, of the step that is so many from now.
function totp(secret, steps) {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
  let bits = '';
  for (const c of secret.replace(/[\s=]/g, '')) bits += letters.indexOf(c).toString(2).padStart(5, '0');
  const key = Buffer.from(bits.match(/.{8}/g).map((b) => parseInt(b, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30000) + steps));
  const mac = crypto.createHmac('sha1', key).update(counter).digest();
  return String((mac.readUInt32BE(mac[19] & 15) & 0x7fffffff) % 1000000).padStart(6, '0');
}

async function factor(p) {
  await p.goto('/second-factor');
  await press(p, p.getByRole('button', { name: 'Turn it on' }));
  const secret = await p.locator('.code code').innerText();
  const code = path.join(o.folder, 'totp.png');
  await p.locator('svg.qr').screenshot({ path: code });
  const uri = await ask('scan', code);
  verdict(uri.startsWith('otpauth://totp/') && uri.includes(`secret=${secret.replaceAll(' ', '')}`), 'totp-qr-code', uri);
  await p.getByLabel('Code', { exact: true }).fill('000000');
  await press(p, p.getByRole('button', { name: 'Turn it on' }));
  verdict((await text(p)).includes('This code is wrong') && (await text(p)).includes(secret), 'totp-wrong-code',
    await text(p));
  const first = totp(secret, 0);
  await p.getByLabel('Code', { exact: true }).fill(first.slice(0, 3) + ' ' + first.slice(3));
  await press(p, p.getByRole('button', { name: 'Turn it on' }));
  const codes = (await p.locator('pre').innerText()).trim().split('\n');
  verdict(codes.length >= 8 && p.url().includes('/second-factor/codes'), 'totp-on', await text(p));
  await looks(p, 'on', ['/second-factor'], true);
  await press(p, p.getByRole('button', { name: 'Sign out' }));
  await sign_in(p);
  verdict(await p.getByLabel('Code', { exact: true }).getAttribute('autocomplete') === 'one-time-code', 'totp-is-a-step-of-its-own',
    await text(p));
  await p.getByLabel('Code', { exact: true }).fill(first);
  await press(p, p.getByRole('button', { name: 'Go on' }));
  verdict((await text(p)).includes('This code is wrong'), 'totp-code-works-once', await text(p));
  await p.getByLabel('Code', { exact: true }).fill(codes[0]);
  await press(p, p.getByRole('button', { name: 'Go on' }));
  verdict(p.url().endsWith('/home') && (await text(p)).includes(`${codes.length - 1} recovery codes are left`),
    'recovery-code', await text(p));
  await p.goto('/second-factor');
  const off = p.locator('form[action="/second-factor/off"]');
  await off.getByLabel('Your password').fill(o.password);
  await off.getByLabel('Code', { exact: true }).fill(codes[1]);
  await press(p, off.getByRole('button', { name: 'Turn it off' }));
  verdict((await text(p)).includes('The second factor was turned off.'), 'totp-off', await text(p));
}

const ADMIN = ['/admin', '/admin/queue', '/admin/trace?which=ben@elsewhere.test', '/admin/reports', '/admin/dns',
  '/admin/accounts', '/admin/configuration'];

async function admin() {
  const p = await open();
  await ask('queue');
  await sign_in(p, o.others, 'ben@home.test', '/admin');
  verdict(p.url().endsWith('/admin') && (await p.locator('nav').innerText()).includes('Queue'), 'admin', await text(p));
  await looks(p, 'admin', ADMIN);
  await p.goto('/admin/queue');
  await p.locator('main a[href^="/admin/queue/message"]').first().click();
  await p.waitForURL('**/admin/queue/message**');
  await press(p, p.getByRole('button', { name: 'Try now' }).first());
  verdict((await text(p)).includes('tried now') && await ask('retried') === 'yes', 'queue-retry', await text(p));
  await p.context().close();
}

async function signing_out(p) {
  await p.goto('/addresses');
  await press(p, p.getByRole('button', { name: 'Sign out' }));
  verdict(p.url().includes('/sign-in'), 'sign-out', p.url());
  await p.goBack();
  verdict(!(await p.content()).includes('anna@home.test'), 'back-after-sign-out-shows-nothing', await text(p));
  await p.goto('/restore');
  verdict(p.url().includes('/sign-in'), 'signed-out', p.url());
}

try {
  const start = await open();
  await looks(start, 'out', ['/sign-in', '/']);
  const p = await signing_in();
  await keyboard(p);
  await devices(p);
  await restore(p);
  await trace(p);
  await rules(p);
  await looks(p, 'in', PAGES);
  await sting(p);
  await elsewhere(p);
  await factor(p);
  await admin();
  await signing_out(p);
} catch (e) {
  verdict(false, 'went-on', e.stack);
}
verdict(console_errors.length === 0, 'no-console-error', console_errors.join('; '));
await browser.close();
process.exit(0);
