import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { formatFinding } from "../../src/base/errors.ts";
import { readSettings } from "../../src/settings/settings.ts";
import { unknownVariables } from "../../src/settings/unknown_variables.ts";
import { newSecret } from "../support/run_record.ts";

function read(env: Record<string, string>) {
  const { settings, findings } = readSettings((name) => env[name]);
  return { settings, findings: findings.map(formatFinding) };
}

const BOOLEANS = [
  ["KFLOW_LONG_RUNNING_PROCESSING", "longRunning"],
  ["KFLOW_SKIP_DOWNLOAD_ERROR", "skipDownloadError"],
  ["KFLOW_TAKE_OVER", "takeOver"],
] as const;

describe("readSettings()", () => {
  it("has a default for everything", () => {
    assert.deepEqual(read({}), {
      settings: {
        logLevel: "INFO",
        longRunning: false,
        skipDownloadError: false,
        createSideStream: false,
        takeOver: false,
        natsReplicas: 1,
        shutdownGraceMs: 25_000,
      },
      findings: [],
    });
  });

  it("reads every variable", () => {
    const password = newSecret();
    const { settings, findings } = read({
      KFLOW_RUNTIME_LOG_LEVEL: "WARNING",
      KFLOW_DL_UP_PROGRESS: "25",
      KFLOW_SHUTDOWN_GRACE_MS: "500",
      KFLOW_RUN_ID: "run-7",
      KFLOW_STATE_DIR: "/state",
      KFLOW_FLOW_ID: "flow",
      KFLOW_NATS_ADDR: "nats://h:4222",
      KFLOW_NATS_REPLICAS: "3",
      KFLOW_STREAM_BYTES: "65536",
      KFLOW_DEAD_LETTER_BYTES: "9007199254740991",
      KFLOW_TAKE_OVER: "true",
      KFLOW_STORE_ADDR: "h:9000",
      KFLOW_STORE_USER: "user",
      KFLOW_STORE_PASSWORD: password,
    });
    assert.deepEqual(findings, []);
    const { storePassword, ...others } = settings;
    assert.equal(storePassword?.reveal(), password);
    assert.ok(!JSON.stringify(settings).includes(password));
    assert.deepEqual(others, {
      logLevel: "WARNING",
      longRunning: false,
      skipDownloadError: false,
      createSideStream: false,
      shutdownGraceMs: 500,
      progressPercent: 25,
      runId: "run-7",
      stateFolder: "/state",
      flowId: "flow",
      natsAddr: "nats://h:4222",
      natsReplicas: 3,
      streamBytes: 65_536,
      deadLetterBytes: Number.MAX_SAFE_INTEGER,
      takeOver: true,
      storeAddr: "h:9000",
      storeUser: "user",
    });
  });

  for (const [variable, field] of BOOLEANS) {
    it(`${variable} is true, false, 1 or 0 and nothing else`, () => {
      for (const [text, value] of [["true", true], ["1", true], ["false", false], ["0", false]]) {
        const { settings, findings } = read({ [variable]: String(text) });
        assert.equal(settings[field], value);
        assert.deepEqual(findings, []);
      }
      for (const text of ["flase", "TRUE", "yes", " true", "2", "toString"]) {
        const { settings, findings } = read({ [variable]: text });
        assert.equal(settings[field], false);
        assert.deepEqual(findings, [
          `environment ${variable}: expected one of true, false, 1, 0, got "${text}"; change it or unset it`,
        ]);
      }
    });
  }

  it("KFLOW_CREATE_SIDESTREAM is on with any text but false", () => {
    for (const text of ["true", "1", "yes", "0", "no", "TRUE"]) {
      const { settings, findings } = read({ KFLOW_CREATE_SIDESTREAM: text });
      assert.equal(settings.createSideStream, true, text);
      assert.deepEqual(findings, []);
    }
    for (const text of ["false", "False", ""]) {
      assert.equal(read({ KFLOW_CREATE_SIDESTREAM: text }).settings.createSideStream, false);
    }
  });

  it("an empty variable counts as unset", () => {
    const names = [
      "KFLOW_CREATE_SIDESTREAM",
      ...BOOLEANS.map(([name]) => name),
      "KFLOW_RUNTIME_LOG_LEVEL",
      "KFLOW_DL_UP_PROGRESS",
      "KFLOW_RUN_ID",
      "KFLOW_STORE_PASSWORD",
    ];
    const empty = Object.fromEntries(names.map((name) => [name, ""]));
    assert.deepEqual(read(empty), read({}));
  });

  it("finds all mistakes together", () => {
    const { settings, findings } = read({
      KFLOW_RUNTIME_LOG_LEVEL: "warn",
      KFLOW_DL_UP_PROGRESS: "101",
      KFLOW_RUN_ID: "a b",
      KFLOW_SHUTDOWN_GRACE_MS: "25s",
    });
    assert.deepEqual(findings, [
      'environment KFLOW_RUNTIME_LOG_LEVEL: expected one of DEBUG, INFO, WARNING, ERROR, CRITICAL, got "warn"; change it or unset it',
      'environment KFLOW_DL_UP_PROGRESS: expected integer 1..100, got "101"; change it or unset it',
      'environment KFLOW_RUN_ID: expected string [A-Za-z0-9_-]{1,64}, got "a b"; change it or unset it',
      'environment KFLOW_SHUTDOWN_GRACE_MS: expected integer 0..86400000, got "25s"; change it or unset it',
    ]);
    assert.equal(settings.logLevel, "INFO");
    assert.equal(settings.shutdownGraceMs, 25_000);
  });

  it("refuses secrets that no request can carry, without showing them", () => {
    for (const name of ["KFLOW_HTTP_TOKEN", "KFLOW_STORE_USER", "KFLOW_STORE_PASSWORD"]) {
      for (const text of ["secret\n", "sec\0ret", "\r\nsecret"]) {
        const { findings } = read({ [name]: text });
        assert.equal(findings.length, 1, name);
        assert.match(findings[0]!, new RegExp(`^environment ${name}: expected .* line breaks`));
        assert.doesNotMatch(findings[0]!, /sec.?ret/);
      }
    }
    assert.equal(read({ KFLOW_HTTP_TOKEN: "two words" }).findings.length, 1);
    assert.deepEqual(read({ KFLOW_STORE_PASSWORD: "zwei Wörter" }).findings, []);
  });

  for (const text of ["0", "101", "abc", "-5", "5.5", "1e1", "0x10"]) {
    it(`KFLOW_DL_UP_PROGRESS cannot be ${text}`, () => {
      const { settings, findings } = read({ KFLOW_DL_UP_PROGRESS: text });
      assert.equal(findings.length, 1);
      assert.equal(settings.progressPercent, undefined);
    });
  }

  it("reads where spans go to", () => {
    const secret = newSecret();
    const { settings, findings } = read({
      OTEL_EXPORTER_OTLP_ENDPOINT: "https://collector:4318/otlp/",
      OTEL_EXPORTER_OTLP_HEADERS: `authorization=Bearer%20${secret}, x-scope = a%2Cb`,
      OTEL_SERVICE_NAME: "documents",
      OTEL_RESOURCE_ATTRIBUTES: "deployment.environment=test,",
      OTEL_TRACES_SAMPLER: "parentbased_traceidratio",
      OTEL_TRACES_SAMPLER_ARG: "0.25",
    });
    assert.deepEqual(findings, []);
    assert.ok(!JSON.stringify(settings).includes(secret));
    const { headers, ...others } = settings.otlp!;
    assert.deepEqual(Object.entries(headers).map(([name, value]) => [name, value.reveal()]), [
      ["authorization", `Bearer ${secret}`],
      ["x-scope", "a,b"],
    ]);
    assert.deepEqual(others, {
      url: "https://collector:4318/otlp/v1/traces",
      serviceName: "documents",
      resource: { "deployment.environment": "test" },
      ratio: 0.25,
    });
  });

  it("has traces begin as the sampler says", () => {
    const OTEL_EXPORTER_OTLP_ENDPOINT = "http://collector:4318";
    const ratioOf = (env: Record<string, string>) =>
      read({ OTEL_EXPORTER_OTLP_ENDPOINT, ...env }).settings.otlp!.ratio;
    assert.equal(ratioOf({}), 1);
    assert.equal(ratioOf({ OTEL_TRACES_SAMPLER_ARG: "0.5" }), 1);
    assert.equal(ratioOf({ OTEL_TRACES_SAMPLER: "parentbased_traceidratio" }), 1);
    assert.equal(ratioOf({ OTEL_TRACES_SAMPLER: "parentbased_always_off" }), 0);
    assert.equal(read({ OTEL_SERVICE_NAME: "a" }).settings.otlp, undefined);
  });

  it("of traces alone win over those of all signals", () => {
    const secret = newSecret();
    const { settings, findings } = read({
      OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4318",
      OTEL_EXPORTER_OTLP_HEADERS: "x-key=all,x-more=1",
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "http://traces:4318/v2",
      OTEL_EXPORTER_OTLP_TRACES_HEADERS: `x-key=${secret}`,
    });
    assert.deepEqual(findings, []);
    const { url, headers } = settings.otlp!;
    assert.equal(url, "http://traces:4318/v2");
    assert.deepEqual(Object.entries(headers).map(([name, value]) => [name, value.reveal()]), [
      ["x-key", secret],
    ]);
    const wrong = read({
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `http://user:${secret}@traces`,
      OTEL_EXPORTER_OTLP_TRACES_HEADERS: secret,
    });
    assert.equal(wrong.findings.length, 2);
    assert.ok(!wrong.findings.join().includes(secret));
  });

  it("finds what is wrong with that, and shows no credentials", () => {
    const secret = newSecret();
    const wrong = {
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://user:${secret}@collector:4318`,
      OTEL_EXPORTER_OTLP_HEADERS: `authorization ${secret}`,
      OTEL_RESOURCE_ATTRIBUTES: "a=%",
      OTEL_TRACES_SAMPLER: "xray",
      OTEL_TRACES_SAMPLER_ARG: "2",
    };
    const list = "list name=value,… with values percent-encoded";
    assert.deepEqual(read(wrong).findings, [
      "environment OTEL_EXPORTER_OTLP_ENDPOINT: expected http or https URL without credentials, got something else; change it or unset it",
      `environment OTEL_EXPORTER_OTLP_HEADERS: expected ${list}, got something else; change it or unset it`,
      `environment OTEL_RESOURCE_ATTRIBUTES: expected ${list}, got "a=%"; change it or unset it`,
      'environment OTEL_TRACES_SAMPLER: expected one of parentbased_always_on, parentbased_traceidratio, parentbased_always_off, got "xray"; change it or unset it',
      'environment OTEL_TRACES_SAMPLER_ARG: expected number 0..1, got "2"; change it or unset it',
    ]);
    for (const endpoint of ["collector:4318", "ftp://collector", "http://", "/v1"]) {
      assert.equal(read({ OTEL_EXPORTER_OTLP_ENDPOINT: endpoint }).findings.length, 1, endpoint);
    }
  });
});

describe("unknownVariables()", () => {
  const found = (names: string[], used: string[] = []) =>
    unknownVariables(names, new Set(used)).map(({ path, hint }) => `${path}: ${hint}`);

  it("finds what looks like a misspelt variable of kflow", () => {
    assert.deepEqual(found(["KFLOW_NATS_ADR", "kflow_task", "KFLOW_HTTP_TOKEN_FIEL", "PATH"]), [
      "KFLOW_NATS_ADR: did you mean KFLOW_NATS_ADDR?",
      "kflow_task: did you mean KFLOW_TASK?",
      "KFLOW_HTTP_TOKEN_FIEL: did you mean KFLOW_HTTP_TOKEN_FILE?",
    ]);
  });

  it("leaves alone what is known, what the file uses and what Kubernetes adds for a service", () => {
    const names = ["KFLOW_TASK", "KFLOW_STORE_USER_FILE", "KFLOW_TASKS", "KFLOW_SERVICE_HOST"];
    const others = ["KFLOW_PORT", "KFLOW_PORT_8080_TCP_ADDR", "KFLOW_SERVICE_PORT"];
    assert.deepEqual(found([...names, ...others], ["KFLOW_TASKS"]), []);
  });
});
