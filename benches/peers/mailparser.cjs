// nodemailer's mailparser: reads each mail of a list once for each line of standard input.
const fs = require('node:fs');
const readline = require('node:readline');
const { simpleParser } = require('mailparser');

const mails = fs.readFileSync(process.argv[2], 'utf8').split('\n').filter(Boolean).map((p) => fs.readFileSync(p));
// Links and images are left as they are; html becomes text as it does in Tidegate.
const options = { skipImageLinks: true, skipTextToHtml: true, skipTextLinks: true };

async function main() {
  console.log('ready');
  for await (const _ of readline.createInterface({ input: process.stdin })) {
    const start = process.hrtime.bigint();
    for (const raw of mails) {
      try {
        await simpleParser(raw, options);
      } catch {
        // it gives up on some; the time until then counts
      }
    }
    console.log(Number(process.hrtime.bigint() - start) / 1e9);
  }
}

main();
