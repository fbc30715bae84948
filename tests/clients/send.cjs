// Sends events with the client libraries of other products, as an application would, and says what they report.
//
// Standard input: a line of JSON, a list of jobs {client, scenario, url, key, user, skew, count}. Standard output: a line
// of JSON for each job that is done, {client, scenario, errors}. The process lives until its input ends, because some
// libraries send again in the background.
//
// Jobs whose clock is wrong, and those of the browser, run in threads of their own: both change what is global.

const { Worker, isMainThread, parentPort, workerData } = require("node:worker_threads");
const readline = require("node:readline");

const TRAITS = { plan: "gold" };
const BOOKING = { booking_id: "b-1", total: 12.5 };
const BROWSERS = ["analytics-next"];

function texts(error) {
  return [error && (error.reason || error).message ? (error.reason || error).message : String(error)];
}

const clients = {
  async "analytics-node"(job, errors) {
    const { Analytics } = require("@segment/analytics-node");
    const client = new Analytics({ writeKey: job.key, host: job.url, flushAt: 50, flushInterval: 100 });
    client.on("error", (error) => errors.push(...texts(error)));
    everything(job, {
      identify: (traits) => client.identify({ userId: job.user, traits }),
      track: (event, properties) => client.track({ userId: job.user, event, properties }),
    });
    await client.closeAndFlush({ timeout: 30000 });
  },

  async "old analytics-node"(job, errors) {
    const Analytics = require("analytics-node");
    const options = { host: job.url, flushAt: 50, flushInterval: 100, errorHandler: () => {} };
    await called(job, errors, new Analytics(job.key, options));
  },

  async "rudder-sdk-node"(job, errors) {
    const module_ = require("@rudderstack/rudder-sdk-node");
    const Analytics = module_.default || module_;
    const options = { dataPlaneUrl: job.url, flushAt: 50, flushInterval: 100, gzip: true, errorHandler: () => {} };
    await called(job, errors, new Analytics(job.key, options));
  },

  async jitsu(job, errors) {
    const { jitsuAnalytics, emptyRuntime } = require("@jitsu/js");
    // The library does not send again by itself: it tells the application, which decides.
    const errorPolicy = (message) => errors.push(String(message));
    const config = { host: job.url, writeKey: `id:${job.key}`, s2s: true, errorPolicy };
    const client = jitsuAnalytics({ ...config, runtime: emptyRuntime(config) });
    const again = async (send) => {
      for (let attempt = 0, before = -1; attempt < 4 && errors.length > before; attempt++) {
        before = errors.length;
        await send();
      }
    };
    const calls = [];
    everything(job, {
      identify: (traits) => calls.push(() => client.identify(job.user, traits)),
      track: (event, properties) => calls.push(() => client.track(event, properties)),
    });
    for (const call of calls) await again(call);
  },

  async "posthog-node"(job, errors) {
    const { PostHog } = require("posthog-node");
    const client = new PostHog(job.key, { host: job.url, flushAt: 50, fetchRetryDelay: 200, disableGeoip: true });
    client.on("error", (error) => errors.push(...texts(error)));
    everything(job, {
      identify: (traits) => client.identify({ distinctId: job.user, properties: traits }),
      track: (event, properties) => client.capture({ distinctId: job.user, event, properties }),
    });
    await client.shutdown();
  },

  async cloudevents(job, errors) {
    const { CloudEvent, HTTP } = require("cloudevents");
    const modes = [HTTP.binary, HTTP.structured];
    const messages = [];
    everything(job, {
      identify: () => {},
      track: (type, data) => {
        const event = new CloudEvent({ type, source: "/shop", subject: job.user, data });
        messages.push(modes[messages.length % modes.length](event));
      },
    });
    for (const { headers, body } of messages) {
      const authorization = `Bearer ${job.key}`;
      const answer = await fetch(`${job.url}/cloudevents`, { method: "POST", headers: { ...headers, authorization }, body });
      if (!answer.ok) errors.push((await answer.json()).code);
    }
  },

  async "analytics-next"(job, errors) {
    const { AnalyticsBrowser } = require("@segment/analytics-next");
    const [client] = await AnalyticsBrowser.load(
      { writeKey: job.key, cdnURL: job.url },
      { disableClientPersistence: true, retryQueue: true },
    );
    client.on("error", (error) => errors.push(...texts(error)));
    const calls = [];
    everything(job, {
      identify: (traits) => calls.push(client.identify(job.user, traits)),
      track: (event, properties) => calls.push(client.track(event, properties)),
    });
    await Promise.all(calls);
  },
};

// A client of which each call hears of its own failure. (Without a handler of all errors these two end the process.)
async function called(job, errors, client) {
  const sent = [];
  const send = (type, message) => sent.push(new Promise((done) => client[type]({ userId: job.user, ...message }, done)));
  everything(job, {
    identify: (traits) => send("identify", { traits }),
    track: (event, properties) => send("track", { event, properties }),
  });
  client.flush();
  errors.push(...(await Promise.all(sent)).filter(Boolean).flatMap(texts));
}

// What every client sends: who, one booking, one sign-up; or many of them; or one that is in no tracking plan.
function everything(job, { identify, track }) {
  if (job.scenario === "unknown") {
    track("Nobody Planned This", { user: job.user });
    return;
  }
  identify(TRAITS);
  track("Booking Confirmed", BOOKING);
  track("Signed Up", {});
  for (let number = 0; number < job.count; number++) {
    track("Signed Up", { text: "x".repeat(job.size) });
  }
}

function pretendToBeABrowser() {
  const { JSDOM } = require("jsdom");
  const dom = new JSDOM("<!doctype html><title>Flats</title>", { url: "https://shop.example/berlin?utm_source=letter" });
  const { window } = dom;
  for (const name of ["document", "navigator", "location", "localStorage", "sessionStorage", "history", "CustomEvent"]) {
    Object.defineProperty(globalThis, name, { value: window[name], configurable: true });
  }
  globalThis.window = globalThis;
  for (const name of ["addEventListener", "removeEventListener", "dispatchEvent"]) {
    globalThis[name] = window[name].bind(window);
  }
}

function setTheClock(milliseconds) {
  const RealDate = Date;
  globalThis.Date = class extends RealDate {
    constructor(...parts) {
      if (parts.length) super(...parts);
      else super(RealDate.now() + milliseconds);
    }
    static now() {
      return RealDate.now() + milliseconds;
    }
  };
}

async function run(jobs, report) {
  await Promise.all(
    jobs.map(async (job) => {
      const errors = [];
      try {
        await clients[job.client](job, errors);
      } catch (error) {
        errors.push(...texts(error));
      }
      report({ client: job.client, scenario: job.scenario, errors });
    }),
  );
}

if (isMainThread) {
  const input = readline.createInterface({ input: process.stdin });
  input.once("line", (line) => {
    const groups = grouped(JSON.parse(line));
    for (const jobs of groups.values()) {
      const worker = new Worker(__filename, { workerData: jobs });
      worker.on("message", (message) => console.log(JSON.stringify(message)));
      worker.on("error", (error) => console.log(JSON.stringify({ failed: error.stack })));
    }
  });
  input.on("close", () => process.exit(0));
} else {
  const [{ client, skew }] = workerData;
  if (skew) setTheClock(skew);
  if (BROWSERS.includes(client)) pretendToBeABrowser();
  console.error = () => {}; // libraries say there what they report to us anyway
  run(workerData, (result) => parentPort.postMessage(result));
}

function kind(job) {
  return `${BROWSERS.includes(job.client)} ${job.skew}`;
}

function grouped(jobs) {
  const groups = new Map();
  for (const job of jobs) groups.set(kind(job), [...(groups.get(kind(job)) || []), job]);
  return groups;
}
