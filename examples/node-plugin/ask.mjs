// What an API answers, with a token of credhelper's:
//
//   npm ci && node ask.mjs https://example.jamacloud.com/rest/v1/users/current ...

import { Credhelper, Failure } from './credhelper.mjs';

const credhelper = new Credhelper();
try {
  for (const url of process.argv.slice(2)) {
    const answer = await credhelper.fetch(url);
    console.log(answer.status, (await answer.text()).trim());
  }
} catch (error) {
  if (!(error instanceof Failure)) throw error;
  console.error(`${error.kind}: ${error.message}`);
  process.exitCode = 1;
} finally {
  await credhelper.close();
}
