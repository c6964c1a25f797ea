import assert from "node:assert/strict";
import { after, before, describe, it } from "@std/testing/bdd";
import { RevisionConflict, type StateStore } from "../../src/broker/state_store.ts";

export interface StateUnderTest {
  state: StateStore;
  /** The same store as another process sees it. */
  another: StateStore;
  end(): Promise<void>;
}

/** What every StateStore has in common. */
export function testState(name: string, make: () => Promise<StateUnderTest>): void {
  describe(`${name} state`, () => {
    let under: StateUnderTest;
    let state: StateStore;
    let cases = 0;
    const freshKey = () => `case${++cases}-${crypto.randomUUID().slice(0, 8)}.key`;

    before(async () => {
      under = await make();
      state = under.state;
    });
    after(() => under?.end());

    it("get() of a key that nobody put is undefined", async () => {
      assert.equal(await state.get(freshKey()), undefined);
    });

    it("get() returns what was put, at once and to everyone", async () => {
      const key = freshKey();
      for (const value of ["", "text", '{"a":[1,2]}', "größe 😀\n\0", "a".repeat(1000)]) {
        const revision = await state.put(key, value);
        assert.deepEqual(await under.another.get(key), { value, revision });
      }
    });

    it("revisions are above 0 and grow", async () => {
      const key = freshKey();
      const first = await state.put(key, "1");
      const second = await under.another.put(key, "2");
      assert.ok(first > 0);
      assert.ok(second > first);
    });

    it("holds a value of 512 KiB", async () => {
      const key = freshKey();
      const value = "0123456789abcdef".repeat(32 * 1024);
      await state.put(key, value);
      assert.equal((await state.get(key))?.value, value);
    });

    it("put() with revision 0 only makes new keys", async () => {
      const key = freshKey();
      await state.put(key, "mine", { revision: 0 });
      const error = await rejection(under.another.put(key, "theirs", { revision: 0 }));
      assert.ok(error instanceof RevisionConflict);
      assert.equal(error.key, key);
      assert.equal((await state.get(key))?.value, "mine");
    });

    it("put() with another revision than the key's is a conflict and changes nothing", async () => {
      const key = freshKey();
      const old = await state.put(key, "1");
      const current = await under.another.put(key, "2");
      assert.ok(
        await rejection(state.put(key, "3", { revision: old })) instanceof RevisionConflict,
      );
      assert.equal((await state.get(key))?.value, "2");
      await state.put(key, "3", { revision: current });
      assert.equal((await state.get(key))?.value, "3");
    });

    it("of many who put with the same revision one succeeds", async () => {
      const key = freshKey();
      const results = await Promise.allSettled(
        Array.from(
          { length: 10 },
          (_, i) => (i % 2 ? state : under.another).put(key, `${i}`, { revision: 0 }),
        ),
      );
      assert.equal(results.filter((result) => result.status === "fulfilled").length, 1);
    });

    it("delete() removes, and the key may be made anew", async () => {
      const key = freshKey();
      await state.put(key, "1");
      await state.delete(key);
      assert.equal(await under.another.get(key), undefined);
      assert.deepEqual(await state.keys(key), []);
      await state.put(key, "2", { revision: 0 });
      assert.equal((await state.get(key))?.value, "2");
    });

    it("delete() of a key that nobody put is no error", async () => {
      await state.delete(freshKey());
    });

    it("keys() lists the prefix itself and what is below it, sorted", async () => {
      const prefix = freshKey();
      for (const key of [`${prefix}.b`, `${prefix}.a.x`, prefix, `${prefix}more`, `${prefix}.a`]) {
        await state.put(key, "1");
      }
      const expected = [prefix, `${prefix}.a`, `${prefix}.a.x`, `${prefix}.b`];
      assert.deepEqual(await under.another.keys(prefix), expected);
      assert.deepEqual(await state.keys(`${prefix}.a`), [`${prefix}.a`, `${prefix}.a.x`]);
      assert.deepEqual(await state.keys(`${prefix}.none`), []);
    });

    it("keys() lists many", async () => {
      const prefix = freshKey();
      const keys = Array.from(
        { length: 300 },
        (_, i) => `${prefix}.k${String(i).padStart(3, "0")}`,
      );
      await Promise.all(keys.map((key) => state.put(key, "1")));
      assert.deepEqual(await state.keys(prefix), keys);
    });

    it("watch() tells of a change under the prefix until its signal ends", async () => {
      const prefix = freshKey();
      const end = new AbortController();
      let told = 0;
      let tell: () => void = () => {};
      state.watch(prefix, () => {
        told++;
        tell();
      }, end.signal);
      // A subscription is at work once an answer came back over the same connection.
      await state.get(prefix);
      for (
        const change of [
          () => under.another.put(`${prefix}.a`, "1"),
          () => under.another.put(prefix, "1"),
          () => under.another.delete(`${prefix}.a`),
        ]
      ) {
        const heard = new Promise<void>((resolve) => tell = resolve);
        await change();
        await within(heard, 5_000);
      }
      end.abort();
      await state.get(prefix);
      const before = told;
      await under.another.put(`${prefix}.b`, "1");
      await state.get(prefix);
      assert.equal(told, before);
    });
  });
}

async function rejection(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  assert.fail("The call did not reject");
}

async function within<T>(promise: Promise<T>, ms: number): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`Nothing happened within ${ms} ms`)), ms);
  });
  return await Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
