// Stands in for `@std/testing/bdd`, which lives on a registry that not every machine reaches.
// `deno.json` (imports) and `tsconfig.json` (paths) map that name to this file.
export {
  after,
  after as afterAll,
  afterEach,
  before,
  before as beforeAll,
  beforeEach,
  describe,
  it,
} from "node:test";
